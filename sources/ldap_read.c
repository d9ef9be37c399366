/*
 * How the entries of a walk are fetched: by the dereference control, by filters of many DNs, or one
 * by one; always several requests at a time on one connection. Each technique is a function that
 * sends the next request, and one that hears its end.
 *
 * No technique is believed to have found everything: what a reference or a filter did not bring is
 * read by itself before it counts as missing.
 */
#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

/* Below so many DNs a filter is not worth its round trip. */
enum { FEW = 3 };

struct reading {
	struct walk *walk;
	struct queue_of_dns *queue;
	size_t window;
	/* Sends for queue->items[request->first..]; sets count and id. False with a complaint. */
	bool (*send)(struct walk *, struct queue_of_dns *, struct request *);
	bool (*entry)(struct walk *, struct queue_of_dns *, struct request *, LDAPMessage *);
	/* The result has come. */
	bool (*done)(struct walk *, struct queue_of_dns *, struct request *, int code);
};

static char any_entry[] = "(objectClass=*)";

static bool
failed(struct walk *w, int code, const char *doing)
{
	(void)conn_complain(w->conn, code, w->why, doing);
	return false;
}

bool
walk_search(struct walk *w, const char *base, int scope, const char *filter, char **attributes,
            LDAPControl **controls, int *id, const char *doing)
{
	struct timeval patience = conn_patience(&w->config->conn, w->by);
	int rc = ldap_search_ext(w->conn->ld, base, scope, filter, attributes, 0, controls, NULL,
	                         &patience, 0, id);

	return rc == LDAP_SUCCESS || failed(w, rc, doing);
}

/* ---- the dereference control ---- */

static bool
send_deref(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	char *member = w->config->names.member;
	LDAPDerefSpec spec[] = { { member, w->deref_attributes }, { NULL, NULL } };
	LDAPControl control = { (char *)LDAP_CONTROL_X_DEREF, { 0, NULL }, 1 };
	LDAPControl *controls[] = { &control, NULL };
	bool sent;
	int rc;

	rc = ldap_create_deref_control_value(w->conn->ld, spec, &control.ldctl_value);
	if (rc != LDAP_SUCCESS)
		return failed(w, rc, "dereference control");
	r->count = 1;
	sent = walk_search(w, q->items[r->first].dn, LDAP_SCOPE_BASE, any_entry, w->group_attributes,
	                   controls, &r->id, "reading a group");
	ber_memfree(control.ldctl_value.bv_val);
	return sent;
}

static bool
entry_deref(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	r->entries++;
	return walk_group_deref(w, entry, q->items[r->first].via);
}

/* ---- single entries ---- */

static bool
send_group(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	r->count = 1;
	return walk_search(w, q->items[r->first].dn, LDAP_SCOPE_BASE, any_entry, w->group_attributes,
	                   NULL, &r->id, "reading a group");
}

static bool
entry_group(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	r->entries++;
	return walk_group_entry(w, entry, q->items[r->first].via);
}

static bool
send_single(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	r->count = 1;
	return walk_search(w, q->items[r->first].dn, LDAP_SCOPE_BASE, any_entry, w->member_attributes,
	                   NULL, &r->id, "reading a member");
}

static bool
entry_single(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	r->entries++;
	return walk_any_entry(w, entry, q->items[r->first].via);
}

/* The end of a base search: where it found nothing the entry is not there, or not for us to see. */
static bool
done_single(struct walk *w, struct queue_of_dns *q, struct request *r, int code)
{
	const struct todo *t = &q->items[r->first];

	if (code != LDAP_SUCCESS && code != LDAP_INSUFFICIENT_ACCESS && code != LDAP_NO_SUCH_OBJECT &&
	    code != LDAP_INVALID_DN_SYNTAX)
		return failed(w, code, "reading an entry");
	if (r->entries > 0 && code == LDAP_SUCCESS)
		return true;
	/* An entry that answers nothing is hidden, not gone. */
	if (code == LDAP_SUCCESS || code == LDAP_INSUFFICIENT_ACCESS) {
		(void)complain(w->why, "%s: %s cannot be read", w->conn->uri, t->dn);
		return false;
	}
	if (t->via->up == NULL && q == &w->groups) {     /* the list itself */
		w->root_gone = code == LDAP_NO_SUCH_OBJECT;
		(void)complain(w->why, "%s: %s is not there", w->conn->uri, t->dn);
		return false;
	}
	walk_dangling(w, t->dn, t->via);
	return true;
}

