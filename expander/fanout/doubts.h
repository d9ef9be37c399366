/*
 * Posts with batches in doubt: an intent that a crash left without a result, a connection that was lost or a
 * temporary failure after the end of data. The MTA may have queued such a batch, and tells by its receipt.
 * Heard, now or later: queued. Not heard although the MTA has been answering for `outbound.settle`: it was
 * not, and is sent again.
 *
 * Threads: doubts_add() may be called by any thread, doubts_worker() is one.
 */
#ifndef EXPANDER_FANOUT_DOUBTS_H
#define EXPANDER_FANOUT_DOUBTS_H

#include "expander/fanout/post.h"
#include "expander/work.h"

struct doubts;

/* `back` gets each post, by the worker, when nothing of it is in doubt any more. */
struct doubts *doubts_open(struct work *, void (*back)(void *arg, struct post *), void *arg);

/* Takes over a post that has open batches, and nothing else to do now. */
void doubts_add(struct doubts *, struct post *);

/* Runs until doubts_stop(). */
void doubts_worker(struct doubts *);
void doubts_stop(struct doubts *);
void doubts_close(struct doubts **);

#endif
