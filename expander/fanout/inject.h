/*
 * The workers of the outbound queue: lanes, each with a connection of its own to the MTA, that take
 * batches of the posts under way and inject them. Before the end of a batch's data its intent is on
 * disk, after the MTA's reply its result is written.
 */
#ifndef EXPANDER_FANOUT_INJECT_H
#define EXPANDER_FANOUT_INJECT_H

#include "expander/fanout/farm.h"
#include "expander/fanout/lane.h"
#include "expander/fanout/turns.h"
#include "expander/work.h"

struct injector;

/* Takes over what an operator has set. */
struct injector *injector_open(struct work *, struct paces *);

/* One lane, of as many as the MTAs have: runs until work->stopping. */
void injector_lane(struct injector *);

/* Settles batches that are in doubt; runs until injector_stop(). */
void injector_doubts(struct injector *);
void injector_stop(struct injector *);

/*
 * Lets somebody look at what the pace depends on, or change what an operator has set; under the lock. Lanes
 * look for work afresh then.
 */
typedef void pacing_fn(void *arg, struct turns *, struct farm *, const struct lane *);
void injector_pacing(struct injector *, pacing_fn *, void *arg);

/* When all of these have ended. */
void injector_close(struct injector **);

#endif
