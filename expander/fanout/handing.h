/*
 * Handing a post over to lists within its list: each gets an entry of its own, where it takes the
 * post from whoever posted.
 *
 * Which lists these are is found for all lists that the post came for together, level by level. So it
 * is the same for whichever of them is worked on first. Of two lists the later one leaves out the
 * members of the earlier: those the post came for are first, in their order, the others follow by
 * address, in whatever order they were found. So everybody gets one copy, and even while the
 * directory changes no two lists can leave out each other's members. The names of the
 * entries depend on the message and the list alone: done again, after a crash or by another list of
 * the post, nothing comes of it twice, and a list that has itself within it is reached once.
 */
#ifndef EXPANDER_FANOUT_HANDING_H
#define EXPANDER_FANOUT_HANDING_H

#include "expander/fanout/prepare.h"
#include "expander/service.h"
#include "queues/queue.h"

/*
 * Hands over the post of an entry. `apart` are the lists within its own. FOUND_YES: all entries are
 * durable, or were there before; those that refuse the post are told of. FOUND_UNSURE with a complaint:
 * it was not learnt whole who takes it, or could not be stored; try again.
 */
enum found handing_run(struct entry *, const struct service *, const struct preparing *,
                       const struct text_list *apart, struct complaint *);

#endif
