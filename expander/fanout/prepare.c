/* Who gets a post. */
#include "expander/fanout/prepare.h"

#include "base/mem.h"
#include "expander/fanout/chosen.h"
#include "expander/fanout/order.h"
#include "expander/fanout/sift.h"
#include "mail/address.h"
#include "policies/preferences.h"

#include <stdlib.h>
#include <string.h>

/* One list that is being prepared. */
struct choosing {
	const struct preparing *p;
	const struct destination *destination;
	struct list *list;
	const char *const *style;
	struct roster *roster;
	struct complaint *why;
};

static bool
says_yes(const struct choosing *c, enum style_id id)
{
	return c->style[id] != NULL && strcmp(c->style[id], "yes") == 0;
}

static bool
add_member(void *arg, const struct member *m)
{
	roster_add(arg, m->canonical, address_to_send(m->canonical, m->spelling), m->preferences);
	return true;
}

/* ---- lists within the list ---- */

/* A walk that hands lists over. */
struct parting {
	const struct choosing *c;
	member_fn *fn;
	void *arg;
	struct set *met, *flat;           /* what may be lists; and what is none, each with its NUL */
	size_t told;                      /* how many of those that were met have been asked about */
};

static bool
set_apart(void *arg, const char *canonical)
{
	struct parting *p = arg;
	size_t size = strlen(canonical) + 1;

	if (site_destination(p->c->p->site, canonical) == NULL || set_has(p->flat, canonical, size))
		return false;
	(void)set_add(p->met, canonical, size);
	return true;
}

/* A member may be a list of another source, where nobody else has addresses. */
static bool
take_or_part(void *arg, const struct member *m)
{
	struct parting *p = arg;
	const struct destination *d = site_destination(p->c->p->site, m->canonical);

	return (d != NULL && !d->shared && set_apart(p, m->canonical)) || p->fn(p->arg, m);
}

/* Which of those that were met are lists. *again: some are none, and belong to the walk. */
static enum found
tell_apart(struct parting *p, struct text_list *apart, bool *again)
{
	enum found found = FOUND_YES;

	*again = false;
	for (; found != FOUND_UNSURE && p->told < set_count(p->met); p->told++) {
		size_t size;
		const char *canonical = set_at(p->met, p->told, &size);
		const struct destination *d = site_destination(p->c->p->site, canonical);
		struct target t = { 0 };

		found = site_find(d, canonical, p->c->p->by, &t, p->c->why);
		if (found == FOUND_YES && t.role == ROLE_POST) {
			const char *own = t.list->address;

			if (strcmp(own, p->c->list->address) != 0)
				text_list_add_once(apart, own);
		} else if (found != FOUND_UNSURE && set_add(p->flat, canonical, size)) {
			*again = true;
		}
		target_drop(&t);
	}
	return found == FOUND_UNSURE ? FOUND_UNSURE : FOUND_YES;
}

/* The members as the source names them; lists within go to `apart`, if they are handed the post. */
static enum found
walk(const struct choosing *c, member_fn *fn, void *arg, struct text_list *apart,
     struct walk_report *report)
{
	struct parting p = { .c = c, .fn = fn, .arg = arg };
	struct occasion occasion = *c->p->occasion;
	enum found found;
	bool again = true;

	if (strcmp(c->style[STYLE_NESTED], "hand-over") != 0)
		return source_each_recipient(c->destination->source, c->list, &occasion, c->p->by, fn, arg,
		                             report, c->why);
	p.met = set_open();
	p.flat = set_open();
	occasion.apart = set_apart;
	occasion.apart_arg = &p;
	do {
		found = source_each_recipient(c->destination->source, c->list, &occasion, c->p->by,
		                              take_or_part, &p, report, c->why);
		if (found == FOUND_YES)
			found = tell_apart(&p, apart, &again);
	} while (found == FOUND_YES && again);
	set_close(&p.met);
	set_close(&p.flat);
	return found;
}

/* ---- the poster ---- */

static bool
add_address(void *arg, const struct member *m)
{
	(void)set_add(arg, m->canonical, strlen(m->canonical) + 1);
	return true;
}

static bool
wants(const struct roster *r, unsigned preference)
{
	for (size_t i = 0; i < r->count; i++)
		if ((r->people[r->order[i]].preferences & preference) != 0)
			return true;
	return false;
}

/*
 * All addresses of the poster as far as the source knows; none where there is no poster. The
 * reverse-path is what it says: whoever forges one keeps a copy from that address, and nothing else.
 */
static enum found
find_poster(const struct choosing *c, struct set *addresses)
{
	const char *sender = c->p->occasion->sender;
	struct complaint unused;
	struct address a;
	enum found found;

	if (*sender == '\0' || address_parse_inner(&a, sender, strlen(sender), &unused) < 0)
		return FOUND_YES;
	(void)set_add(addresses, a.canonical, strlen(a.canonical) + 1);
	found = source_each_address(c->destination->source, a.canonical, c->p->by, add_address, addresses,
	                            c->why);
	address_free(&a);
	return found == FOUND_UNSURE ? FOUND_UNSURE : FOUND_YES;
}

