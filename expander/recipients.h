/* Freezing the recipients of an entry; and who is told of a list's troubles. */
#ifndef EXPANDER_RECIPIENTS_H
#define EXPANDER_RECIPIENTS_H

#include "base/set.h"
#include "expander/service.h"
#include "queues/queue.h"

/* A distribution list that is being frozen. */
struct freezing {
	struct entry *entry;
	struct set *seen;
	size_t count;
	bool failed;                      /* to be written: why is said */
	struct complaint *why;
};

/* Throws away what an earlier try left. -1 with a complaint. */
int freezing_begin(struct freezing *, struct entry *, struct complaint *);

/* One address, unless it is there already. False when it cannot be written. */
bool freezing_add(struct freezing *, const char *canonical, const char *spelling);

/* The same of one that is known not to be there. */
bool freezing_put(struct freezing *, const char *canonical, const char *spelling);

/*
 * Makes the list durable and whole, and moves the entry to the outbound queue. -1 with a complaint.
 * Ends the freezing in any case.
 */
int freezing_finish(struct freezing *, struct complaint *);
void freezing_abandon(struct freezing *);

/*
 * Whether mail about a list's troubles may go to this address: FOUND_NO where it is a list itself,
 * or in a domain that has nothing else, so that a report never reaches one.
 */
enum found address_is_person(const struct site *, const char *canonical, struct deadline,
                             struct complaint *);

/* Adds who looks after the list: its owners, or moderators. FOUND_YES: all of them, none may be as well. */
enum found freezing_add_keepers(struct freezing *, const struct site *, struct source *,
                                const struct list *, enum people, struct deadline, struct complaint *);

#endif
