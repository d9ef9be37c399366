/* A search in pages. */
#include "sources/ldap_paged.h"

#include "base/set.h"

#include <string.h>

/* A page may be empty (RFC 2696); a server that sends nothing else has no end. */
enum { EMPTY_MOST = 100 };

struct reading {
	const struct paged_search *search;
	struct conn *conn;
	struct complaint *why;
	struct berval cookie;             /* where the next page begins; empty for the first */
	struct set *seen;                 /* DNs */
	size_t empty;                     /* pages without an entry, one after the other */
};

static bool
failed(const struct reading *r, int code)
{
	(void)conn_complain(r->conn, code, r->why, r->search->doing);
	return false;
}

static bool
broken(const struct reading *r, const char *how)
{
	(void)complain(r->why, "%s: %s: %s", r->conn->uri, r->search->doing, how);
	return false;
}

static bool
send_page(struct reading *r, int *id)
{
	const struct paged_search *s = r->search;
	struct timeval patience = conn_patience(r->conn->config, s->by);
	LDAPControl *page = NULL, *controls[] = { NULL, NULL };
	int rc = LDAP_SUCCESS;

	if (r->conn->can.paged)
		rc = ldap_create_page_control(r->conn->ld, (ber_int_t)s->page, &r->cookie, 0, &page);
	controls[0] = page;
	if (rc == LDAP_SUCCESS)
		rc = ldap_search_ext(r->conn->ld, s->base, s->scope, s->filter, s->attributes, 0, controls,
		                     NULL, &patience, 0, id);
	if (page != NULL)
		ldap_control_free(page);
	return rc == LDAP_SUCCESS || failed(r, rc);
}

/* Takes from the end of a page where the next one begins. */
static bool
take_end(struct reading *r, LDAPMessage *message)
{
	LDAPControl **controls = NULL, *page;
	struct berval cookie = { 0 };
	ber_int_t estimate;
	int code, rc = ldap_parse_result(r->conn->ld, message, &code, NULL, NULL, NULL, &controls, 0);

	if (rc == LDAP_SUCCESS)
		rc = code;
	page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	if (rc == LDAP_SUCCESS && page != NULL)
		rc = ldap_parse_pageresponse_control(r->conn->ld, page, &estimate, &cookie);
	ldap_controls_free(controls);
	ber_memfree(r->cookie.bv_val);
	r->cookie = cookie;
	if (rc == LDAP_SUCCESS && cookie.bv_len > 0 && r->empty++ == EMPTY_MOST)
		return broken(r, "one empty page after another");
	return rc == LDAP_SUCCESS || failed(r, rc);
}

/* A server that begins anew would never end. */
static bool
take_entry(struct reading *r, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(r->conn->ld, entry);
	bool new = dn != NULL && set_add(r->seen, dn, strlen(dn));

	ldap_memfree(dn);
	r->empty = 0;
	return new ? r->search->entry(r->search->arg, entry) : broken(r, "the same entry came twice");
}

/* Hears the entries of one page, up to its end. */
static bool
hear_page(struct reading *r, int id)
{
	const struct paged_search *s = r->search;
	LDAPMessage *message = NULL;
	int type = LDAP_RES_SEARCH_ENTRY;
	bool ok = true;

	while (ok && type != LDAP_RES_SEARCH_RESULT) {
		type = conn_result(r->conn, id, LDAP_MSG_ONE, s->by, &message);
		if (type == LDAP_RES_SEARCH_ENTRY)
			ok = take_entry(r, message);
		else if (type == LDAP_RES_SEARCH_RESULT)
			ok = take_end(r, message);
		else if (type > 0)
			ok = !conn_refers(r->conn, message, s->by) ||
			     broken(r, "the server refers to another");
		else if (type == 0)
			ok = broken(r, "the directory fell silent");
		else
			ok = failed(r, LDAP_SUCCESS);
		if (type > 0)
			ldap_msgfree(message);
	}
	return ok;
}

bool
paged_run(const struct paged_search *s, struct conn *c, struct complaint *why)
{
	struct reading r = { .search = s, .conn = c, .why = why, .seen = set_open() };
	bool ok;
	int id;

	do
		ok = send_page(&r, &id) && hear_page(&r, id);
	while (ok && r.cookie.bv_len > 0);
	ber_memfree(r.cookie.bv_val);
	set_close(&r.seen);
	return ok;
}
