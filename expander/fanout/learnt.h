/*
 * How many recipients the MTA takes in one transaction, as it says itself by "452 too many". What was
 * learnt is forgotten after a while, since the MTA may have been told otherwise.
 *
 * Threads: under the injector's lock.
 */
#ifndef EXPANDER_FANOUT_LEARNT_H
#define EXPANDER_FANOUT_LEARNT_H

#include <stddef.h>
#include <stdint.h>

struct learnt {
	size_t most;                      /* 0: not known */
	int64_t at;                       /* ticks: when it was heard */
	size_t odd;                       /* a very small number that was heard once; 0: none */
};

/* The MTA took so many of a batch, and then no more. */
void learnt_limit(struct learnt *, size_t taken, int64_t now);

/* It took so many, and said nothing about a limit. */
void learnt_fine(struct learnt *, size_t taken);

/* How large a batch may be, of at most `most`. */
size_t learnt_most(struct learnt *, size_t most, int64_t now);

#endif
