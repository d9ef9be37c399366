/*
 * Running a program of the site's: never through a shell, with little environment, within limits on
 * time, memory and what it says. It and whatever it has started is killed at its end.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/complaint.h"

#include <stdint.h>

struct child {
	const char *path;
	char *const *environment;         /* NAME=value each, ended by NULL; PATH is added */
	int input;                        /* a file that it reads from its beginning; -1: it is empty */
	int64_t memory;                   /* bytes of address space */
	size_t output;                    /* bytes it may say on its standard output */
	struct deadline by;
	int cancelled;                    /* becomes readable when it is not wanted any more; or -1 */
};

/*
 * Waits for its end; what it said is added. Its exit status, or -1 with a complaint: it could not be
 * run, was killed by a signal, said too much, took too long or was not wanted any more. Any thread.
 */
int child_run(const struct child *, struct bytes *said, struct complaint *);

#endif
