/*
 * Several sources as one: a list that several know has the members and owners of all, and its name,
 * its errors address and its settings from the first that has them; who may post is what all say
 * together. Where one is unsure, all are, since a part of the members may be missing.
 *
 * A list is what has its own address: sources that find lists with different ones by the same
 * alternate are unsure together. A member that one source takes for a person may be a list of
 * another; it is walked as nested.h says. What a source itself knows as a list within a list it walks
 * itself, with the members that it knows.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/set.h"
#include "sources/nested.h"
#include "sources/union.h"

#include <stdlib.h>
#include <string.h>

/* How to look for a list. */
enum manner { MANNER_ASK, MANNER_FRESH, MANNER_PEEK, MANNER_STALE };

static enum found
look_in(struct source *s, enum manner manner, const char *const *addresses, size_t count,
        struct deadline by, struct list **list_r, size_t *which_r, struct complaint *why)
{
	if (manner == MANNER_ASK)
		return source_find_list(s, addresses, count, by, list_r, which_r, why);
	if (manner == MANNER_FRESH)
		return source_find_fresh(s, addresses, count, by, list_r, which_r, why);
	return source_peek_list(s, addresses, count, manner == MANNER_STALE, list_r, which_r);
}

/* The stricter of what they say counts. */
static void
merge_limits(struct list *merged, const struct list *l)
{
	if (l->state > merged->state) {
		merged->state = l->state;
		free(merged->state_reason);
		merged->state_reason = mem_text(l->state_reason);
	}
	if (merged->refusal == NULL)
		merged->refusal = mem_text(l->refusal);
	if (l->max_size > 0 && (merged->max_size == 0 || l->max_size < merged->max_size))
		merged->max_size = l->max_size;
}

/* A list as several sources have it. Some are NULL, not all. */
static struct list *
merge(const struct united *u, struct list *const *lists)
{
	const char *address = NULL, *name = NULL, *errors = NULL;
	const struct text_list *settings = NULL;
	struct poster_list posters = { 0 };
	struct bytes keys = { 0 };
	struct list *merged;

	for (size_t i = 0; i < u->count; i++) {
		const struct list *l = lists[i];

		if (l == NULL)
			continue;
		address = l->address;
		name = name == NULL ? l->name : name;
		errors = errors == NULL ? l->errors : errors;
		if (settings == NULL && l->settings.count > 0)
			settings = &l->settings;
		posters_copy(&posters, &l->posters);
		bytes_format(&keys, "%s%s: %s", keys.length == 0 ? "" : "; ", u->inner[i]->name, l->key);
	}
	merged = list_new(mem_text(address), mem_text(name), bytes_take(&keys), mem_text(errors));
	merged->posters = posters;
	if (settings != NULL)
		text_list_add_all(&merged->settings, settings);
	for (size_t i = 0; i < u->count; i++)
		if (lists[i] != NULL)
			merge_limits(merged, lists[i]);
	return merged;
}

/* The own address that all lists have; NULL with a complaint. */
static const char *
own_address(const struct united *u, struct list *const *lists, struct complaint *why)
{
	size_t first = u->count;

	for (size_t i = 0; i < u->count; i++) {
		if (lists[i] != NULL && first == u->count)
			first = i;
		if (lists[i] == NULL || strcmp(lists[i]->address, lists[first]->address) == 0)
			continue;
		(void)complain(why, "the same address is the list %s in %s, and %s in %s",
		               lists[first]->address, u->inner[first]->name, lists[i]->address,
		               u->inner[i]->name);
		return NULL;
	}
	return lists[first]->address;
}

/*
 * Asks all sources for the addresses, and keeps the lists of the first address that is one: *best_r,
 * `count` where none is.
 */
static enum found
look_in_all(const struct united *u, enum manner manner, const char *const *addresses, size_t count,
            struct deadline by, struct list **lists, size_t *best_r, struct complaint *why)
{
	enum found none = FOUND_NO;

