/*
 * Walking lists of a source that keeps members as addresses: a member that is the address of a list
 * is that list, and is walked in its place. Looked up are members in the domain of a list on the way
 * to them; others are people. Breadth-first: a list is read to its end before the next, so that a
 * source needs only one reading at a time. One thread.
 */
#ifndef SOURCES_NESTED_H
#define SOURCES_NESTED_H

#include "mail/address.h"
#include "sources/source.h"

struct nested;

/* What the source does for it. `arg` is the caller's. */
struct nested_ops {
	/* The list of this address. NULL: no member is ever a list. */
	enum found (*find)(void *arg, const char *canonical, struct list **list_r, struct complaint *);
	/*
	 * Calls nested_take() for all people of one list. FOUND_NO: there is no such list any more.
	 */
	enum found (*read)(void *arg, const struct list *, enum people, struct nested *,
	                   struct complaint *);
};

/* As source_ops.each_member, of which it takes the parameters. Owners that are lists are walked. */
enum found nested_walk(const struct nested_ops *, void *ops_arg, const struct list *, enum people,
                       member_fn *, void *arg, struct walk_report *, struct complaint *);

/*
 * One member of the list that is being read. Its `via` are the groups below it by which the member
 * is one, that list included; NULL: none. False: the reading ends, and nested_walk() says why.
 */
bool nested_take(struct nested *, const struct member *);

/* The same of a text that may be no address: it is refused then, see source_refuse(). */
bool nested_take_text(struct nested *, const char *text, size_t length);

/* A member of it who is left out. */
void nested_omit(struct nested *, enum omission, const char *what, size_t length);

/* What is being walked, to count in. */
struct walk_report *nested_report(struct nested *);

#endif
