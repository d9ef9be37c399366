/*
 * The questions of a climb, many on their way at once. Groups may have members by searches: these are
 * not run to see whom they find, but asked for the one person, or the one group, together with others
 * of the same base. Which one it was is asked only where one has found something.
 *
 * Where a search is not answered that is doubtful: whoever asks may walk the group then.
 */
#include "base/mem.h"
#include "sources/ldap_climb.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"
#include "sources/ldap_url.h"

#include <stdlib.h>
#include <string.h>

static const char *const doing = "looking for the groups of a person";

static struct inquiry *
add_inquiry(struct climb *c, enum inquiry_kind kind, const char *base, int scope, char *filter)
{
	struct inquiry *q;

	c->inquiries = mem_resize(c->inquiries, (c->count + 1) * sizeof(*c->inquiries));
	q = &c->inquiries[c->count++];
	*q = (struct inquiry){ .kind = kind, .base = mem_text(base), .scope = scope, .filter = filter };
	return q;
}

void
inquire(struct climb *c, enum inquiry_kind kind, const char *base, int scope, char *filter)
{
	(void)add_inquiry(c, kind, base, scope, filter);
}

/* ---- whether searches find somebody ---- */

/* Who may be the person: whatever has one of the addresses, as a walk would take it. */
static void
add_person(struct climb *c, struct bytes *filter)
{
	const struct text_list *all[] = { &c->names->mail, &c->names->person_address };

	bytes_add_text(filter, "(|");
	for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
		for (size_t i = 0; i < all[k]->count; i++)
			for (size_t a = 0; a < c->person->addresses.count; a++)
				if (k == 0 || !text_list_same(all[0], all[k]->items[i],
				                              strlen(all[k]->items[i])))
					query_address(filter, all[k]->items[i],
					              c->person->addresses.items[a]);
	bytes_add_char(filter, ')');
}

/* One question about `count` searches, which have the same base for a person. */
static void
ask_found(struct climb *c, size_t first, size_t count, const char *whom)
{
	const struct group_search *s = &c->searches[first];
	struct bytes filter = { 0 };
	struct inquiry *q;

	bytes_add_text(&filter, "(&(|");
	for (size_t i = 0; i < count; i++)
		bytes_add_text(&filter, s[i].filter);
	bytes_add_char(&filter, ')');
	if (whom == NULL)
		add_person(c, &filter);
	bytes_add_char(&filter, ')');
	if (whom == NULL)
		q = add_inquiry(c, ASK_FOUND, s->base, s->scope, bytes_take(&filter));
	else
		q = add_inquiry(c, ASK_FOUND, whom, LDAP_SCOPE_BASE, bytes_take(&filter));
	q->first = first;
	q->count = count;
	q->whom = whom;
}

static bool
same_place(const struct group_search *a, const struct group_search *b)
{
	return a->scope == b->scope && strcmp(a->base, b->base) == 0;
}

void
inquire_found(struct climb *c, size_t first, const char *whom)
{
	size_t most = (size_t)c->source->config.or_terms, count;

	if (whom == NULL && c->person->addresses.count == 0)
		return;
	for (; first < c->search_count; first += count) {
		const struct group_search *s = &c->searches[first];

		for (count = 1; first + count < c->search_count && count < most; count++)
			if (!same_place(s, s + count) || c->groups[s[count].group].except.count > 0 ||
			    c->groups[s->group].except.count > 0)
				break;
		if (whom == NULL || dn_in_scope(whom, s->base, s->scope))
			ask_found(c, first, count, whom);
	}
}

static bool
is_excepted(const struct climb *c, const struct search_group *g, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(c->conn->ld, entry);
	bool excepted = dn_listed(dn, &g->except);

	ldap_memfree(dn);
	return excepted;
}

static bool
hear_found(struct climb *c, const struct inquiry *q, LDAPMessage *message)
{
	size_t number = c->searches[q->first].group;
	LDAPMessage *e = ldap_first_entry(c->conn->ld, message);

	if (e != NULL && q->count > 1) {
		for (size_t i = 0; i < q->count; i++)
			ask_found(c, q->first + i, 1, q->whom);
		return false;
	}
	while (e != NULL && is_excepted(c, &c->groups[number], e))
		e = ldap_next_entry(c->conn->ld, e);
	return e != NULL && climb_take_search_group(c, number);
}

/* ---- which searches groups have ---- */

/* Takes over the search's base and filter. */
static void
add_search(struct climb *c, const struct url_search *s)
{
	c->searches = mem_resize(c->searches, (c->search_count + 1) * sizeof(*c->searches));
	c->searches[c->search_count++] = (struct group_search){ .group = c->group_count, .base = s->base,
		                                                .scope = s->scope, .filter = s->filter };
}

