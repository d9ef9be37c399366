/*
 * Who somebody is: one search for the login or the address; groups that have it are nobody. What the
 * server takes for equal is looked at once more here: its idea of that is wider than ours.
 */
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

static void
add_addresses(struct person *p, const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = conn_values(c, entry, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		struct address a;

		if (!ldap_mailbox(values[i]->bv_val, values[i]->bv_len, &a))
			continue;
		text_list_add_once(&p->addresses, a.canonical);
		address_free(&a);
	}
	ldap_value_free_len(values);
}

static struct person *
read_person(const struct names *n, const struct conn *c, LDAPMessage *entry, const struct identity *id)
{
	struct person *p = person_new(&(struct identity){ id->login, NULL });
	char *dn = ldap_get_dn(c->ld, entry);

	p->key = mem_text(dn);
	p->address = mem_text(id->address);
	ldap_memfree(dn);
	for (size_t i = 0; i < n->person_address.count; i++)
		add_addresses(p, c, entry, n->person_address.items[i]);
	ldap_values(&p->logins, c, entry, n->login);
	ldap_values(&p->groups, c, entry, n->person_groups);
	return p;
}

/*
 * A group is no person: it has the class of one, or one that the filter for lists names. (A filter cannot
 * say so: a class that slapd has not heard of makes what it negates undefined.)
 */
static bool
is_group(const struct names *n, const struct conn *c, LDAPMessage *entry)
{
	struct text_list classes = { 0 };
	bool group = false;
	char *term;

	ldap_values(&classes, c, entry, n->classes);
	for (size_t i = 0; i < classes.count && !group; i++) {
		for (size_t k = 0; k < n->group_classes.count; k++)
			group |= text_same(classes.items[i], n->group_classes.items[k]);
		for (size_t k = 0; k < n->never_empty.count; k++)
			group |= text_same(classes.items[i], n->never_empty.items[k]);
		term = mem_format("(%s=%s)", n->classes, classes.items[i]);
		group |= strcasestr(n->groups, term) != NULL;
		free(term);
	}
	text_list_free(&classes);
	return group;
}

/* Whether the entry is of whom was asked for: by the login, or the address that this may be. */
static bool
is_asked(const struct person *p, const char *login, const char *address)
{
	for (size_t i = 0; login != NULL && i < p->logins.count; i++)
		if (text_same(p->logins.items[i], login))
			return true;
	return address != NULL && text_list_has(&p->addresses, address);
}

static bool
send_search(struct ldap_source *l, struct conn *c, const char *login, const char *address,
            struct deadline by, int *id, struct complaint *why)
{
	const struct names *n = &l->config.names;
	char **attributes = mem_array(n->person_address.count + 4, sizeof(*attributes));
	struct timeval patience = conn_patience(&l->config.conn, by);
	struct bytes filter = { 0 };
	size_t count = 0;
	int rc;

	attributes[count++] = n->login;
	attributes[count++] = n->classes;
	if (n->person_groups != NULL)
		attributes[count++] = n->person_groups;
	for (size_t i = 0; i < n->person_address.count; i++)
		attributes[count++] = n->person_address.items[i];
	query_person(&filter, n, login, address);
	rc = ldap_search_ext(c->ld, l->config.base, LDAP_SCOPE_SUBTREE, filter.data, attributes, 0, NULL,
	                     NULL, &patience, 0, id);
	bytes_free(&filter);
	free(attributes);
	if (rc == LDAP_SUCCESS)
		return true;
	(void)conn_complain(c, rc, why, "looking for a person");
	return false;
}

/*
 * The people who have the login, or the address that it may be: how many, and a reference to the first.
 * -1: nobody knows.
 */
static int
people_with(struct ldap_source *l, struct conn *c, const struct identity *who, struct deadline by,
            struct person **first_r, struct complaint *why)
{
	const char *text = who->login != NULL ? who->login : who->address;
	LDAPMessage *message = NULL;
	struct address a = { 0 };
	struct complaint unused;
	int id, count = 0;

	if (address_parse(&a, text, strlen(text), &unused) < 0)
		a = (struct address){ 0 };
	if (who->login == NULL && a.canonical == NULL)
		return 0;                 /* a reverse-path that is no address */
	if (!send_search(l, c, who->login, a.canonical, by, &id, why) ||
	    !conn_wait(c, id, by, &message, why, "looking for a person")) {
		address_free(&a);
		return -1;
	}
	for (LDAPMessage *e = ldap_first_entry(c->ld, message); e != NULL; e = ldap_next_entry(c->ld, e)) {
		struct person *p = read_person(&l->config.names, c, e, who);

		if (is_asked(p, who->login, a.canonical) && !is_group(&l->config.names, c, e) &&
		    count++ == 0)
			*first_r = person_hold(p);
		person_drop(&p);
	}
	ldap_msgfree(message);
	address_free(&a);
	return count;
}

enum found
ldap_find_person(struct ldap_source *l, struct conn *c, const struct identity *who, struct deadline by,
                 struct person **person_r, struct complaint *why)
{
	int count = people_with(l, c, who, by, person_r, why);

	if (count >= 0 && count < 2)
		return count == 0 ? FOUND_NO : FOUND_YES;
	person_drop(person_r);
	if (count > 0)
		(void)complain(why, "%s: %d people have the %s %s", c->uri, count,
		               who->login != NULL ? "login" : "address",
		               who->login != NULL ? who->login : who->address);
	return FOUND_UNSURE;
}

/* Of several people with one address nobody knows which it was. */
enum found
ldap_each_address(struct ldap_source *l, struct conn *c, const char *canonical, struct deadline by,
                  member_fn *fn, void *arg, struct complaint *why)
{
	const struct identity who = { NULL, canonical };
	struct person *p = NULL;
	int count = people_with(l, c, &who, by, &p, why);
	enum found found = count < 0 ? FOUND_UNSURE : count == 1 ? FOUND_YES : FOUND_NO;

	for (size_t i = 0; found == FOUND_YES && i < p->addresses.count; i++)
		if (!fn(arg, &(struct member){ .canonical = p->addresses.items[i],
		                               .spelling = p->addresses.items[i] })) {
			(void)complain(why, "stopped");
			found = FOUND_UNSURE;
		}
	person_drop(&p);
	return found;
}
