/*
 * Reports on posts that did not reach everybody go into the bounce queue as messages like any
 * other.
 */
#ifndef EXPANDER_FANOUT_REPORT_H
#define EXPANDER_FANOUT_REPORT_H

#include "expander/service.h"
#include "queues/queue.h"

/*
 * Reports the refusals of an entry, and, with a `reason`, that it is given up: its waiting
 * recipients then count as failures, too. Nothing for an entry that is a report or a bounce itself,
 * or has nothing to report. Safe to repeat. -1 with a complaint: it could not be stored.
 */
int report_failures(struct entry *, const struct site *, const struct distribution *,
                    const struct tally *, const char *reason, struct complaint *);

/*
 * Stores a message of ours that is to go to whoever looks after a list, under the name that `key`
 * makes: 0, or 1 where it was stored before. -1 with a complaint.
 */
int report_store(struct queues *, const struct bytes *text, const struct envelope *, const char *key,
                 char id[DIGEST_NAME + 1], struct complaint *);

#endif
