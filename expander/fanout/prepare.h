/*
 * From a list to those who get one post to it: the members, without those who are left out, in the
 * order in which they are sent to. What cannot be learnt whole, at any step, makes all of it unsure.
 *
 * The answer depends on the list, the post and what the source says, and not on what other lists of
 * the post have done already.
 */
#ifndef EXPANDER_FANOUT_PREPARE_H
#define EXPANDER_FANOUT_PREPARE_H

#include "expander/fanout/roster.h"
#include "policies/site.h"

struct preparing {
	const struct site *site;
	const struct occasion *occasion;  /* its sender is the poster */
	const struct text_list *before;   /* lists that the post came for as well, whose members have it */
	struct deadline by;
	/* What tells the post from others; NULL: nothing is remembered for its other lists. */
	const char *post;
	bool several;                     /* it has other lists than this one */
};

/*
 * Fills a roster that is open. `address` is what the list was asked for by. FOUND_NO: the list is
 * gone. FOUND_UNSURE with a complaint.
 */
/* The roster's `apart` are lists that are handed the post: by `nested`. */
enum found prepare_members(const struct preparing *, const struct destination *, struct list *,
                           const char *address, struct roster *, struct walk_report *,
                           struct complaint *);

/*
 * The lists within a list that it hands its posts over to: their own addresses, each once. FOUND_NO:
 * the list is gone. FOUND_UNSURE with a complaint.
 */
enum found prepare_apart(const struct preparing *, const char *address, struct text_list *apart,
                         struct complaint *);

#endif
