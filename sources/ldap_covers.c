/* Whether a rule about posters is about a person: by his DN, his groups, or a search for his entry. */
#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

/* One question. */
struct ask {
	struct ldap_source *source;
	struct conn *conn;
	const struct list *list;
	const struct person *person;
	struct deadline by;
	struct complaint *why;
};

/* Where that could not be judged the other way round all members are read. */
static enum found
is_among_members(const struct ask *a, const char *dn)
{
	struct list *group = list_new(mem_text(a->list->address), NULL, mem_text(dn), NULL);
	struct person_look l = { a->person, false };
	struct walk_report report = { 0 };
	enum found found = ldap_walk(a->source, a->conn, group, PEOPLE_MEMBERS, a->by, person_look, &l,
	                             &report, a->why);

	list_drop(&group);
	return l.found ? FOUND_YES : found == FOUND_YES ? FOUND_NO : found;
}

/* The same of the group with a name, if there is one. */
static enum found
is_among_named(const struct ask *a, const char *name)
{
	char *address = mem_format("%s@%s", name, address_domain(a->list->address));
	struct list *group = NULL;
	size_t which;
	enum found found = ldap_find(a->source, a->conn, (const char *const *)&address, 1, a->by, &group,
	                             &which, a->why);

	if (found == FOUND_YES)
		found = is_among_members(a, group->key);
	list_drop(&group);
	free(address);
	return found;
}

/* Whether the person is in one of these groups, or in the one with the name, if that is not NULL. */
static enum found
is_in(const struct ask *a, const struct text_list *dns, const char *name)
{
	bool doubtful = false;
	enum found found = ldap_climb(a->source, a->conn, a->person, address_domain(a->list->address), dns,
	                              name, a->by, &doubtful, a->why);

	if (found != FOUND_NO || !doubtful)
		return found;
	for (size_t i = 0; i < dns->count && found == FOUND_NO; i++)
		found = is_among_members(a, dns->items[i]);
	return found == FOUND_NO && name != NULL ? is_among_named(a, name) : found;
}

static enum found
is_member(const struct ask *a, const char *dn)
{
	const struct text_list dns = { (char **)&dn, 1 };

	return is_in(a, &dns, NULL);
}

static bool
is_self(const struct ask *a, const char *dn)
{
	return a->person->key != NULL && dn_same(a->person->key, dn);
}

/* A search: its entries, or NULL with a complaint. */
static LDAPMessage *
search(const struct ask *a, const char *base, int scope, const char *filter, const char *doing)
{
	static char nothing[] = LDAP_NO_ATTRS;
	char *attributes[] = { nothing, NULL };
	struct timeval patience = conn_patience(&a->source->config.conn, a->by);
	LDAPMessage *message = NULL;
	int id, rc = ldap_search_ext(a->conn->ld, base, scope, filter, attributes, 0, NULL, NULL, &patience,
	                             0, &id);

	if (rc != LDAP_SUCCESS)
		(void)conn_complain(a->conn, rc, a->why, doing);
	else
		(void)conn_wait(a->conn, id, a->by, &message, a->why, doing);
	return message;
}

/* Whether the person's entry matches. */
static enum found
matches(const struct ask *a, const char *filter)
{
	LDAPMessage *message;
	enum found found;

	if (a->person->key == NULL)
		return FOUND_NO;
	message = search(a, a->person->key, LDAP_SCOPE_BASE, filter, "looking at a person");
	if (message == NULL)
		return FOUND_UNSURE;
	found = ldap_count_entries(a->conn->ld, message) > 0 ? FOUND_YES : FOUND_NO;
	ldap_msgfree(message);
	return found;
}

/* Whether the person is in a group that matches. */
static enum found
is_in_matching(const struct ask *a, const char *filter)
{
	LDAPMessage *message = search(a, a->source->config.base, LDAP_SCOPE_SUBTREE, filter,
	                              "looking for groups that may post");
	struct text_list dns = { 0 };
	enum found found = FOUND_NO;

	if (message == NULL)
		return FOUND_UNSURE;
	for (LDAPMessage *e = ldap_first_entry(a->conn->ld, message); e != NULL;
	     e = ldap_next_entry(a->conn->ld, e)) {
		char *dn = ldap_get_dn(a->conn->ld, e);

		text_list_add(&dns, dn, strlen(dn));
		ldap_memfree(dn);
	}
	ldap_msgfree(message);
	if (dns.count > 0)
		found = is_in(a, &dns, NULL);
	text_list_free(&dns);
	return found;
}

/*
 * Whether the URL finds the person: from the source's base, where it names none. One of a single entry
 * without a filter may be that of a group.
 */