static enum found
leave_out_poster(const struct choosing *c, bool heed)
{
	bool always = says_yes(c, STYLE_NOT_ME);
	struct set *addresses;
	enum found found;

	if (!always && !(heed && wants(c->roster, PREFER_NOT_MINE)))
		return FOUND_YES;
	addresses = set_open();
	found = find_poster(c, addresses);
	for (size_t i = 0; found == FOUND_YES && i < set_count(addresses); i++) {
		size_t unused;
		const char *canonical = set_at(addresses, i, &unused);
		uint32_t number;

		if (always)
			roster_bar(c->roster, canonical, OUT_POSTER);
		else if (roster_find(c->roster, canonical, &number) &&
		         (c->roster->people[number].preferences & PREFER_NOT_MINE) != 0)
			roster_bar(c->roster, canonical, OUT_NOT_MINE);
	}
	set_close(&addresses);
	return found;
}

/* ---- what members want ---- */

static void
take_preference(void *arg, const char *canonical, unsigned preferences)
{
	struct roster *r = arg;
	uint32_t number;

	if (roster_find(r, canonical, &number))
		r->people[number].preferences |= (uint8_t)preferences;
}

static enum found
heed_preferences(const struct choosing *c)
{
	struct roster *r = c->roster;

	if (preferences_each(c->p->site, PREFERENCES_ALL, take_preference, r, c->why) < 0 ||
	    preferences_each(c->p->site, c->list->address, take_preference, r, c->why) < 0)
		return FOUND_UNSURE;
	for (size_t i = 0; i < r->count; i++) {
		struct listed *one = &r->people[r->order[i]];

		if (one->out != OUT_NOT)
			continue;
		if ((one->preferences & PREFER_NO_MAIL) != 0)
			one->out = OUT_NO_MAIL;
		else if ((one->preferences & PREFER_DIGEST) != 0)
			one->out = OUT_DIGEST;
	}
	return FOUND_YES;
}

/* ---- without ---- */

static bool
bar_member(void *arg, const struct member *m)
{
	roster_bar(arg, m->canonical, OUT_WITHOUT);
	return true;
}

/* The members of a list, or the one address. A list that is gone has left out nobody: unsure. */
static enum found
leave_out(const struct choosing *c, const char *canonical)
{
	const struct destination *d = site_destination(c->p->site, canonical);
	struct walk_report unused;
	struct list *list = NULL;
	enum found found = FOUND_NO;
	size_t which;

	if (d != NULL)
		found = source_find_list(d->source, &canonical, 1, c->p->by, &list, &which, c->why);
	if (found == FOUND_YES)
		found = source_each_recipient(d->source, list, c->p->occasion, c->p->by, bar_member,
		                              c->roster, &unused, c->why);
	else if (found == FOUND_NO && (d == NULL || d->shared))
		roster_bar(c->roster, canonical, OUT_WITHOUT);
	list_drop(&list);
	if (found != FOUND_NO || d == NULL || d->shared)
		return found == FOUND_UNSURE ? FOUND_UNSURE : FOUND_YES;
	(void)complain(c->why, "without: there is no list %s", canonical);
	return FOUND_UNSURE;
}

static enum found
leave_out_all(const struct choosing *c)
{
	const char *text = c->style[STYLE_WITHOUT], *filter = c->style[STYLE_WITHOUT_FILTER], *word;
	enum found found = FOUND_YES;
	size_t length;

	while (text != NULL && found == FOUND_YES && style_word(&text, &word, &length)) {
		char *one = mem_copy(word, length), *filled = list_fill_text(one, c->list->address);
		struct address a;

		if (address_parse(&a, filled, strlen(filled), c->why) < 0) {
			(void)complain_within(c->why, "without");
			found = FOUND_UNSURE;
		} else {
			found = leave_out(c, a.canonical);
			address_free(&a);
		}
		free(filled);
		free(one);
	}
	if (found == FOUND_YES && filter != NULL)
		found = source_each_match(c->destination->source, filter, c->p->by, bar_member, c->roster,
		                          c->why);
	return found;
}

/* ---- all steps ---- */

/* But for those of lists before, and the order. */
static enum found
choose(const struct choosing *c, const char *address, struct walk_report *report)
{
	struct roster *r = c->roster;
	bool heed = says_yes(c, STYLE_PREFERENCES);
	enum found found;

	/* A list that names itself is no member of itself. */
	roster_bar(r, c->list->address, OUT_LIST);
	roster_bar(r, address, OUT_LIST);
	found = walk(c, add_member, r, &r->apart, report);
	if (found != FOUND_YES)
		return found;
	if (leave_out_all(c) != FOUND_YES || (heed && heed_preferences(c) != FOUND_YES) ||
	    leave_out_poster(c, heed) != FOUND_YES)
		return FOUND_UNSURE;
	if (c->style[STYLE_PROGRAM] != NULL && sift(c->p, c->list, c->style, r, c->why) < 0)
		return FOUND_UNSURE;
	return FOUND_YES;
}

