/*
 * How the entries of a walk are fetched: by the dereference control, by filters of many DNs, or one
 * by one; always several requests at a time on one connection. Each technique is a function that
 * sends the next request, and one that hears its end.
 *
 * No technique is believed to have found everything: what a reference or a filter did not bring is
 * read by itself before it counts as missing.
 */
#include "base/log.h"
#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

/* Below so many DNs a filter is not worth its round trip. */
enum { FEW = 3 };

struct reading {
	struct walk *walk;
	struct queue_of_dns *queue;
	size_t window;
	struct request *requests;
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

/* Counts an entry that answers a base search, which must be the one that was asked for. */
static bool
is_asked_for(struct walk *w, const struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	const char *asked = q->items[r->first].dn;
	char *dn = ldap_get_dn(w->conn->ld, entry);
	bool is = dn != NULL && dn_may_be(dn, asked);

	if (!is)
		(void)complain(w->why, "%s: the server answers with %s for %s", w->conn->uri,
		               dn == NULL ? "nothing" : dn, asked);
	ldap_memfree(dn);
	r->entries++;
	return is;
}

/* ---- the dereference control ---- */

static bool
send_deref(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	const struct todo *t = &q->items[r->first];
	LDAPDerefSpec spec[] = { { w->config->names.member, w->deref_attributes }, { NULL, NULL } };
	LDAPControl control = { (char *)LDAP_CONTROL_X_DEREF, { 0, NULL }, 1 };
	LDAPControl *controls[] = { &control, NULL };
	bool sent;
	int rc;

	r->place = t->via == w->members ? place_of_people(w) : NULL;
	if (r->place != NULL)
		spec->attributes = w->placed_attributes;
	rc = ldap_create_deref_control_value(w->conn->ld, spec, &control.ldctl_value);
	if (rc != LDAP_SUCCESS)
		return failed(w, rc, "dereference control");
	r->count = 1;
	r->deref = true;
	sent = walk_search(w, t->dn, LDAP_SCOPE_BASE, any_entry, w->group_attributes,
	                   controls, &r->id, "reading a group");
	ber_memfree(control.ldctl_value.bv_val);
	return sent;
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
send_single(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	r->count = 1;
	return walk_search(w, q->items[r->first].dn, LDAP_SCOPE_BASE, any_entry, w->member_attributes,
	                   NULL, &r->id, "reading a member");
}

static bool
entry_single(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	return is_asked_for(w, q, r, entry) && walk_any_entry(w, entry, q->items[r->first].via);
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

/* ---- groups ---- */

static bool
send_any_group(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	/* Whether a group within the list is open, and no list apart, has to be known before its members. */
	bool first = (w->config->names.state.count > 0 || w->report->apart != NULL) &&
	             q->items[r->first].via->up != NULL;

	return w->technique == TECHNIQUE_DEREF && !first ? send_deref(w, q, r) : send_group(w, q, r);
}

static bool
entry_any_group(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	const struct via *via = q->items[r->first].via;

	if (!is_asked_for(w, q, r, entry))
		return false;
	return r->pieces == NULL ? walk_group_entry(w, entry, via) : walk_group_pieces(w, entry, r->pieces);
}

/*
 * A server may list the dereference control and refuse it all the same, where the overlay is not that of
 * the database, or was taken away. The group is read again without it, and so are others, until there
 * is another connection.
 */
static bool
done_any_group(struct walk *w, struct queue_of_dns *q, struct request *r, int code)
{
	const struct todo *t = &q->items[r->first];

	if (r->entries > 0 || w->config->technique != TECHNIQUE_AUTO || !r->deref ||
	    (code != LDAP_UNAVAILABLE_CRITICAL_EXTENSION && code != LDAP_UNWILLING_TO_PERFORM))
		return done_single(w, q, r, code);
	if (!w->conn->can.deref_refused) {
		(void)conn_complain(w->conn, code, w->why, "the dereference control");
		log_say(LEVEL_WARN, "ldap", "%s; members are read in other ways", w->why->text);
	}
	w->conn->can.deref_refused = true;
	w->technique = TECHNIQUE_AUTO;
	todo_add(q, t->dn, strlen(t->dn), t->via);
	return true;
}

/* ---- several at a time ---- */

static struct request *
find_request(const struct reading *g, int id)
{
	for (size_t i = 0; id > 0 && i < g->window; i++)      /* 0 is what nobody asked for */
		if (g->requests[i].id == id)
			return &g->requests[i];
	return NULL;
}

static void
request_end(struct request *r)
{
	free(r->answered);
	pieces_close(&r->pieces);
	*r = (struct request){ 0 };
}

/* An entry comes that answers a request: in pieces, if it was asked for by the control. */
static void *
wants_pieces(void *arg, int id)
{
	struct reading *g = arg;
	struct request *r = find_request(g, id);

	if (r == NULL || !r->deref)
		return NULL;
	if (r->pieces == NULL)
		r->pieces = pieces_open(g->walk, g->queue->items[r->first].via, r->place);
	return r->pieces;
}

static bool
take_piece(void *arg, void *pieces, enum piece piece, struct view v)
{
	(void)arg;
	return pieces_take(pieces, piece, v);
}

/* Handles one message of the connection. */
static bool
hear(struct reading *g, LDAPMessage *message, int type, size_t *busy)
{
	struct walk *w = g->walk;
	struct request *r = find_request(g, ldap_msgid(message));
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
	if (type != LDAP_RES_SEARCH_RESULT && code == LDAP_SUCCESS)
		code = LDAP_PROTOCOL_ERROR;       /* the end of something else */
	ok = g->done(w, g->queue, r, code);
	for (size_t i = 0; i < r->count; i++)
		mem_drop(&g->queue->items[r->first + i].dn);
	request_end(r);
	(*busy)--;
	return ok;
}

/* Sends as many requests as the window has room for. */
static bool
fill_window(struct reading *g, size_t *busy)
{
	for (size_t i = 0; i < g->window && todo_waiting(g->queue) > 0; i++) {
		struct request *r = &g->requests[i];

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

/* Waits for the next message, and handles it. */
static bool
hear_next(struct reading *g, size_t *busy)
{
	struct walk *w = g->walk;
	LDAPMessage *message = NULL;
	int type = conn_result(w->conn, LDAP_RES_ANY, LDAP_MSG_ONE, w->by, &message);
	const char *fault = w->conn->stream.fault;
	bool ok;

	if (type > 0) {
		ok = hear(g, message, type, busy) && fill_window(g, busy);
		ldap_msgfree(message);
		return ok;
	}
	if (type == 0)
		(void)complain(w->why, "%s: the directory fell silent", w->conn->uri);
	else if (fault == NULL || *fault != '\0')       /* else take_piece() has said why */
		(void)failed(w, LDAP_SUCCESS, "reading members");
	return false;
}

/* Works off a queue, including what is added to it meanwhile. */
static bool
work_off(struct reading *g)
{
	const struct taker taker = { g->walk->config->names.member, wants_pieces, take_piece, g };
	size_t busy = 0;
	bool ok;

	g->requests = mem_array(g->window, sizeof(*g->requests));
	if (g->queue == &g->walk->groups && g->walk->technique == TECHNIQUE_DEREF)
		g->walk->conn->stream.taker = &taker;
	ok = fill_window(g, &busy);
	while (ok && busy > 0)
		ok = hear_next(g, &busy);
	g->walk->conn->stream.taker = NULL;
	for (size_t i = 0; i < g->window; i++) {
		if (g->requests[i].id > 0)
			conn_abandon(g->walk->conn, g->requests[i].id);
		request_end(&g->requests[i]);
	}
	free(g->requests);
	if (ok)
		g->queue->first = g->queue->count = 0;
	return ok;
}

static bool
use_or(struct walk *w)
{
	if (w->technique == TECHNIQUE_BASE || todo_waiting(&w->people) <= FEW)
		return false;
	return or_works(w->conn, w->config->base, w->by) || w->technique == TECHNIQUE_OR;
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
		bool (*run)(struct walk *) = NULL;

		if (todo_waiting(&w->parted) > 0)
			run = parts_run;
		else if (todo_waiting(&w->groups) > 0)
			g = (struct reading){ w, &w->groups, (size_t)c->group_window, NULL,
				              send_any_group, entry_any_group, done_any_group };
		else if (todo_waiting(&w->single) > 0)
			g = (struct reading){ w, &w->single, (size_t)c->window, NULL, send_single,
				              entry_single, done_single };
		else if (searches_waiting(w))
			run = searches_run;
		else if (finds_waiting(w))
			run = finds_run;
		else if (todo_waiting(&w->people) > 0 && use_or(w))
			g = (struct reading){ w, &w->people, (size_t)c->or_window, NULL, or_send,
				              or_entry, or_done };
		else if (todo_waiting(&w->people) > 0)
			g = (struct reading){ w, &w->people, (size_t)c->window, NULL, send_single,
				              entry_single, done_single };
		else if (next_names(w) != NULL)
			g = (struct reading){ w, next_names(w), (size_t)c->or_window, NULL, names_send,
				              names_entry, names_done };
		else if (todo_waiting(&w->addresses) > 0)
			g = (struct reading){ w, &w->addresses, (size_t)c->or_window, NULL, lists_send,
				              lists_entry, lists_done };
		else
			return FOUND_YES;
		ok = run == NULL ? work_off(&g) : run(w);
	}
	return w->root_gone ? FOUND_NO : FOUND_UNSURE;
}
