/*
 * Whether somebody is in a group, upwards: first the groups that have the person as a member, then
 * those that have these, level by level. People are in few groups, however many a group has, so that
 * this costs the same for a group of a hundred thousand. Before that the group itself is asked, which
 * most often settles it: a server takes long to look at other groups of the person that are large.
 */
#include "base/mem.h"
#include "base/set.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 100 };

struct climb {
	struct ldap_source *source;
	const struct names *names;
	struct conn *conn;
	const char *domain;               /* of the list: names of groups are addresses there */
	const struct text_list *dns;
	const char *name;
	struct deadline by;
	struct complaint *why;
	char **attributes;
	struct set *seen;                 /* DNs of groups */
	struct text_list terms;           /* of the next level: who is looked for as a member */
};

static void
add_term(struct climb *c, struct bytes *term)
{
	if (term->length > 0)
		text_list_add(&c->terms, term->data, term->length);
	bytes_clear(term);
}

/* A member by DN. */
static void
look_for_dn(struct climb *c, const char *dn)
{
	struct bytes term = { 0 };

	if (c->names->member != NULL && dn != NULL)
		query_equals(&term, c->names->member, dn, strlen(dn));
	add_term(c, &term);
	bytes_free(&term);
}

/* A member by address. */
static void
look_for_address(struct climb *c, const char *address)
{
	const struct names *n = c->names;
	struct bytes term = { 0 };

	for (size_t i = 0; i < n->member_address.count; i++)
		query_address(&term, n->member_address.items[i], address);
	if (n->member_name != NULL)
		query_address(&term, n->member_name, address);
	add_term(c, &term);
	bytes_free(&term);
}

/* A member by a word: a login, or the name of a group. */
static void
look_for_word(struct climb *c, const char *attribute, const char *word, size_t length)
{
	struct bytes term = { 0 };

	if (attribute != NULL)
		query_equals(&term, attribute, word, length);
	add_term(c, &term);
	bytes_free(&term);
}

static void
look_for_person(struct climb *c, const struct person *p)
{
	look_for_dn(c, p->key);
	for (size_t i = 0; i < p->addresses.count; i++)
		look_for_address(c, p->addresses.items[i]);
	for (size_t i = 0; i < p->logins.count; i++) {
		const char *login = p->logins.items[i];

		look_for_word(c, c->names->member_login, login, strlen(login));
		look_for_word(c, c->names->member_name, login, strlen(login));
	}
}

