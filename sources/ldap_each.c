/* Naming all lists of the directory: one search, in pages where the server has them. */
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

struct listing {
	const struct ldap_config *config;
	struct conn *conn;
	const char *domain;
	struct deadline by;
	list_fn *fn;
	void *arg;
	struct complaint *why;
	struct text_list attributes;
	struct bytes filter;
	struct berval cookie;             /* where the next page begins; empty for the first */
};

/* False: told to stop, or a list may be missing. */
static bool
take_entry(struct listing *l, LDAPMessage *entry)
{
	struct group_addresses g;
	struct text_list also = { 0 };
	struct list *list;
	bool more = true;

	group_addresses_read(&g, l->conn, &l->config->names, entry, l->domain);
	for (size_t i = 0; i < g.all.count && g.own != NULL; i++) {
		const char *address = g.all.items[i];

		if (strcmp(address_domain(address), l->domain) == 0 && strcmp(address, g.own) != 0)
			text_list_add(&also, address, strlen(address));
	}
	if (g.own != NULL) {
		list = ldap_list(l->conn, &l->config->names, entry, g.own);
		more = l->fn(l->arg, list, &also);
		list_drop(&list);
		if (!more)
			(void)complain(l->why, "stopped");
	}
	text_list_free(&also);
	group_addresses_free(&g);
	return more;
}

static bool
failed(const struct listing *l, int code)
{
	(void)conn_complain(l->conn, code, l->why, "looking for all lists");
	return false;
}

static bool
broken(const struct listing *l, const char *how)
{
	(void)complain(l->why, "%s: looking for all lists: %s", l->conn->uri, how);
	return false;
}

static bool
send_page(struct listing *l, int *id)
{
	struct timeval patience = conn_patience(&l->config->conn, l->by);
	LDAPControl *page = NULL, *controls[] = { NULL, NULL };
	int rc = LDAP_SUCCESS;

	if (l->conn->can.paged)
		rc = ldap_create_page_control(l->conn->ld, (ber_int_t)l->config->page, &l->cookie, 0,
		                              &page);
	controls[0] = page;
	if (rc == LDAP_SUCCESS)
		rc = ldap_search_ext(l->conn->ld, l->config->base, LDAP_SCOPE_SUBTREE, l->filter.data,
		                     l->attributes.items, 0, controls, NULL, &patience, 0, id);
	if (page != NULL)
		ldap_control_free(page);
	return rc == LDAP_SUCCESS || failed(l, rc);
}

/* Takes from the end of a page where the next one begins. */
static bool
take_end(struct listing *l, LDAPMessage *message)
{
	LDAPControl **controls = NULL, *page;
	struct berval cookie = { 0 };
	ber_int_t estimate;
	int code, rc = ldap_parse_result(l->conn->ld, message, &code, NULL, NULL, NULL, &controls, 0);

	if (rc == LDAP_SUCCESS)
		rc = code;
	page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	if (rc == LDAP_SUCCESS && page != NULL)
		rc = ldap_parse_pageresponse_control(l->conn->ld, page, &estimate, &cookie);
	ldap_controls_free(controls);
	ber_memfree(l->cookie.bv_val);
	l->cookie = cookie;
	return rc == LDAP_SUCCESS || failed(l, rc);
}

/* Hears the entries of one page, up to its end. */
static bool
hear_page(struct listing *l, int id)
{
	LDAPMessage *message = NULL;
	int type = LDAP_RES_SEARCH_ENTRY;
	bool ok = true;

	while (ok && type != LDAP_RES_SEARCH_RESULT) {
		struct timeval patience = conn_patience(&l->config->conn, l->by);

		type = ldap_result(l->conn->ld, id, LDAP_MSG_ONE, &patience, &message);
		if (type == LDAP_RES_SEARCH_ENTRY)
			ok = take_entry(l, message);
		else if (type == LDAP_RES_SEARCH_RESULT)
			ok = take_end(l, message);
		else if (type > 0)
			ok = broken(l, "the server refers to another");
		else if (type == 0)
			ok = broken(l, "the directory fell silent");
		else
			ok = failed(l, LDAP_SUCCESS);
		if (type > 0)
			ldap_msgfree(message);
	}
	return ok;
}

enum found
ldap_each_list(struct ldap_source *s, struct conn *c, const char *domain, struct deadline by,
               list_fn *fn, void *arg, struct complaint *why)
{
	struct listing l = { .config = &s->config, .conn = c, .domain = domain, .by = by, .fn = fn,
		             .arg = arg, .why = why };
	bool ok;
	int id;

	l.attributes = ldap_list_attributes(&s->config.names);
	query_lists(&l.filter, &s->config.names, s->config.filter);
	do
		ok = send_page(&l, &id) && hear_page(&l, id);
	while (ok && l.cookie.bv_len > 0);
	ber_memfree(l.cookie.bv_val);
	bytes_free(&l.filter);
	text_list_free(&l.attributes);
	return ok ? FOUND_YES : FOUND_UNSURE;
}
