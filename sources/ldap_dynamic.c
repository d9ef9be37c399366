/*
 * Members that a search finds: by LDAP URLs and filters that a group has, and by what people have
 * themselves about the group. A search is run as soon as it is its turn, and once, however many
 * groups have it. What it finds is a member as if it were named: a person, or a group that is
 * walked. A search that cannot be run makes the walk unsure: nobody knows whom it would find.
 */
#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_paged.h"
#include "sources/ldap_query.h"
#include "sources/ldap_url.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

/* What is the same for all searches of one group. */
struct of_group {
	struct text_list except;          /* DNs */
	char *base;                       /* of its filters */
	const struct via *via;
};

/* Takes over the filter. */
static void
queue_search(struct walk *w, const struct of_group *g, const char *base, int scope, char *filter)
{
	struct queue_of_searches *q = &w->searches;
	struct bytes key = { 0 };
	struct dynamic *d;

	/* With NULs between, which none of them has. */
	bytes_format(&key, "%d%s", scope, base);
	bytes_add(&key, "", 1);
	bytes_add_text(&key, filter);
	for (size_t i = 0; i < g->except.count; i++) {
		bytes_add(&key, "", 1);
		bytes_add_text(&key, g->except.items[i]);
	}
	if (!set_add(w->seen_searches, key.data, key.length)) {
		free(filter);
		bytes_free(&key);
		return;
	}
	bytes_free(&key);
	q->items = mem_resize(q->items, (q->count + 1) * sizeof(*q->items));
	d = &q->items[q->count++];
	*d = (struct dynamic){ .base = mem_text(base), .scope = scope, .filter = filter, .via = g->via };
	text_list_add_all(&d->except, &g->except);
}

static int
queue_url(struct walk *w, const struct of_group *g, const char *text, struct complaint *why)
{
	struct url_search s;

	if (url_search_read(&s, text, w->config->base, &w->config->url_bases, why) < 0)
		return -1;
	queue_search(w, g, s.base, s.scope, s.filter);
	free(s.base);
	return 0;
}

static int
queue_filter(struct walk *w, const struct of_group *g, const char *text, struct complaint *why)
{
	const char *base = g->base == NULL ? w->config->base : g->base;
	char *filter;

	if (url_check_base(base, w->config->base, &w->config->url_bases, why) < 0)
		return -1;
	filter = url_filter(text, why);
	if (filter == NULL)
		return -1;
	queue_search(w, g, base, LDAP_SCOPE_SUBTREE, filter);
	return 0;
}

/* Does that with each value of an attribute. One that is not understood ends the walk. */
static bool
queue_values(struct walk *w, LDAPMessage *entry, const char *attribute, const struct of_group *g,
             int (*queue)(struct walk *, const struct of_group *, const char *, struct complaint *))
{
	struct berval **values = conn_values(w->conn, entry, attribute);
	bool ok = true;

	for (size_t i = 0; ok && values != NULL && values[i] != NULL; i++) {
		const char *text = values[i]->bv_val;
		struct complaint what;

		if (queue == queue_url && strncasecmp(text, "mailto:", 7) == 0) {
			ok = walk_literal(w, values[i], g->via);
			continue;
		}
		if (strlen(text) != values[i]->bv_len)
			ok = complain(&what, "it holds a NUL") == 0;
		else
			ok = queue(w, g, text, &what) == 0;
		if (!ok)
			(void)complain(w->why, "%s: %s \"%s\": %s", g->via->name, attribute, text,
			               what.text);
	}
	ldap_value_free_len(values);
	return ok;
}

/* Who has an address of the group as value of an attribute: as it is spelled there. */
static void
queue_reverse(struct walk *w, LDAPMessage *entry, const struct of_group *g)
{
	const struct names *n = &w->config->names;
	struct berval **values =
	        n->address.count == 0 ? NULL : conn_values(w->conn, entry, n->address.items[0]);
	struct bytes filter = { 0 };

	bytes_format(&filter, "(&%s(|", n->member_of_filter == NULL ? "" : n->member_of_filter);
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		query_equals(&filter, n->member_of, values[i]->bv_val, values[i]->bv_len);
	bytes_add_text(&filter, "))");
	if (values != NULL && values[0] != NULL)
		queue_search(w, g, w->config->base, LDAP_SCOPE_SUBTREE, bytes_take(&filter));
	bytes_free(&filter);
	ldap_value_free_len(values);
}

bool
walk_dynamic(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	const struct names *n = &w->config->names;
	struct of_group g = { .base = ldap_value(w->conn, entry, n->member_filter_base), .via = via };
	bool ok = true;

	ldap_exceptions(&g.except, w->conn, n, entry);
	for (size_t i = 0; ok && i < n->member_url.count; i++)
		ok = queue_values(w, entry, n->member_url.items[i], &g, queue_url);
	ok = ok && queue_values(w, entry, n->member_filter, &g, queue_filter);
	if (ok && n->member_of != NULL)
		queue_reverse(w, entry, &g);
	text_list_free(&g.except);
	free(g.base);
	return ok;
}

bool
walk_url(struct walk *w, const struct berval *value, const struct via *via)
{
	const struct of_group g = { .via = via };
	struct complaint what;

	if (strlen(value->bv_val) != value->bv_len || queue_url(w, &g, value->bv_val, &what) < 0)
		walk_refuse(w, value, via, "LDAP URL of this directory");
	return true;
}

bool
walk_find(struct walk *w, const struct dynamic *d, const char *doing, bool (*entry)(void *, LDAPMessage *),
          void *arg)
{
	const struct paged_search s = { .base = d->base, .scope = d->scope, .filter = d->filter,
		                        .attributes = w->member_attributes, .page = w->config->page,
		                        .by = w->by, .doing = doing, .entry = entry, .arg = arg };

	return paged_run(&s, w->conn, w->why);
}

bool
walk_take_found(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	char *dn = ldap_get_dn(w->conn->ld, entry);
	/* Who is named as well is in the queue already. */
	bool ok = !set_add(w->seen_people, dn, strlen(dn)) || walk_any_entry(w, entry, via);

	ldap_memfree(dn);
	return ok;
}

/* One search under way. */
struct finding {
	struct walk *walk;
	const struct dynamic *search;
};

static bool
take_found(void *arg, LDAPMessage *entry)
{
	const struct finding *f = arg;
	struct walk *w = f->walk;
	char *dn = ldap_get_dn(w->conn->ld, entry);
	bool excepted = dn_listed(dn, &f->search->except);

	ldap_memfree(dn);
	return excepted || walk_take_found(w, entry, f->search->via);
}

static void
dynamic_free(struct dynamic *d)
{
	free(d->base);
	free(d->filter);
	text_list_free(&d->except);
}

bool
searches_waiting(const struct walk *w)
{
	return w->searches.first < w->searches.count;
}

bool
searches_run(struct walk *w)
{
	/* Out of the queue, which what is found may make longer. */
	struct dynamic d = w->searches.items[w->searches.first++];
	struct finding f = { w, &d };
	char *doing = mem_format("searching for members of %s", d.via->name);
	bool ok = walk_find(w, &d, doing, take_found, &f);

	dynamic_free(&d);
	free(doing);
	return ok;
}

void
searches_free(struct walk *w)
{
	for (; searches_waiting(w); w->searches.first++)
		dynamic_free(&w->searches.items[w->searches.first]);
	free(w->searches.items);
}