/* Whether this is one of the groups that were asked for. */
static bool
is_wanted(const struct climb *c, const char *dn)
{
	for (size_t i = 0; i < c->dns->count; i++)
		if (dn_same(c->dns->items[i], dn))
			return true;
	return false;
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

/* A group that the person is in. True: it is what was asked for. */
static bool
take_group(struct climb *c, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(c->conn->ld, entry);
	struct group_addresses g;
	bool fresh = set_add(c->seen, dn, strlen(dn)), wanted = fresh && is_wanted(c, dn);

	if (fresh && !wanted) {
		look_for_dn(c, dn);
		group_addresses_read(&g, c->conn, c->names, entry, c->domain);
		for (size_t i = 0; i < g.all.count; i++)
			look_for_address(c, g.all.items[i]);
		group_addresses_free(&g);
		wanted = look_for_names(c, entry);
	}
	ldap_memfree(dn);
	return wanted;
}

static bool
send_search(struct climb *c, const char *base, int scope, const struct text_list *terms, size_t first,
            size_t count, int *id)
{
	const struct ldap_config *config = &c->source->config;
	struct timeval patience = conn_patience(&config->conn, c->by);
	struct bytes filter = { 0 };
	int rc;

	bytes_add_text(&filter, "(|");
	for (size_t i = first; i < first + count; i++)
		bytes_add_text(&filter, terms->items[i]);
	bytes_add_char(&filter, ')');
	rc = ldap_search_ext(c->conn->ld, base, scope, filter.data, c->attributes, 0, NULL, NULL, &patience,
	                     0, id);
	bytes_free(&filter);
	if (rc != LDAP_SUCCESS)
		(void)conn_complain(c->conn, rc, c->why, "looking for the groups of a person");
	return rc == LDAP_SUCCESS;
}

/* Searches on their way together. All are heard, whatever the first ones say. */
static enum found
hear(struct climb *c, const int *ids, size_t count)
{
	enum found found = FOUND_NO;

	for (size_t i = 0; i < count; i++) {
		LDAPMessage *message = NULL;

		if (!ldap_wait(c->source, c->conn, ids[i], c->by, &message, c->why,
		               "looking for the groups of a person"))
			return FOUND_UNSURE;
		for (LDAPMessage *e = ldap_first_entry(c->conn->ld, message); e != NULL;
		     e = ldap_next_entry(c->conn->ld, e))
			if (take_group(c, e))
				found = FOUND_YES;
		ldap_msgfree(message);
	}
	return found;
}

/* Whether the one group that was asked for has the person itself. */
static enum found
ask_directly(struct climb *c)
{
	int id;

	if (c->dns->count != 1 || c->terms.count == 0)
		return FOUND_NO;
	if (!send_search(c, c->dns->items[0], LDAP_SCOPE_BASE, &c->terms, 0, c->terms.count, &id))
		return FOUND_UNSURE;
	return hear(c, &id, 1);
}

/* Some searches of one level. */
static enum found
ask(struct climb *c, const struct text_list *terms, size_t *at)
{
	enum { WINDOW = 64 };
	const struct ldap_config *config = &c->source->config;
	int ids[WINDOW];
	size_t count = 0;

	while (*at < terms->count && count < (size_t)config->or_window) {
		size_t some = terms->count - *at;

		if (some > (size_t)config->or_terms)
			some = (size_t)config->or_terms;
		if (!send_search(c, config->base, LDAP_SCOPE_SUBTREE, terms, *at, some, &ids[count]))
			return FOUND_UNSURE;      /* the connection is given up */
		*at += some;
		count++;
	}
	return hear(c, ids, count);
}

static char **
choose_attributes(const struct names *n)
{
	char **attributes = mem_array(n->address.count + 3, sizeof(*attributes));
	size_t count = 0;

	attributes[count++] = n->classes; /* so that it is never "all of them" */
	for (size_t i = 0; i < n->address.count; i++)
		attributes[count++] = n->address.items[i];
	attributes[count] = n->local_part;
	return attributes;
}

enum found
ldap_climb(struct ldap_source *l, struct conn *conn, const struct person *person, const char *domain,
           const struct text_list *dns, const char *name, struct deadline by, struct complaint *why)
{
	struct climb c = { .source = l, .names = &l->config.names, .conn = conn, .domain = domain, .dns = dns,
		           .name = name, .by = by, .why = why, .seen = set_open() };
	enum found found = FOUND_NO;

	c.attributes = choose_attributes(c.names);
	for (size_t i = 0; i < person->groups.count && found == FOUND_NO; i++)
		if (is_wanted(&c, person->groups.items[i]))
			found = FOUND_YES;
	if (found == FOUND_NO) {
		look_for_person(&c, person);
		found = ask_directly(&c);
	}
	for (size_t depth = 0; found == FOUND_NO && c.terms.count > 0; depth++) {
		struct text_list terms = c.terms;
		size_t at = 0;

		c.terms = (struct text_list){ 0 };
		if (depth == DEEPEST) {
			(void)complain(why, "%s: groups within groups, more than %d deep", conn->uri,
			               DEEPEST);
			found = FOUND_UNSURE;
		}
		while (found == FOUND_NO && at < terms.count)
			found = ask(&c, &terms, &at);
		text_list_free(&terms);
	}
	text_list_free(&c.terms);
	set_close(&c.seen);
	free(c.attributes);
	return found;
}
