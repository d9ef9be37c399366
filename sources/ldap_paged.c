/* A search in pages. */
#include "sources/ldap_paged.h"

/* The search, and where its next page begins; empty for the first. */
struct reading {
	const struct paged_search *search;
	struct conn *conn;
	struct berval cookie;
	struct complaint *why;
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
	return rc == LDAP_SUCCESS || failed(r, rc);
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
		struct timeval patience = conn_patience(r->conn->config, s->by);

		type = ldap_result(r->conn->ld, id, LDAP_MSG_ONE, &patience, &message);
		if (type == LDAP_RES_SEARCH_ENTRY)
			ok = s->entry(s->arg, message);
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
	struct reading r = { .search = s, .conn = c, .why = why };
	bool ok;
	int id;

	do
		ok = send_page(&r, &id) && hear_page(&r, id);
	while (ok && r.cookie.bv_len > 0);
	ber_memfree(r.cookie.bv_val);
	return ok;
}