/* ---- filters of many DNs ---- */

/*
 * Adds the paging control where the server has it. An OR finds at most as many entries as it has
 * terms.
 */
static bool
send_or(struct walk *w, struct queue_of_dns *q, struct request *r)
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

static bool
entry_or(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
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
static bool
done_or(struct walk *w, struct queue_of_dns *q, struct request *r, int code)
{
	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT && code != LDAP_SIZELIMIT_EXCEEDED &&
	    code != LDAP_ADMINLIMIT_EXCEEDED && code != LDAP_INVALID_DN_SYNTAX)
		return failed(w, code, "reading members");
	for (size_t i = 0; i < r->count; i++) {
		const struct todo *t = &q->items[r->first + i];

		if (!r->answered[i])
			todo_add(&w->single, t->dn, strlen(t->dn), t->via);
	}
	return true;
}

/* Whether the server finds by this attribute the one entry that is known to be there. */
static bool
probe(struct walk *w, const char *attribute)
{
	static char nothing[] = LDAP_NO_ATTRS;
	char *attributes[] = { nothing, NULL };
	struct timeval patience = conn_patience(&w->config->conn, w->by);
	struct bytes filter = { 0 };
	LDAPMessage *message = NULL;
	bool found = false;

	query_equals(&filter, attribute, w->config->base, strlen(w->config->base));
	if (ldap_search_ext_s(w->conn->ld, w->config->base, LDAP_SCOPE_BASE, filter.data, attributes, 0,
	                      NULL, NULL, &patience, 0, &message) == LDAP_SUCCESS)
		found = ldap_count_entries(w->conn->ld, message) == 1;
	ldap_msgfree(message);
	bytes_free(&filter);
	return found;
}

/* Whether the server finds entries by their DN: under the one name (RFC 5020) or Active Directory's. */
static void
probe_entry_dn(struct walk *w)
{
	struct abilities *can = &w->conn->can;

	can->probed_entry_dn = true;
	can->dn_attribute = "entryDN";
	can->entry_dn = probe(w, can->dn_attribute);
	if (!can->entry_dn && probe(w, "distinguishedName")) {
		can->dn_attribute = "distinguishedName";
		can->entry_dn = true;
	}
}

/* ---- several at a time ---- */

static struct request *
find_request(struct request *requests, size_t window, int id)
{
	for (size_t i = 0; i < window; i++)
		if (requests[i].id == id)
			return &requests[i];
	return NULL;
}