	*best_r = count;
	for (size_t i = 0; i < u->count; i++) {
		size_t which = 0;
		enum found found = look_in(u->inner[i], manner, addresses, count, by, &lists[i], &which,
		                           why);

		if (found == FOUND_UNSURE && manner != MANNER_STALE)
			return FOUND_UNSURE;
		if (found == FOUND_UNSURE)
			none = FOUND_UNSURE;
		if (found != FOUND_YES || which > *best_r) {
			list_drop(&lists[i]);
			continue;
		}
		for (size_t k = 0; k < i && which < *best_r; k++)
			list_drop(&lists[k]);
		*best_r = which;
	}
	return *best_r < count ? FOUND_YES : none;
}

/* A list was found by an alternate: those who do not know that may know the list. */
static enum found
look_by_own_address(const struct united *u, enum manner manner, const char *own, struct deadline by,
                    struct list **lists, struct complaint *why)
{
	for (size_t i = 0; i < u->count; i++) {
		size_t which;

		if (lists[i] == NULL &&
		    look_in(u->inner[i], manner, &own, 1, by, &lists[i], &which, why) == FOUND_UNSURE &&
		    manner != MANNER_STALE)
			return FOUND_UNSURE;
	}
	return own_address(u, lists, why) == NULL ? FOUND_UNSURE : FOUND_YES;
}

static enum found
look(const struct united *u, enum manner manner, const char *const *addresses, size_t count,
     struct deadline by, struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct list **lists = mem_array(u->count, sizeof(struct list *));
	enum found found = look_in_all(u, manner, addresses, count, by, lists, which_r, why);
	const char *own = found == FOUND_YES ? own_address(u, lists, why) : NULL;

	if (found == FOUND_YES && own == NULL)
		found = FOUND_UNSURE;
	if (own != NULL && strcmp(own, addresses[*which_r]) != 0) {
		char *copy = mem_text(own);

		found = look_by_own_address(u, manner, copy, by, lists, why);
		free(copy);
	}
	if (found == FOUND_YES)
		*list_r = merge(u, lists);
	for (size_t i = 0; i < u->count; i++)
		list_drop(&lists[i]);
	free(lists);
	return found;
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	return look((struct united *)s, MANNER_ASK, addresses, count, by, list_r, which_r, why);
}

static enum found
peek_list(struct source *s, const char *const *addresses, size_t count, bool stale,
          struct list **list_r, size_t *which_r)
{
	struct complaint unused;

	return look((struct united *)s, stale ? MANNER_STALE : MANNER_PEEK, addresses, count,
	            deadline_in(0), list_r, which_r, &unused);
}

/* ---- members ---- */

struct walk {
	const struct united *united;
	const struct occasion *occasion;  /* NULL: for no message */
	struct deadline by;
};

static enum found
find_nested(void *arg, const char *canonical, struct list **list_r, struct complaint *why)
{
	const struct walk *w = arg;
	size_t which;

	return look(w->united, MANNER_FRESH, &canonical, 1, w->by, list_r, &which, why);
}

static bool
take(void *arg, const struct member *m)
{
	return nested_take(arg, m);
}

/* The people of a list in one source. FOUND_NO: it has no such list. */
static enum found
read_from(const struct walk *w, struct source *s, const struct list *list, enum people whom,
          struct nested *n, struct complaint *why)
{
	const char *address = list->address;
	struct walk_report *all = nested_report(n), one = { 0 };
	struct list *own = NULL;
	size_t which;
	enum found found = source_find_fresh(s, &address, 1, w->by, &own, &which, why);

	if (found != FOUND_YES)
		return found;
	if (strcmp(own->address, address) != 0) {
		(void)complain(why, "%s is the list %s in %s", address, own->address, s->name);
		found = FOUND_UNSURE;
	} else if (w->occasion != NULL) {
		found = source_each_recipient(s, own, w->occasion, w->by, take, n, &one, why);
	} else {
		found = source_each_member_told(s, own, whom, w->by, take, n, all->omitted,
		                                all->omitted_arg, &one, why);
	}
	if (found == FOUND_NO) {
		(void)complain(why, "%s: %s was there, and is gone", s->name, address);
		found = FOUND_UNSURE;
	}
	if (found == FOUND_YES)
		all->groups += one.groups - 1;
	all->dangling += one.dangling;
	all->without_address += one.without_address;
	source_refuse_too(all, &one);
	all->closed += one.closed;
	list_drop(&own);
	return found;
}