/* Another list of the post, as it has its members itself. FOUND_NO: it is gone, and has none. */
static enum found
find_other(const struct preparing *p, const char *address, struct choosing *c,
           const char *style[STYLE_COUNT], struct complaint *why)
{
	const struct destination *d = site_destination(p->site, address);
	size_t which;
	enum found found;

	*c = (struct choosing){ .p = p, .destination = d, .style = style, .why = why };
	found = d == NULL ? FOUND_NO
	                  : source_find_list(d->source, &address, 1, p->by, &c->list, &which, why);
	if (found == FOUND_YES && destination_style(d, c->list, style, why) < 0) {
		list_drop(&c->list);
		found = FOUND_UNSURE;
	}
	return found;
}

/* Who is in, each with its NUL. */
static struct set *
those_in(const struct roster *r)
{
	struct set *in = set_open();

	for (size_t i = 0; i < r->count; i++) {
		const char *canonical = roster_canonical(r, r->order[i]);

		if (r->people[r->order[i]].out == OUT_NOT)
			(void)set_add(in, canonical, strlen(canonical) + 1);
	}
	return in;
}

/* Those who get the post from another list, as that one prepares them. */
static enum found
read_other(struct choosing *c, const char *address, struct set **in_r)
{
	struct walk_report unused;
	struct roster theirs;
	enum found found;

	roster_open(&theirs);
	c->roster = &theirs;
	found = choose(c, address, &unused);
	if (found == FOUND_YES)
		*in_r = those_in(&theirs);
	c->roster = NULL;
	roster_close(&theirs);
	return found;
}

static void
bar_all(struct roster *r, const struct set *in)
{
	size_t size;

	for (size_t i = 0; i < set_count(in); i++)
		roster_bar(r, set_at(in, i, &size), OUT_BEFORE);
}

/* Leaves out those who get the post from a list that it came for before: as is remembered, or read now. */
static enum found
bar_before(const struct preparing *p, const char *address, struct roster *r, struct complaint *why)
{
	const char *style[STYLE_COUNT];
	struct chosen *chosen = NULL;
	struct set *in = NULL;
	struct choosing c;
	enum found found = find_other(p, address, &c, style, why);

	if (found == FOUND_YES && p->post != NULL) {
		chosen = chosen_take(p->post, c.list->address, p->by);
		if (chosen == NULL) {
			(void)complain(why, "no time to wait for the members of %s", address);
			found = FOUND_UNSURE;
		}
	}
	if (found == FOUND_YES && (chosen == NULL || chosen_addresses(chosen) == NULL))
		found = read_other(&c, address, &in);
	if (found == FOUND_YES)
		bar_all(r, in == NULL ? chosen_addresses(chosen) : in);
	if (in != NULL && chosen != NULL)
		chosen_tell(chosen, &in);
	chosen_drop(&chosen);
	set_close(&in);
	list_drop(&c.list);
	return found;
}

static bool
pass_over(void *arg, const struct member *m)
{
	(void)arg;
	(void)m;
	return true;
}

enum found
prepare_apart(const struct preparing *p, const char *address, struct text_list *apart, struct complaint *why)
{
	const char *style[STYLE_COUNT];
	struct walk_report unused;
	struct choosing c;
	enum found found = find_other(p, address, &c, style, why);

	/* Without handing over there is nothing to look for. */
	if (found == FOUND_YES && strcmp(style[STYLE_NESTED], "hand-over") == 0)
		found = walk(&c, pass_over, NULL, apart, &unused);
	list_drop(&c.list);
	return found;
}

/* The same of the list itself, and tells its other lists, which may wait for that. */
static enum found
choose_and_tell(const struct choosing *c, const char *address, struct walk_report *report)
{
	const struct preparing *p = c->p;
	const char *own = c->list->address;
	struct chosen *chosen = p->post != NULL && p->several ? chosen_begin(p->post, own) : NULL;
	enum found found = choose(c, address, report);
	struct set *in;

	if (chosen == NULL && p->post != NULL && !p->several && c->roster->apart.count > 0)
		chosen = chosen_begin(p->post, own);
	if (found == FOUND_YES && chosen != NULL) {
		in = those_in(c->roster);
		chosen_tell(chosen, &in);
	}
	chosen_drop(&chosen);
	return found;
}

enum found
prepare_members(const struct preparing *p, const struct destination *d, struct list *list,
                const char *address, struct roster *r, struct walk_report *report, struct complaint *why)
{
	const char *style[STYLE_COUNT];
	enum found found;

	if (destination_style(d, list, style, why) < 0)
		return FOUND_UNSURE;
	found = choose_and_tell(&(struct choosing){ p, d, list, style, r, why }, address, report);
	for (size_t i = 0; found == FOUND_YES && i < p->before->count; i++)
		if (bar_before(p, p->before->items[i], r, why) == FOUND_UNSURE)
			found = FOUND_UNSURE;
	if (found == FOUND_YES)
		order_roster(r, style[STYLE_ORDER], p);
	return found;
}
