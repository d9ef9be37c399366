/*
 * What all workers of this process share, and how they are told to stop: first kindly, and when that
 * takes too long, whatever they are doing.
 */
#ifndef EXPANDER_WORK_H
#define EXPANDER_WORK_H

#include "base/monitor.h"
#include "queues/queue.h"

struct work {
	struct queues *queues;            /* closed under the monitor */
	struct monitor monitor;           /* over what follows */
	bool stopping;
	int abandon;                      /* can be read from once nothing is to be waited for any more */
};

/* A worker: runs until work_stopping(), and is woken from its waits by the queues. */
typedef void worker_fn(struct work *);

void work_init(struct work *, struct queues *);
void work_close(struct work *);           /* with the queues, and nobody works any more */

bool work_stopping(struct work *);
void work_stop(struct work *);

/*
 * Patience is over: whoever waits for a server gives up. May be called by any thread, at any time
 * until the process ends.
 */
void work_abandon(struct work *);

/* The process ends now, whoever still works. The same. */
void work_leave(struct work *);

/* Sleeps, but not past work_stop(). */
void work_pause(struct work *, int64_t milliseconds);

#endif