static bool
read_url(struct climb *c, const struct berval *v, struct search_group *g)
{
	const struct ldap_config *config = &c->source->config;
	struct complaint unused;
	struct url_search s;
	struct address a;

	if (v->bv_len > 7 && strncasecmp(v->bv_val, "mailto:", 7) == 0) {
		if (ldap_mailbox(v->bv_val, v->bv_len, &a)) {
			text_list_add(&g->addresses, a.canonical, strlen(a.canonical));
			address_free(&a);
		}
		return true;
	}
	if (strlen(v->bv_val) != v->bv_len ||
	    url_search_read(&s, v->bv_val, config->base, &config->url_bases, &unused) < 0)
		return false;
	add_search(c, &s);
	return true;
}

static bool
read_filter(struct climb *c, const struct berval *v, const char *base)
{
	const struct ldap_config *config = &c->source->config;
	struct url_search s = { .scope = LDAP_SCOPE_SUBTREE };
	struct complaint unused;

	if (strlen(v->bv_val) != v->bv_len ||
	    url_check_base(base, config->base, &config->url_bases, &unused) < 0)
		return false;
	s.filter = url_filter(v->bv_val, &unused);
	if (s.filter == NULL)
		return false;
	s.base = mem_text(base);
	add_search(c, &s);
	return true;
}

/* The searches of a group, and what else is to be known of it then. */
static void
read_searches(struct climb *c, LDAPMessage *entry, struct search_group *g)
{
	const struct names *n = c->names;
	char *own = ldap_value(c->conn, entry, n->member_filter_base);
	const char *base = own == NULL ? c->source->config.base : own;
	struct berval **values;

	for (size_t k = 0; k < n->member_url.count; k++) {
		values = conn_values(c->conn, entry, n->member_url.items[k]);
		for (size_t i = 0; values != NULL && values[i] != NULL; i++)
			g->unreadable |= !read_url(c, values[i], g);
		ldap_value_free_len(values);
	}
	values = conn_values(c->conn, entry, n->member_filter);
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		g->unreadable |= !read_filter(c, values[i], base);
	ldap_value_free_len(values);
	ldap_exceptions(&g->except, c->conn, n, entry);
	free(own);
}

/* A group that may have searches. True: it has the person, by an address, and is what was asked for. */
static bool
take_searches(struct climb *c, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(c->conn->ld, entry);
	struct search_group g = { .dn = mem_text(dn) };
	struct text_list terms = c->terms;
	bool found = false;

	ldap_memfree(dn);
	if (!set_add(c->groups_known, g.dn, strlen(g.dn))) {
		free(g.dn);
		return false;
	}
	c->terms = (struct text_list){ 0 };
	g.wanted = climb_look_for_group(c, entry, g.dn, &g.own);
	g.terms = c->terms;
	c->terms = terms;
	read_searches(c, entry, &g);
	c->groups = mem_resize(c->groups, (c->group_count + 1) * sizeof(*c->groups));
	c->groups[c->group_count++] = g;
	for (size_t i = 0; !found && i < g.addresses.count; i++)
		found = set_has(c->addresses, g.addresses.items[i], strlen(g.addresses.items[i]));
	return found && climb_take_search_group(c, c->group_count - 1);
}

/* ---- what entries say of themselves ---- */

/* The group that an entry says it is in, by the group's address. */
static void
take_back(struct climb *c, LDAPMessage *entry)
{
	struct berval **values = conn_values(c->conn, entry, c->names->member_of);
	struct bytes term = { 0 };

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		if (c->names->address.count > 0)
			query_equals(&term, c->names->address.items[0], values[i]->bv_val, values[i]->bv_len);
		climb_add_term(c, &term);
	}
	bytes_free(&term);
	ldap_value_free_len(values);
}

/*
 * The primary group, by its number; in Active Directory, which cannot look for that, by the identifier
 * that is the person's own but for its last part (MS-DTYP 2.4.2.2).
 */
static void
take_primary(struct climb *c, LDAPMessage *entry)
{
	enum { SUB_AUTHORITY = 4, SHORTEST = 12 };
	char *number = ldap_value(c->conn, entry, c->names->primary_member);
	struct berval **sid = conn_values(c->conn, entry, "objectSid");
	size_t length = sid == NULL || sid[0] == NULL ? 0 : sid[0]->bv_len;
	struct bytes term = { 0 };

	if (number != NULL && length >= SHORTEST) {
		unsigned long last = strtoul(number, NULL, 10);

		for (size_t i = 0; i < SUB_AUTHORITY; i++)
			sid[0]->bv_val[length - SUB_AUTHORITY + i] = (char)(last >> 8 * i & 0xff);
		query_equals(&term, "objectSid", sid[0]->bv_val, length);
	} else if (number != NULL) {
		query_equals(&term, c->names->primary_group, number, strlen(number));
	}
	climb_add_term(c, &term);
	bytes_free(&term);
	ldap_value_free_len(sid);
	free(number);
}