static enum found
found_by(const struct ask *a, const char *text)
{
	LDAPURLDesc *url = NULL;
	enum found found = FOUND_NO;
	const char *base;
	int scope;

	if (ldap_url_parse(text, &url) != LDAP_URL_SUCCESS) {
		(void)complain(a->why, "%s is no URL", text);
		return FOUND_UNSURE;
	}
	base = url->lud_dn == NULL || *url->lud_dn == '\0' ? a->source->config.base : url->lud_dn;
	scope = url->lud_scope < 0 ? LDAP_SCOPE_BASE : url->lud_scope;
	if (a->person->key != NULL && dn_in_scope(a->person->key, base, scope))
		found = url->lud_filter == NULL ? FOUND_YES : matches(a, url->lud_filter);
	else if (scope == LDAP_SCOPE_BASE && url->lud_filter == NULL)
		found = is_member(a, base);
	ldap_free_urldesc(url);
	return found;
}

static enum found
is_member_of(const struct ask *a, const char *address)
{
	struct list *other = NULL;
	struct ask there = *a;
	size_t which;
	enum found found = ldap_find(a->source, a->conn, &address, 1, a->by, &other, &which, a->why);

	there.list = other;
	if (found == FOUND_YES) {
		found = is_member(&there, other->key);
	} else if (found == FOUND_NO) {
		(void)complain(a->why, "there is no list %s", address);
		found = FOUND_UNSURE;
	}
	list_drop(&other);
	return found;
}

/*
 * The groups that have one of some addresses, which stand for their members as they do in a walk. Most
 * often one search finds that there are none.
 */
static enum found
add_groups(const struct ask *a, const struct text_list *addresses, struct text_list *dns)
{
	size_t most = (size_t)a->source->config.or_terms, at = 0;
	enum found found = FOUND_NO;

	while (at < addresses->count && found != FOUND_UNSURE) {
		size_t left = addresses->count - at, count = left < most ? left : most, which = 0;
		struct list *group = NULL;

		found = ldap_find(a->source, a->conn, (const char *const *)addresses->items + at, count,
		                  a->by, &group, &which, a->why);
		if (found == FOUND_YES)
			text_list_add(dns, group->key, strlen(group->key));
		at += found == FOUND_YES ? which + 1 : count;
		list_drop(&group);
	}
	return found == FOUND_UNSURE ? FOUND_UNSURE : FOUND_NO;
}

/* Whether one of the list's people with a role is this person: by DN, address, or a group. */
static enum found
has_role(const struct ask *a, enum poster_effect role)
{
	struct text_list dns = { 0 }, addresses = { 0 };
	const struct names *n = &a->source->config.names;
	const char *domain = address_domain(a->list->address);
	char *name = role == POSTER_IS_OWNER ? ldap_owners_name(n, a->list->address) : NULL;
	enum found found = FOUND_NO;

	for (size_t i = 0; i < a->list->posters.count && found != FOUND_YES; i++) {
		const struct poster *p = &a->list->posters.items[i];

		if (p->effect != role)
			continue;
		if ((p->kind == POSTER_ADDRESS && text_list_has(&a->person->addresses, p->value)) ||
		    (p->kind == POSTER_ENTRY && is_self(a, p->value))) {
			found = FOUND_YES;
		} else if (p->kind == POSTER_URL && found == FOUND_NO) {
			found = found_by(a, p->value);
		} else if (p->kind == POSTER_UNREADABLE) {
			found = FOUND_UNSURE;
			(void)complain(a->why, "%s is not understood", p->origin);
		} else if (p->kind == POSTER_ENTRY) {
			text_list_add(&dns, p->value, strlen(p->value));
		} else if (p->kind == POSTER_ADDRESS && strcmp(address_domain(p->value), domain) == 0) {
			text_list_add(&addresses, p->value, strlen(p->value));
		}
	}
	if (found == FOUND_NO)
		found = add_groups(a, &addresses, &dns);
	if (found == FOUND_NO && (dns.count > 0 || name != NULL))
		found = is_in(a, &dns, name);
	text_list_free(&addresses);
	text_list_free(&dns);
	free(name);
	return found;
}

enum found
ldap_covers(struct ldap_source *l, struct conn *c, const struct list *list, const struct poster *rule,
            const struct person *person, struct deadline by, struct complaint *why)
{
	const struct ask a = { l, c, list, person, by, why };

	switch (rule->kind) {
	case POSTER_MEMBERS:
		return is_member(&a, list->key);
	case POSTER_OWNERS:
		return has_role(&a, POSTER_IS_OWNER);
	case POSTER_MODERATORS:
		return has_role(&a, POSTER_IS_MODERATOR);
	case POSTER_LIST:
		return is_member_of(&a, rule->value);
	case POSTER_PERSON:
		return is_self(&a, rule->value) ? FOUND_YES : FOUND_NO;
	case POSTER_GROUP:
		return is_member(&a, rule->value);
	case POSTER_ENTRY:
		return is_self(&a, rule->value) ? FOUND_YES : is_member(&a, rule->value);
	case POSTER_FILTER:
		return matches(&a, rule->value);
	case POSTER_GROUP_FILTER:
		return is_in_matching(&a, rule->value);
	default:
		return found_by(&a, rule->value);
	}
}