static enum found
read_list(void *arg, const struct list *list, enum people whom, struct nested *n, struct complaint *why)
{
	const struct walk *w = arg;
	enum found found = FOUND_NO;

	for (size_t i = 0; i < w->united->count && found != FOUND_UNSURE; i++) {
		enum found one = read_from(w, w->united->inner[i], list, whom, n, why);

		if (one != FOUND_NO)
			found = one;
	}
	return found;
}

static const struct nested_ops nested = { find_nested, read_list };

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct walk w = { (struct united *)s, NULL, by };

	return nested_walk(&nested, &w, list, whom, fn, arg, report, why);
}

static enum found
each_recipient(struct source *s, const struct list *list, const struct occasion *occasion,
               struct deadline by, member_fn *fn, void *arg, struct walk_report *report,
               struct complaint *why)
{
	struct walk w = { (struct united *)s, occasion, by };

	return nested_walk(&nested, &w, list, PEOPLE_MEMBERS, fn, arg, report, why);
}

/* ---- all lists ---- */

struct naming {
	const struct united *united;
	struct deadline by;
	list_fn *fn;
	void *arg;
	struct set *seen;                 /* own addresses */
	struct complaint *why;
};

/* A list that one source names, as all of them have it; its other addresses are those of the first. */
static bool
name_one(void *arg, const struct list *list, const struct text_list *also)
{
	struct naming *n = arg;
	const char *address = list->address;
	struct list *whole = NULL;
	enum found found;
	size_t which;
	bool more = true;

	if (!set_add(n->seen, address, strlen(address)))
		return true;
	found = look(n->united, MANNER_FRESH, &address, 1, n->by, &whole, &which, n->why);
	if (found == FOUND_YES)
		more = n->fn(n->arg, whole, also);
	list_drop(&whole);
	return more && found != FOUND_UNSURE;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	struct naming n = { (struct united *)s, by, fn, arg, set_open(), why };
	enum found found = FOUND_YES;

	for (size_t i = 0; i < n.united->count && found == FOUND_YES; i++)
		found = source_each_list(n.united->inner[i], domain, by, name_one, &n, why);
	set_close(&n.seen);
	return found;
}

static enum found
probe(struct source *s, struct deadline by, struct complaint *why)
{
	const struct united *u = (struct united *)s;

	for (size_t i = 0; i < u->count; i++)
		if (source_probe(u->inner[i], by, why) == FOUND_UNSURE)
			return FOUND_UNSURE;
	return FOUND_NO;
}

static void
close_source(struct source *s)
{
	struct united *u = (struct united *)s;

	free(u->inner);
	free(u);
}

static const struct source_ops ops = {
	.kind = "union",
	.moderators = true,               /* if any of the sources has them */
	.find_list = find_list,
	.peek_list = peek_list,
	.each_member = each_member,
	.each_recipient = each_recipient,
	.each_list = each_list,
	.each_address = united_each_address,
	.each_match = united_each_match,
	.probe = probe,
	.find_person = united_find_person,
	.covers = united_covers,
	.peek_person = united_peek_person,
	.expect_person = united_expect_person,
	.close = close_source,
};

struct source *
source_unite(struct source *const *inner, size_t count)
{
	struct united *u = mem_new(sizeof(*u));
	struct bytes name = { 0 };

	u->inner = mem_array(count, sizeof(struct source *));
	for (u->count = 0; u->count < count; u->count++) {
		u->inner[u->count] = inner[u->count];
		bytes_format(&name, "%s%s", u->count == 0 ? "" : "+", inner[u->count]->name);
	}
	u->source = (struct source){ &ops, bytes_take(&name) };
	return &u->source;
}
