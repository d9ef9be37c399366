/*
 * Signs of life of the working threads. Before whatever may take long a thread says how long that is
 * at most. One that is late by more than a margin is stuck; the main thread then stops telling the
 * service manager that the process lives, which ends it.
 *
 * Threads: every thread has its own pulse; pulse_late() may be called by any.
 */
#ifndef EXPANDER_PULSE_H
#define EXPANDER_PULSE_H

#include <stdint.h>

/* `name` must last. */
void pulse_begin(const char *name);
void pulse_end(void);

/* What comes now takes at most so many ms, not counting work on this host. */
void pulse_step(int64_t most);

/*
 * The thread is about to wait for work: for how many ms it should, at most as many as given. It is
 * less where somebody wants to see it live.
 */
int64_t pulse_rest(int64_t most);

/* The name of a thread that is late, or NULL. */
const char *pulse_late(void);

#endif