/* ---- asking ---- */

static char **
attributes_of(const struct climb *c, enum inquiry_kind kind)
{
	static char nothing[] = LDAP_NO_ATTRS;
	static char *none[] = { nothing, NULL };

	switch (kind) {
	case ASK_GROUPS:
		return c->attributes;
	case ASK_SEARCHES:
		return c->search_attributes;
	case ASK_BACK:
		return c->back_attributes;
	case ASK_PRIMARY:
		return c->primary_attributes;
	default:
		return none;
	}
}

static bool
send_inquiry(struct climb *c, struct inquiry *q)
{
	struct timeval patience = conn_patience(&c->source->config.conn, c->by);
	int rc = ldap_search_ext(c->conn->ld, q->base, q->scope, q->filter, attributes_of(c, q->kind), 0,
	                         NULL, NULL, &patience, 0, &q->id);

	if (rc != LDAP_SUCCESS)
		(void)conn_complain(c->conn, rc, c->why, doing);
	return rc == LDAP_SUCCESS;
}

/* True: an entry says that the person is in a group that was asked for. */
static bool
hear_entries(struct climb *c, const struct inquiry *q, LDAPMessage *message)
{
	size_t searches = c->search_count;
	bool found = false;

	if (q->kind == ASK_FOUND)
		return hear_found(c, q, message);
	for (LDAPMessage *e = ldap_first_entry(c->conn->ld, message); e != NULL;
	     e = ldap_next_entry(c->conn->ld, e)) {
		if (q->kind == ASK_GROUPS)
			found |= climb_take_group(c, e);
		else if (q->kind == ASK_SEARCHES)
			found |= take_searches(c, e);
		else if (q->kind == ASK_BACK)
			take_back(c, e);
		else
			take_primary(c, e);
	}
	if (searches < c->search_count)
		inquire_found(c, searches, NULL);
	return found;
}

/* Whether what a search did not find may be there all the same. */
static bool
is_gone(const struct climb *c, LDAPMessage *message)
{
	int code;

	return ldap_parse_result(c->conn->ld, message, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS ||
	       code == LDAP_NO_SUCH_OBJECT;
}

static enum found
hear(struct climb *c, const struct inquiry *q)
{
	LDAPMessage *message = NULL;
	bool found;

	if (!conn_wait(c->conn, q->id, c->by, &message, c->why, doing)) {
		if (q->kind == ASK_GROUPS || c->conn->given_up)
			return FOUND_UNSURE;
		c->doubtful = true;
		return FOUND_NO;
	}
	c->doubtful |= q->kind == ASK_FOUND && is_gone(c, message);
	found = hear_entries(c, q, message);
	ldap_msgfree(message);
	return found ? FOUND_YES : FOUND_NO;
}

bool
inquiries_waiting(const struct climb *c)
{
	return c->first < c->count;
}

enum found
inquiries_run(struct climb *c)
{
	size_t first = c->first, end = first, window = (size_t)c->source->config.window;
	enum found found = FOUND_NO;

	while (end < c->count && end - first < window)
		if (!send_inquiry(c, &c->inquiries[end++]))
			return FOUND_UNSURE;      /* the connection is given up */
	c->first = end;
	/* All are heard, whatever the first ones say, unless one fails. */
	for (size_t i = first; i < end; i++) {
		struct inquiry q = c->inquiries[i];      /* they may move */
		enum found one = FOUND_NO;

		if (found == FOUND_UNSURE)
			conn_abandon(c->conn, q.id);
		else
			one = hear(c, &q);
		if (one != FOUND_NO)
			found = one;
	}
	return found;
}

void
inquiries_free(struct climb *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->inquiries[i].base);
		free(c->inquiries[i].filter);
	}
	free(c->inquiries);
	for (size_t i = 0; i < c->search_count; i++) {
		free(c->searches[i].base);
		free(c->searches[i].filter);
	}
	free(c->searches);
	for (size_t i = 0; i < c->group_count; i++) {
		free(c->groups[i].dn);
		text_list_free(&c->groups[i].own);
		text_list_free(&c->groups[i].terms);
		text_list_free(&c->groups[i].except);
		text_list_free(&c->groups[i].addresses);
	}
	free(c->groups);
	set_close(&c->groups_known);
}
