/*
 * Whether somebody is in a group, upwards: first the groups that have the person as a member, then
 * those that have these, level by level. People are in few groups, however many a group has, so that
 * this costs the same for a group of a hundred thousand. Before that the group itself is asked, which
 * most often settles it: a server takes long to look at other groups of the person that are large.
 *
 * Where groups may have members by searches, those of the group itself are asked for with it, and
 * those of all other groups with the first level: they may be within it.
 */
#include "sources/ldap_climb.h"

#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 100 };

void
climb_add_term(struct climb *c, struct bytes *term)
{
	if (term->length > 0)
		text_list_add(&c->terms, term->data, term->length);
	bytes_clear(term);
}

/* A member by DN. */
static void
look_for_dn(struct climb *c, const char *dn)
{
	const struct names *n = c->names;
	struct bytes term = { 0 };

	if (n->member != NULL && dn != NULL)
		query_equals(&term, n->member, dn, strlen(dn));
	for (size_t i = 0; dn != NULL && i < n->member_also.count; i++)
		query_equals(&term, n->member_also.items[i], dn, strlen(dn));
	climb_add_term(c, &term);
	bytes_free(&term);
}

static bool
groups_have_searches(const struct names *n)
{
	return n->member_url.count > 0 || n->member_filter != NULL;
}

/* A member by address; where there are URLs some write it as one. */
static void
look_for_address(struct climb *c, const char *address)
{
	const struct names *n = c->names;
	char *url = groups_have_searches(n) ? mem_format("mailto:%s", address) : NULL;
	struct bytes term = { 0 };

	for (size_t i = 0; i < n->member_address.count; i++) {
		query_address(&term, n->member_address.items[i], address);
		if (url != NULL)
			query_address(&term, n->member_address.items[i], url);
	}
	free(url);
	if (n->member_name != NULL)
		query_address(&term, n->member_name, address);
	climb_add_term(c, &term);
	bytes_free(&term);
}

/* A member by a word: a login, or the name of a group. */
static void
look_for_word(struct climb *c, const char *attribute, const char *word, size_t length)
{
	struct bytes term = { 0 };

	if (attribute != NULL)
		query_equals(&term, attribute, word, length);
	climb_add_term(c, &term);
	bytes_free(&term);
}

static void
look_for_person(struct climb *c)
{
	const struct person *p = c->person;

	look_for_dn(c, p->key);
	for (size_t i = 0; i < p->addresses.count; i++) {
		look_for_address(c, p->addresses.items[i]);
		(void)set_add(c->addresses, p->addresses.items[i], strlen(p->addresses.items[i]));
	}
	for (size_t i = 0; i < p->logins.count; i++) {
		const char *login = p->logins.items[i];

		look_for_word(c, c->names->member_login, login, strlen(login));
		look_for_word(c, c->names->member_name, login, strlen(login));
	}
}

/* The group by its names: as members of others, and as what was asked for. True: it was. */
static bool
look_for_names(struct climb *c, LDAPMessage *entry)
{
	struct berval **values = conn_values(c->conn, entry, c->names->local_part);
	bool wanted = false;

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		const struct berval *v = values[i];

		wanted |= c->name != NULL && text_same_n(v->bv_val, v->bv_len, c->name);
		look_for_word(c, c->names->member_name, v->bv_val, v->bv_len);
	}
	ldap_value_free_len(values);
	return wanted;
}

bool
climb_look_for_group(struct climb *c, LDAPMessage *entry, const char *dn, struct text_list *own_r)
{
	struct group_addresses g;

	look_for_dn(c, dn);
	group_addresses_read(&g, c->conn, c->names, entry, c->domain);
	for (size_t i = 0; i < g.all.count; i++)
		look_for_address(c, g.all.items[i]);
	*own_r = g.all;
	g.all = (struct text_list){ 0 };
	group_addresses_free(&g);
	return look_for_names(c, entry) || dn_listed(dn, c->dns);
}

/* A group has the person: who has the group by a search, or by one of its addresses? */
static bool
follow(struct climb *c, const char *dn, const struct text_list *own)
{
	bool found = false;

	text_list_add(&c->whom, dn, strlen(dn));
	for (size_t i = 0; i < own->count; i++) {
		(void)set_add(c->addresses, own->items[i], strlen(own->items[i]));
		for (size_t k = 0; k < c->group_count; k++)
			if (text_list_has(&c->groups[k].addresses, own->items[i]))
				found |= climb_take_search_group(c, k);
	}
	return found;
}

