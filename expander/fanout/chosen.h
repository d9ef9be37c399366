/*
 * Who gets a post by each of its lists, remembered while the lists behind are worked on: each of them
 * leaves out who has it by those before, and would read all of these once more. What is forgotten is
 * read again; nothing depends on it but time.
 *
 * Threads: any.
 */
#ifndef EXPANDER_FANOUT_CHOSEN_H
#define EXPANDER_FANOUT_CHOSEN_H

#include "base/clock.h"
#include "base/set.h"

struct chosen;

/* For who reads the list anyway: a reference by which to tell; NULL where somebody knows or does already. */
struct chosen *chosen_begin(const char *post, const char *list);

/*
 * For who needs to know: waits while somebody reads the list, until the deadline. A reference; where
 * chosen_addresses() is NULL then, it is for the caller to read it, and to tell.
 */
struct chosen *chosen_take(const char *post, const char *list, struct deadline);

/* Canonical addresses, which stay while the reference is held; NULL: not known yet. */
const struct set *chosen_addresses(const struct chosen *);

/* Tells; takes over the set. Once, and by who was to. */
void chosen_tell(struct chosen *, struct set **);

/* Gives a reference back; who was to tell and has not leaves it to the next. NULL is nothing. */
void chosen_drop(struct chosen **);

#endif
