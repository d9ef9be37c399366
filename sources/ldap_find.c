/* Finding a list in the directory: one search, whatever the address could mean. */
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

struct search {
	const struct ldap_config *config;
	const struct conn *conn;
	const char *domain;               /* of all the addresses */
	const char *const *addresses;
	size_t count;
	size_t best;                      /* index of the best match so far; count: none */
	size_t matches;                   /* entries that have the best */
	struct list *list;
};

/*
 * The list is named by its own address, or else by an alternate: the first in the domain that was
 * asked for, whichever of them was asked for, so that a list is the same list by all its addresses.
 */
static void
take_entry(struct search *s, LDAPMessage *entry)
{
	struct group_addresses g;
	size_t best = s->count;

	group_addresses_read(&g, s->conn, &s->config->names, entry, s->domain);
	for (size_t i = 0; i < best; i++)
		if (text_list_has(&g.all, s->addresses[i]))
			best = i;
	if (best == s->best && best < s->count)
		s->matches++;
	if (best < s->best) {
		list_drop(&s->list);
		s->list = ldap_list(s->conn, &s->config->names, entry,
		                    g.own == NULL ? s->addresses[best] : g.own);
		s->best = best;
		s->matches = 1;
	}
	group_addresses_free(&g);
}

static int
send_search(struct search *s, struct timeval patience, int *id, struct complaint *why)
{
	struct text_list attributes = ldap_list_attributes(&s->config->names);
	struct bytes filter = { 0 };
	int rc;

	query_list(&filter, &s->config->names, s->config->filter, s->domain, s->addresses, s->count);
	rc = ldap_search_ext(s->conn->ld, s->config->base, LDAP_SCOPE_SUBTREE, filter.data,
	                     attributes.items, 0, NULL, NULL, &patience, 0, id);
	bytes_free(&filter);
	text_list_free(&attributes);
	return rc == LDAP_SUCCESS ? 0 : conn_complain(s->conn, rc, why, "looking for a list");
}

enum found
ldap_find(struct ldap_source *l, struct conn *c, const char *const *addresses, size_t count,
          struct deadline by, struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct search s = { &l->config, c,     address_domain(addresses[0]), addresses, count, count, 0,
		            NULL };
	struct timeval patience = conn_patience(&l->config.conn, by);
	LDAPMessage *message = NULL;
	bool referred = false;
	int id, type, code = LDAP_SUCCESS;

	if (send_search(&s, patience, &id, why) < 0)
		return FOUND_UNSURE;
	for (;;) {
		type = conn_result(c, id, LDAP_MSG_ONE, by, &message);
		if (type <= 0 || type == LDAP_RES_SEARCH_RESULT)
			break;
		if (type == LDAP_RES_SEARCH_ENTRY)
			take_entry(&s, message);
		else
			referred = referred || conn_refers(c, message, by);
		ldap_msgfree(message);
	}
	if (type > 0 &&
	    ldap_parse_result(c->ld, message, &code, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if (type == 0) {
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
