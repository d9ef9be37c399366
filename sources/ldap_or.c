/*
 * Reading members by filters of many DNs. Whether the server finds entries by their DN is asked of the
 * one entry that is known to be there, once for each connection.
 */
#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <string.h>

/*
 * Adds the paging control where the server has it. An OR finds at most as many entries as it has
 * terms.
 */
bool
or_send(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	struct bytes filter = { 0 };
	LDAPControl *page = NULL, *controls[] = { NULL, NULL };
	bool sent;

	bytes_add_text(&filter, "(|");
	for (r->count = 0; r->count < (size_t)w->config->or_terms && r->first + r->count < q->count;
	     r->count++) {
		const char *dn = q->items[r->first + r->count].dn;

		query_equals(&filter, w->conn->can.dn_attribute, dn, strlen(dn));
	}
	bytes_add_char(&filter, ')');
	r->answered = mem_array(r->count, sizeof(*r->answered));
	if (w->conn->can.paged && w->config->page >= w->config->or_terms &&
	    ldap_create_page_control(w->conn->ld, (ber_int_t)w->config->page, NULL, 0, &page) ==
	            LDAP_SUCCESS)
		controls[0] = page;
	sent = walk_search(w, w->config->base, LDAP_SCOPE_SUBTREE, filter.data, w->member_attributes,
	                   controls, &r->id, "reading members");
	if (page != NULL)
		ldap_control_free(page);
	bytes_free(&filter);
	return sent;
}

bool
or_entry(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(w->conn->ld, entry);
	bool ok = true;
	size_t i = 0;

	/* Entries come in the order of the directory, mostly that of the filter. */
	while (i < r->count && (r->answered[i] || strcmp(dn, q->items[r->first + i].dn) != 0))
		i++;
	if (i == r->count)
		for (i = 0; i < r->count; i++)
			if (!r->answered[i] && dn_same(dn, q->items[r->first + i].dn))
				break;
	if (i < r->count) {
		r->answered[i] = true;
		ok = walk_any_entry(w, entry, q->items[r->first + i].via);
	}
	ldap_memfree(dn);
	return ok;
}

/*
 * What the filter did not bring is read by itself: it may lie outside the base, or be refused by a
 * limit.
 */
bool
or_done(struct walk *w, struct queue_of_dns *q, struct request *r, int code)
{
	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT && code != LDAP_SIZELIMIT_EXCEEDED &&
	    code != LDAP_ADMINLIMIT_EXCEEDED && code != LDAP_INVALID_DN_SYNTAX) {
		(void)conn_complain(w->conn, code, w->why, "reading members");
		return false;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct todo *t = &q->items[r->first + i];

		if (!r->answered[i])
			todo_add(&w->single, t->dn, strlen(t->dn), t->via);
	}
	return true;
}

/* Whether the server finds by this attribute the one entry that is known to be there. */
static bool
finds(struct conn *c, const char *attribute, const char *base, struct deadline by)
{
	static char nothing[] = LDAP_NO_ATTRS;
	char *attributes[] = { nothing, NULL };
	struct bytes filter = { 0 };
	LDAPMessage *message = NULL;
	bool found = false;

	query_equals(&filter, attribute, base, strlen(base));
	if (conn_search(c, base, LDAP_SCOPE_BASE, filter.data, attributes, 0, by, &message) == LDAP_SUCCESS)
		found = ldap_count_entries(c->ld, message) == 1;
	ldap_msgfree(message);
	bytes_free(&filter);
	return found;
}

/* Under the one name (RFC 5020), or Active Directory's. */
bool
or_works(struct conn *c, const char *base, struct deadline by)
{
	struct abilities *can = &c->can;

	if (can->probed_entry_dn)
		return can->entry_dn;
	can->dn_attribute = "entryDN";
	can->entry_dn = finds(c, can->dn_attribute, base, by);
	if (!can->entry_dn && finds(c, "distinguishedName", base, by)) {
		can->dn_attribute = "distinguishedName";
		can->entry_dn = true;
	}
	can->probed_entry_dn = !c->given_up;
	return can->entry_dn;
}