/* Handles one message of the connection. */
static bool
hear(struct reading *g, struct request *requests, LDAPMessage *message, int type, size_t *busy)
{
	struct walk *w = g->walk;
	struct request *r = find_request(requests, g->window, ldap_msgid(message));
	int code;
	bool ok;

	if (r == NULL)
		return true;              /* the end of something given up earlier */
	if (type == LDAP_RES_SEARCH_ENTRY)
		return g->entry(w, g->queue, r, message);
	if (type == LDAP_RES_SEARCH_REFERENCE) {
		if (!conn_refers(w->conn, message, w->by))
			return true;
		(void)complain(w->why, "%s: the server refers to another for a member", w->conn->uri);
		return false;
	}
	if (ldap_parse_result(w->conn->ld, message, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	ok = g->done(w, g->queue, r, code);
	for (size_t i = 0; i < r->count; i++)
		mem_drop(&g->queue->items[r->first + i].dn);
	free(r->answered);
	*r = (struct request){ 0 };
	(*busy)--;
	return ok;
}

/* Sends as many requests as the window has room for. */
static bool
fill_window(struct reading *g, struct request *requests, size_t *busy)
{
	for (size_t i = 0; i < g->window && todo_waiting(g->queue) > 0; i++) {
		struct request *r = &requests[i];

		if (r->id != 0)
			continue;
		r->first = g->queue->first;
		if (!g->send(g->walk, g->queue, r))
			return false;
		g->queue->first += r->count;
		(*busy)++;
	}
	return true;
}

/* Works off a queue, including what is added to it meanwhile. */
static bool
work_off(struct reading *g)
{
	struct walk *w = g->walk;
	struct request *requests = mem_array(g->window, sizeof(*requests));
	size_t busy = 0;
	bool ok = fill_window(g, requests, &busy);

	while (ok && busy > 0) {
		struct timeval patience = conn_patience(&w->config->conn, w->by);
		LDAPMessage *message = NULL;
		int type = ldap_result(w->conn->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &patience, &message);

		if (type > 0) {
			ok = hear(g, requests, message, type, &busy) && fill_window(g, requests, &busy);
			ldap_msgfree(message);
		} else if (type == 0) {
			(void)complain(w->why, "%s: the directory fell silent", w->conn->uri);
			ok = false;
		} else {
			ok = failed(w, LDAP_SUCCESS, "reading members");
		}
	}
	for (size_t i = 0; i < g->window; i++)
		free(requests[i].answered);
	free(requests);
	if (ok)
		g->queue->first = g->queue->count = 0;
	return ok;
}

static bool
use_or(struct walk *w)
{
	if (w->technique == TECHNIQUE_BASE || todo_waiting(&w->people) <= FEW)
		return false;
	if (!w->conn->can.probed_entry_dn)
		probe_entry_dn(w);
	return w->technique == TECHNIQUE_OR || w->conn->can.entry_dn;
}

/* The first queue of names that is not empty: those of groups before those of people. */
static struct queue_of_dns *
next_names(struct walk *w)
{
	for (size_t i = 0; i < NAMING_COUNT; i++)
		if (todo_waiting(&w->named[i]) > 0)
			return &w->named[i];
	return NULL;
}

enum found
walk_read(struct walk *w)
{
	const struct ldap_config *c = w->config;
	bool ok = true;

	while (ok) {
		struct reading g = { .walk = w };

		if (todo_waiting(&w->parted) > 0) {
			ok = parts_run(w);
			continue;
		}
		if (todo_waiting(&w->groups) == 0 && finds_waiting(w)) {
			ok = finds_run(w);
			continue;
		}
		if (todo_waiting(&w->groups) > 0 && w->technique == TECHNIQUE_DEREF)
			g = (struct reading){ w, &w->groups, (size_t)c->group_window, send_deref,
				              entry_deref, done_single };
		else if (todo_waiting(&w->groups) > 0)
			g = (struct reading){ w, &w->groups, (size_t)c->group_window, send_group,
				              entry_group, done_single };
		else if (todo_waiting(&w->single) > 0)
			g = (struct reading){ w, &w->single, (size_t)c->window, send_single,
				              entry_single, done_single };
		else if (todo_waiting(&w->people) > 0 && use_or(w))
			g = (struct reading){ w, &w->people, (size_t)c->or_window, send_or, entry_or,
				              done_or };
		else if (todo_waiting(&w->people) > 0)
			g = (struct reading){ w, &w->people, (size_t)c->window, send_single,
				              entry_single, done_single };
		else if (next_names(w) != NULL)
			g = (struct reading){ w, next_names(w), (size_t)c->or_window, names_send,
				              names_entry, names_done };
		else if (todo_waiting(&w->addresses) > 0)
			g = (struct reading){ w, &w->addresses, (size_t)c->or_window, lists_send,
				              lists_entry, lists_done };
		else
			return FOUND_YES;
		ok = work_off(&g);
	}
	return w->root_gone ? FOUND_NO : FOUND_UNSURE;
}
