/*
 * A program that is run for what it prints: no shell, a process group of its own, and an end to its
 * time, its memory and its output. One thread at a time.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/complaint.h"

#include <stddef.h>
#include <stdint.h>

enum { CHILD_LONGEST_LINE = 4096 };

/* For the environment of one. */
#define CHILD_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct child_terms {
	int64_t memory;                   /* bytes of address space, of each of its processes */
	int64_t output;                   /* bytes altogether */
	struct deadline by;               /* what has not ended then is killed */
	int input;                        /* a file that it reads from its beginning; -1: nothing */
};

struct child;

/*
 * Starts argv[0], which is a path. Both arrays end with NULL, and the environment is all that it
 * gets. It works in the root directory, with the signals of a program that was just started. NULL
 * with a complaint where it cannot be started.
 */
struct child *child_start(const char *const *argv, const char *const *environment,
                          const struct child_terms *, struct complaint *);

/*
 * The next line that it prints, without its LF and in place until the next call. 1: here it is; 0:
 * there is no more; -1: the time is over, it prints more than it may, a line is longer than
 * CHILD_LONGEST_LINE, or the last one has no end.
 */
int child_line(struct child *, const char **line, size_t *length, struct complaint *);

/*
 * Adds all that it prints until its end. -1: the time is over, it prints more than it may, or is not
 * wanted any more.
 */
int child_text(struct child *, struct bytes *, struct complaint *);

/*
 * Waits for its end, and ends what it left running. The exit status; -1 where it had to be killed or
 * was ended by a signal. Unless that is 0 the complaint says so, with what it wrote to its standard
 * error output.
 */
int child_end(struct child **, struct complaint *);

/* Ends it at once, in the middle of whatever it does. */
void child_kill(struct child **);

#endif