bool
climb_take_search_group(struct climb *c, size_t number)
{
	const struct search_group *g = &c->groups[number];

	if (!set_add(c->seen, g->dn, strlen(g->dn)))
		return false;
	text_list_add_all(&c->terms, &g->terms);
	return g->wanted || follow(c, g->dn, &g->own);
}

bool
climb_take_group(struct climb *c, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(c->conn->ld, entry);
	struct text_list own = { 0 };
	bool wanted = false;

	if (set_add(c->seen, dn, strlen(dn)))
		wanted = climb_look_for_group(c, entry, dn, &own) || follow(c, dn, &own);
	text_list_free(&own);
	ldap_memfree(dn);
	return wanted;
}

/* ---- what is asked ---- */

/* Which groups have one of some of these as member, at or below a base. */
static void
inquire_terms(struct climb *c, const char *base, int scope, const struct text_list *terms, size_t first,
              size_t count)
{
	struct bytes filter = { 0 };

	bytes_add_text(&filter, "(|");
	for (size_t i = first; i < first + count; i++)
		bytes_add_text(&filter, terms->items[i]);
	bytes_add_char(&filter, ')');
	inquire(c, ASK_GROUPS, base, scope, bytes_take(&filter));
}

/* Which searches all groups have that have any. */
static void
inquire_searches(struct climb *c)
{
	const struct names *n = c->names;
	const struct text_list *classes[] = { &n->group_classes, &n->never_empty };
	struct bytes filter = { 0 };

	bytes_format(&filter, "(&(|%s", n->groups);
	for (size_t k = 0; k < sizeof(classes) / sizeof(*classes); k++)
		for (size_t i = 0; i < classes[k]->count; i++)
			query_equals(&filter, n->classes, classes[k]->items[i], strlen(classes[k]->items[i]));
	bytes_add_text(&filter, ")(|");
	for (size_t i = 0; i < n->member_url.count; i++)
		bytes_format(&filter, "(%s=*)", n->member_url.items[i]);
	if (n->member_filter != NULL)
		bytes_format(&filter, "(%s=*)", n->member_filter);
	bytes_add_text(&filter, "))");
	inquire(c, ASK_SEARCHES, c->source->config.base, LDAP_SCOPE_SUBTREE, bytes_take(&filter));
}

/* Which groups an entry itself says that it is in. */
static void
inquire_back(struct climb *c, const char *dn)
{
	const char *filter = c->names->member_of_filter;

	if (c->names->member_of != NULL && dn != NULL)
		inquire(c, ASK_BACK, dn, LDAP_SCOPE_BASE,
		        mem_text(filter == NULL ? "(objectClass=*)" : filter));
}

/* What is known with one round trip: whether the one group has the person itself, and what else to ask. */
static enum found
begin(struct climb *c)
{
	const struct names *n = c->names;

	if (c->dns->count == 1 && c->terms.count > 0)
		inquire_terms(c, c->dns->items[0], LDAP_SCOPE_BASE, &c->terms, 0, c->terms.count);
	if (c->dns->count == 1 && groups_have_searches(n))
		inquire(c, ASK_SEARCHES, c->dns->items[0], LDAP_SCOPE_BASE, mem_text("(objectClass=*)"));
	inquire_back(c, c->person->key);
	if (n->primary_group != NULL && n->primary_member != NULL && !text_same(n->primary_member, "none") &&
	    c->person->key != NULL)
		inquire(c, ASK_PRIMARY, c->person->key, LDAP_SCOPE_BASE, mem_text("(objectClass=*)"));
	return inquiries_run(c);
}

