/* Finding a list in the directory: one search, whatever the address could mean. */
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

bool
ldap_mailbox(const char *value, size_t length, struct address *a)
{
	struct complaint unused;

	if (length > 7 && strncasecmp(value, "mailto:", 7) == 0) {
		value += 7;
		length -= 7;
	}
	return address_parse(a, value, length, &unused) == 0;
}

struct search {
	const struct ldap_config *config;
	LDAP *ld;
	const char *const *addresses;
	size_t count;
	size_t best;                      /* index of the best match so far; count: none */
	size_t matches;                   /* entries that have the best */
	struct list *list;
};

/* The text of the first value of an attribute, allocated; NULL where there is none. */
static char *
first_value(LDAP *ld, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = ldap_get_values_len(ld, entry, attribute);
	char *text = NULL;

	if (values != NULL && values[0] != NULL)
		text = mem_copy(values[0]->bv_val, values[0]->bv_len);
	ldap_value_free_len(values);
	return text;
}

static char *
errors_address(LDAP *ld, LDAPMessage *entry, const char *attribute)
{
	char *text = first_value(ld, entry, attribute), *canonical = NULL;
	struct address a;

	if (text != NULL && ldap_mailbox(text, strlen(text), &a)) {
		canonical = mem_text(a.canonical);
		address_free(&a);
	}
	free(text);
	return canonical;
}

static void
take_settings(struct list *list, LDAP *ld, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = ldap_get_values_len(ld, entry, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		/* One with a NUL in it becomes none that is known, rather than its beginning. */
		text_list_add(&list->settings, values[i]->bv_val,
		              strlen(values[i]->bv_val) == values[i]->bv_len ? values[i]->bv_len : 0);
	ldap_value_free_len(values);
}

/*
 * Looks at the values of one address attribute: notes the best of the addresses that is among them,
 * and the least in the domain that was asked for. Values have no order that could be relied on.
 */
static void
match_values(struct search *s, LDAPMessage *entry, const char *attribute, size_t *best,
             char **least)
{
	struct berval **values = ldap_get_values_len(s->ld, entry, attribute);
	const char *domain = address_domain(s->addresses[0]);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		struct address a;

		if (!ldap_mailbox(values[i]->bv_val, values[i]->bv_len, &a))
			continue;
		for (size_t k = 0; k < *best; k++)
			if (strcmp(s->addresses[k], a.canonical) == 0)
				*best = k;
		if (strcmp(address_domain(a.canonical), domain) == 0 &&
		    (*least == NULL || strcmp(a.canonical, *least) < 0)) {
			free(*least);
			*least = mem_text(a.canonical);
		}
		address_free(&a);
	}
	ldap_value_free_len(values);
}

/*
 * The list is named by its own address, or else by an alternate: the first in the domain that was
 * asked for, whichever of them was asked for, so that a list is the same list by all its addresses.
 */
static void
take_entry(struct search *s, LDAPMessage *entry)
{
	const struct names *names = &s->config->names;
	size_t best = s->count;
	char *own = NULL, *dn;

	for (size_t i = 0; i < names->address.count; i++) {
		char *least = NULL;

		match_values(s, entry, names->address.items[i], &best, &least);
		if (own == NULL)
			own = least;
		else
			free(least);
	}
	if (best == s->best && best < s->count)
		s->matches++;
	if (best < s->best) {
		dn = ldap_get_dn(s->ld, entry);
		list_drop(&s->list);
		s->list = list_new(own == NULL ? mem_text(s->addresses[best]) : own,
		                   first_value(s->ld, entry, names->name), mem_text(dn),
		                   errors_address(s->ld, entry, names->errors));
		if (names->settings != NULL)
			take_settings(s->list, s->ld, entry, names->settings);
		ldap_memfree(dn);
		own = NULL;
		s->best = best;
		s->matches = 1;
	}
	free(own);
}

static int
send_search(struct search *s, struct conn *c, struct timeval patience, int *id,
            struct complaint *why)
{
	const struct names *names = &s->config->names;
	char **attributes = mem_array(names->address.count + 4, sizeof(*attributes));
	struct bytes filter = { 0 };
	size_t n = 0;
	int rc;

	for (; n < names->address.count; n++)
		attributes[n] = names->address.items[n];
	attributes[n++] = names->name;
	attributes[n++] = names->errors;
	attributes[n] = names->settings;  /* may be NULL, and is the last therefore */
	query_list(&filter, names->groups, s->config->filter, &names->address, s->addresses, s->count);
	rc = ldap_search_ext(s->ld, s->config->base, LDAP_SCOPE_SUBTREE, filter.data, attributes, 0,
	                     NULL, NULL, &patience, 0, id);
	bytes_free(&filter);
	free(attributes);
	return rc == LDAP_SUCCESS ? 0 : conn_complain(c, rc, why, "looking for a list");
}

enum found
ldap_find(struct ldap_source *l, struct conn *c, const char *const *addresses, size_t count,
          struct deadline by, struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct search s = { &l->config, c->ld, addresses, count, count, 0, NULL };
	struct timeval patience = conn_patience(&l->config.conn, by);
	LDAPMessage *message = NULL;
	bool referred = false;
	int id, type, code = LDAP_SUCCESS;

	if (send_search(&s, c, patience, &id, why) < 0)
		return FOUND_UNSURE;
	for (;;) {
		patience = conn_patience(&l->config.conn, by);
		type = ldap_result(c->ld, id, LDAP_MSG_ONE, &patience, &message);
		if (type <= 0 || type == LDAP_RES_SEARCH_RESULT)
			break;
		if (type == LDAP_RES_SEARCH_ENTRY)
			take_entry(&s, message);
		else
			referred = true;
		ldap_msgfree(message);
	}
	if (type > 0 &&
	    ldap_parse_result(c->ld, message, &code, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if (type == 0) {
		(void)ldap_abandon_ext(c->ld, id, NULL, NULL);
		(void)complain(why, "%s: looking for a list: no answer in time", c->uri);
	} else if (type < 0 || code != LDAP_SUCCESS) {
		(void)conn_complain(c, code, why, "looking for a list");
	} else if (s.matches > 1) {
		(void)complain(why, "%s: %zu lists have the address %s", c->uri, s.matches,
		               addresses[s.best]);
	} else if (s.matches == 1) {
		*list_r = s.list;
		*which_r = s.best;
		return FOUND_YES;
	} else if (referred) {
		(void)complain(why, "%s: looking for a list: the server refers to another", c->uri);
	} else {
		return FOUND_NO;
	}
	list_drop(&s.list);
	return FOUND_UNSURE;
}
