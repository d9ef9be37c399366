/*
 * Members that are found by what they say themselves. Two things lead to such a search: a group that is
 * the primary one of people, who are then missing among its values; and the technique memberOf, which
 * fetches the entries of members whose DNs are known already, many at a time.
 *
 * memberOf is a short cut and no proof, since it may be kept late, in part or not at all: of what it
 * finds only that counts which the group has as value, and what it does not find is read by itself.
 */
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

/* Below so many members one search more is not worth its round trip. */
enum { FEW = 3 };

struct finding {
	struct walk *walk;
	const struct todo *from;          /* who asks: one, or of `count` the one whose number it is */
	size_t count;
};

static bool
run(struct finding *f, struct bytes *filter, bool (*entry)(void *, LDAPMessage *), const char *doing)
{
	struct walk *w = f->walk;
	const struct dynamic d = { .base = w->config->base, .scope = LDAP_SCOPE_SUBTREE,
		                   .filter = filter->data };

	return walk_find(w, &d, doing, entry, f);
}

void
walk_queue_finds(struct walk *w, LDAPMessage *entry, const struct via *via, size_t members)
{
	const struct names *n = &w->config->names;
	char *number = ldap_value(w->conn, entry, n->primary_group);
	char *dn = ldap_get_dn(w->conn->ld, entry);

	if (number != NULL && n->primary_member != NULL && !text_same(n->primary_member, "none"))
		todo_add(&w->primaries, number, strlen(number), via);
	if (w->technique == TECHNIQUE_MEMBEROF && members > FEW)
		todo_add(&w->holders, dn, strlen(dn), via);
	free(number);
	ldap_memfree(dn);
}

bool
finds_waiting(const struct walk *w)
{
	return todo_waiting(&w->primaries) > 0 || todo_waiting(&w->holders) > 0;
}

/* ---- primary groups ---- */

static bool
take_primary(void *arg, LDAPMessage *entry)
{
	struct finding *f = arg;
	struct walk *w = f->walk;
	char *number = ldap_value(w->conn, entry, w->config->names.primary_member);
	size_t i = 0;

	while (number != NULL && i + 1 < f->count && strcmp(number, f->from[i].dn) != 0)
		i++;
	free(number);
	return walk_take_found(w, entry, f->from[i].via);
}

/* As many groups in one search as a filter may have terms. */
static bool
run_primaries(struct walk *w)
{
	struct queue_of_dns waiting = w->primaries;
	struct finding f = { w, &waiting.items[waiting.first], 0 };
	struct bytes filter = { 0 };
	bool ok;

	/* What is found may add to the queue. */
	w->primaries = (struct queue_of_dns){ 0 };
	bytes_add_text(&filter, "(|");
	for (size_t i = waiting.first; i < waiting.count; i++) {
		const struct todo *t = &waiting.items[i];

		if (f.count < (size_t)w->config->or_terms) {
			query_equals(&filter, w->config->names.primary_member, t->dn, strlen(t->dn));
			f.count++;
		} else {
			todo_add(&w->primaries, t->dn, strlen(t->dn), t->via);
		}
	}
	bytes_add_char(&filter, ')');
	ok = run(&f, &filter, take_primary, "searching for members by their primary group");
	bytes_free(&filter);
	todo_free(&waiting);
	return ok;
}

/* ---- memberOf ---- */

static bool
take_holding(void *arg, LDAPMessage *entry)
{
	struct finding *f = arg;
	struct walk *w = f->walk;
	char *dn = ldap_get_dn(w->conn->ld, entry);
	size_t length = strlen(dn);
	bool ok = true;

	/* Of those that were not read yet. */
	if (set_has(w->waiting_people, dn, length) && set_add(w->found, dn, length))
		ok = walk_any_entry(w, entry, f->from->via);
	ldap_memfree(dn);
	return ok;
}

/* Takes out of the queue what was found. */
static void
drop_found(struct walk *w)
{
	struct queue_of_dns *q = &w->people;
	size_t kept = q->first;

	for (size_t i = q->first; i < q->count; i++) {
		if (set_has(w->found, q->items[i].dn, strlen(q->items[i].dn)))
			free(q->items[i].dn);
		else
			q->items[kept++] = q->items[i];
	}
	q->count = kept;
}

static bool
run_holder(struct walk *w)
{
	struct todo from = w->holders.items[w->holders.first++];
	struct finding f = { w, &from, 1 };
	struct bytes filter = { 0 };
	bool ok;

	w->waiting_people = set_open();
	w->found = set_open();
	for (size_t i = w->people.first; i < w->people.count; i++)
		(void)set_add(w->waiting_people, w->people.items[i].dn, strlen(w->people.items[i].dn));
	query_equals(&filter, "memberOf", from.dn, strlen(from.dn));
	ok = run(&f, &filter, take_holding, "searching for members by memberOf");
	drop_found(w);
	bytes_free(&filter);
	set_close(&w->waiting_people);
	set_close(&w->found);
	return ok;
}

bool
finds_run(struct walk *w)
{
	if (todo_waiting(&w->primaries) > 0)
		return run_primaries(w);
	return run_holder(w);
}

void
finds_free(struct walk *w)
{
	todo_free(&w->primaries);
	todo_free(&w->holders);
}