/* Asks for all of one level, and leaves what is to be asked for the next. */
static enum found
climb_level(struct climb *c, bool first)
{
	struct text_list terms = c->terms, whom = c->whom;
	size_t most = (size_t)c->source->config.or_terms;
	enum found found = FOUND_NO;

	c->terms = c->whom = (struct text_list){ 0 };
	for (size_t at = 0; at < terms.count; at += most)
		inquire_terms(c, c->source->config.base, LDAP_SCOPE_SUBTREE, &terms, at,
		              terms.count - at < most ? terms.count - at : most);
	if (first && groups_have_searches(c->names))
		inquire_searches(c);
	for (size_t i = 0; i < whom.count; i++) {
		inquire_found(c, 0, whom.items[i]);
		inquire_back(c, whom.items[i]);
	}
	while (found == FOUND_NO && inquiries_waiting(c))
		found = inquiries_run(c);
	text_list_free(&terms);
	text_list_free(&whom);
	return found;
}

/* The class, so that it is never "all of them"; what a group is looked for by; some more, and NULL. */
static char **
choose_attributes(const struct names *n, bool searches)
{
	size_t most = n->address.count + n->member_url.count + 7, count = 0;
	char **attributes = mem_array(most, sizeof(*attributes));
	char *single[] = { n->local_part, searches ? n->member_filter : NULL,
		           searches ? n->member_filter_base : NULL, searches ? n->member_except : NULL,
		           n->alternate_flag };

	attributes[count++] = n->classes;
	for (size_t i = 0; i < n->address.count; i++)
		attributes[count++] = n->address.items[i];
	for (size_t i = 0; searches && i < n->member_url.count; i++)
		attributes[count++] = n->member_url.items[i];
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		if (single[i] != NULL)
			attributes[count++] = single[i];
	return attributes;
}

/* Goes up as far as there is anything to look for. */
static enum found
climb_levels(struct climb *c, bool first)
{
	enum found found = FOUND_NO;

	for (size_t depth = 0; found == FOUND_NO && (first || c->terms.count > 0 || c->whom.count > 0);
	     depth++) {
		if (depth == DEEPEST) {
			(void)complain(c->why, "%s: groups within groups, more than %d deep", c->conn->uri,
			               DEEPEST);
			return FOUND_UNSURE;
		}
		found = climb_level(c, first);
		first = false;
	}
	return found;
}

/* Whether it may be by a group with a search that cannot be read, of which nobody knows whom it finds. */
static bool
may_be_unreadable(struct climb *c)
{
	bool may = false;

	for (size_t i = 0; i < c->group_count; i++)
		if (c->groups[i].unreadable)
			may |= climb_take_search_group(c, i);
	return may || climb_levels(c, false) != FOUND_NO;
}

static enum found
climb(struct climb *c)
{
	enum found found = FOUND_NO;

	for (size_t i = 0; i < c->person->groups.count && found == FOUND_NO; i++)
		if (dn_listed(c->person->groups.items[i], c->dns))
			found = FOUND_YES;
	if (found == FOUND_NO) {
		look_for_person(c);
		found = begin(c);
	}
	if (found == FOUND_NO)
		found = climb_levels(c, true);
	if (found == FOUND_NO)
		c->doubtful |= may_be_unreadable(c);
	return found;
}

/* Several in one, or with an identifier behind (RFC 4517 section 3.3.21): the name alone does not find it. */
static bool
values_say_more(const struct names *n)
{
	return n->member_name != NULL || (n->member != NULL && text_same(n->member, "uniqueMember"));
}

enum found
ldap_climb(struct ldap_source *l, struct conn *conn, const struct person *person, const char *domain,
           const struct text_list *dns, const char *name, struct deadline by, bool *doubtful_r,
           struct complaint *why)
{
	const struct names *n = &l->config.names;
	char *back[] = { n->member_of, NULL }, *primary[] = { n->primary_member, (char *)"objectSid", NULL };
	struct climb c = { .source = l, .names = n, .conn = conn, .person = person, .domain = domain,
		           .dns = dns, .name = name, .by = by, .why = why, .seen = set_open(),
		           .addresses = set_open(), .groups_known = set_open(), .back_attributes = back,
		           .primary_attributes = primary };
	enum found found;

	c.doubtful = groups_have_searches(n) && values_say_more(n);
	c.attributes = choose_attributes(n, false);
	c.search_attributes = choose_attributes(n, true);
	found = climb(&c);
	*doubtful_r = c.doubtful;
	text_list_free(&c.terms);
	text_list_free(&c.whom);
	inquiries_free(&c);
	set_close(&c.seen);
	set_close(&c.addresses);
	free(c.attributes);
	free(c.search_attributes);
	return found;
}
