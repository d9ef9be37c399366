/*
 * A search that may find much, in pages where the server has them (RFC 2696): whatever does not bring
 * all of it fails.
 */
#include "base/set.h"
#include "sources/ldap_source.h"

#include <string.h>

/* A page may be empty (RFC 2696); a server that sends nothing else has no end. */
enum { EMPTY_MOST = 100 };

static bool
failed(const struct ldap_pages *l, int code)
{
	(void)conn_complain(l->conn, code, l->why, l->doing);
	return false;
}

static bool
broken(const struct ldap_pages *l, const char *how)
{
	(void)complain(l->why, "%s: %s: %s", l->conn->uri, l->doing, how);
	return false;
}

static bool
send_page(struct ldap_pages *l, int *id)
{
	struct timeval patience = conn_patience(&l->config->conn, l->by);
	LDAPControl *page = NULL, *controls[] = { NULL, NULL };
	int rc = LDAP_SUCCESS;

	if (l->conn->can.paged)
		rc = ldap_create_page_control(l->conn->ld, (ber_int_t)l->config->page, &l->cookie, 0,
		                              &page);
	controls[0] = page;
	if (rc == LDAP_SUCCESS)
		rc = ldap_search_ext(l->conn->ld, l->config->base, LDAP_SCOPE_SUBTREE, l->filter,
		                     l->attributes, 0, controls, NULL, &patience, 0, id);
	if (page != NULL)
		ldap_control_free(page);
	return rc == LDAP_SUCCESS || failed(l, rc);
}

/* Takes from the end of a page where the next one begins. */
static bool
take_end(struct ldap_pages *l, LDAPMessage *message)
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
	if (rc == LDAP_SUCCESS && cookie.bv_len > 0 && l->empty++ == EMPTY_MOST)
		return broken(l, "one empty page after another");
	return rc == LDAP_SUCCESS || failed(l, rc);
}

/* A server that begins anew would never end. */
static bool
take_entry(struct ldap_pages *l, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(l->conn->ld, entry);
	bool new = dn != NULL && set_add(l->seen, dn, strlen(dn));

	ldap_memfree(dn);
	l->empty = 0;
	return new ? l->take(l->arg, entry) : broken(l, "the same entry came twice");
}

/* Hears the entries of one page, up to its end. */
static bool
hear_page(struct ldap_pages *l, int id)
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

bool
ldap_pages(struct ldap_pages *l)
{
	bool ok;
	int id;

	l->seen = set_open();
	do
		ok = send_page(l, &id) && hear_page(l, id);
	while (ok && l->cookie.bv_len > 0);
	ber_memfree(l->cookie.bv_val);
	set_close(&l->seen);
	return ok;
}
