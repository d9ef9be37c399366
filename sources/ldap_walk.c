/*
 * Walking the people of a list: what an entry means. A group is an entry that has member values,
 * whatever its class, or has the class of a group; everything else is a person. The walk goes level
 * by level, reads each group once, and ends with an answer that is either whole or unsure.
 */
#include "sources/ldap_walk.h"

#include "base/log.h"
#include "base/mem.h"
#include "sources/ldap_dn.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct via_node {
	struct via via;
	struct via_node *next;
	char name[];
};

const struct via *
walk_via(struct walk *w, const struct via *up, const char *name, size_t length)
{
	struct via_node *n = mem_new(sizeof(*n) + length + 1);

	memcpy(n->name, name, length);
	n->via = (struct via){ up, n->name };
	n->next = w->vias;
	w->vias = n;
	return &n->via;
}

void
todo_add(struct queue_of_dns *q, const char *dn, size_t length, const struct via *via)
{
	if (q->count == q->capacity) {
		q->capacity = q->capacity == 0 ? 64 : q->capacity * 2;
		q->items = mem_resize(q->items, q->capacity * sizeof(*q->items));
	}
	q->items[q->count++] = (struct todo){ .dn = mem_copy(dn, length), .via = via };
}

size_t
todo_waiting(const struct queue_of_dns *q)
{
	return q->count - q->first;
}

void
todo_free(struct queue_of_dns *q)
{
	for (size_t i = 0; i < q->count; i++)
		free(q->items[i].dn);
	free(q->items);
	*q = (struct queue_of_dns){ 0 };
}

/* How many members that are not there are named in the log, for each walk and kind. */
enum { NAMED_MOST = 3 };

/*
 * Nothing tells a group that is gone from a person, but for where its DN points to: a group may have
 * been many people, and somebody should hear of it.
 */
void
walk_dangling(struct walk *w, const char *dn, const struct via *via)
{
	bool group = dn_beside(dn, w->list);
	size_t *named = group ? &w->named_groups : &w->named_members;
	enum log_level level = group ? LEVEL_WARN : LEVEL_INFO;

	walk_omit(w->report, OMITTED_DANGLING, dn, strlen(dn), via);
	if (++*named > NAMED_MOST)
		level = LEVEL_DEBUG;
	log_say(level, "dangling", "%s: %s%s is not there", via->name, dn,
	        group ? ", perhaps a group by its place," : "");
}

bool
walk_emit(struct walk *w, const struct address *a, const struct via *via, unsigned preferences)
{
	const struct member m = { a->canonical, a->spelling, via, preferences };

	w->report->members++;
	if (w->fn(w->arg, &m))
		return true;
	(void)complain(w->why, "%s", LDAP_STOPPED);
	return false;
}

void
walk_refuse(struct walk *w, const struct berval *value, const struct via *via, const char *what)
{
	source_refuse(w->report, via, value->bv_val, value->bv_len, what);
}

bool
walk_literal(struct walk *w, const struct berval *value, const struct via *via)
{
	struct address a;
	bool more;

	if (!ldap_mailbox(value->bv_val, value->bv_len, &a)) {
		walk_refuse(w, value, via, "mailbox address");
		return true;
	}
	more = walk_address(w, &a, via, true, 0);
	address_free(&a);
	return more;
}

void
walk_queue(struct walk *w, const char *dn, size_t length, const struct via *via)
{
	if (!set_has(w->seen_groups, dn, length) && set_add(w->seen_people, dn, length))
		todo_add(&w->people, dn, length, via);
}

/* Of other attributes than that of members nobody has so many values. */
bool
walk_is_whole(struct walk *w, LDAPMessage *entry)
{
	const char *member = w->config->names.member;
	BerElement *ber = NULL;
	bool whole = true;

	for (char *a = ldap_first_attribute(w->conn->ld, entry, &ber); a != NULL;
	     a = ldap_next_attribute(w->conn->ld, entry, ber)) {
		if (whole && strcasestr(a, ";range=") != NULL &&
		    (member == NULL || !text_same_n(a, strcspn(a, ";"), member))) {
			(void)complain(w->why, "%s: the server gives only a range of %.*s", w->conn->uri,
			               (int)strcspn(a, ";"), a);
			whole = false;
		}
		ldap_memfree(a);
	}
	ber_free(ber, 0);
	return whole;
}

bool
walk_values(struct walk *w, LDAPMessage *entry, const char *attribute,
           bool (*fn)(struct walk *, const struct berval *, const struct via *),
           const struct via *via)
{
	struct berval **values = conn_values(w->conn, entry, attribute);
	bool more = true;

	for (size_t i = 0; more && values != NULL && values[i] != NULL; i++)
		more = fn(w, values[i], via);
	ldap_value_free_len(values);
	return more;
}

/* Values of uniqueMember are a DN that may have '#' and a bit string behind it (RFC 4517 3.3.21). */
size_t
walk_dn_length(const struct walk *w, const char *value, size_t length)
{
	const struct names *n = &w->config->names;
	size_t at = length;

	if (length < 4 || memcmp(value + length - 2, "'B", 2) != 0 ||
	    ((n->member == NULL || !text_same(n->member, "uniqueMember")) &&
	     !text_list_same(&n->member_also, "uniqueMember", 12)))
		return length;
	for (at = length - 2; at > 0 && (value[at - 1] == '0' || value[at - 1] == '1'); at--)
		;
	return at >= 2 && memcmp(value + at - 2, "#'", 2) == 0 ? at - 2 : length;
}

static bool
queue_member(struct walk *w, const struct berval *value, const struct via *via)
{
	walk_queue(w, value->bv_val, walk_dn_length(w, value->bv_val, value->bv_len), via);
	return true;
}

bool
walk_literals(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	const struct names *n = &w->config->names;
	bool more = true;

	for (size_t i = 0; more && i < n->member_also.count; i++)
		more = walk_values(w, entry, n->member_also.items[i], queue_member, via);
	for (size_t i = 0; more && i < n->member_address.count; i++)
		more = walk_values(w, entry, n->member_address.items[i], walk_literal, via);
	return more && walk_values(w, entry, n->member_login, walk_login, via) &&
	       walk_values(w, entry, n->member_name, walk_alias, via) && walk_dynamic(w, entry, via);
}

static bool
has_values(struct walk *w, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = conn_values(w->conn, entry, attribute);
	bool has = values != NULL && values[0] != NULL;

	ldap_value_free_len(values);
	return has;
}

bool
walk_has_members(struct walk *w, LDAPMessage *entry)
{
	char *const *sign = w->group_signs;

	while (sign != NULL && *sign != NULL && !has_values(w, entry, *sign))
		sign++;
	return (sign != NULL && *sign != NULL) || walk_in_parts(w, entry);
}

enum entry_kind
walk_kind(const struct walk *w, enum entry_kind before, const char *class, size_t length)
{
	const struct names *n = &w->config->names;
	enum entry_kind kind = ENTRY_PERSON;

	if (text_list_same(&n->never_empty, class, length))
		kind = ENTRY_FULL_GROUP;
	else if (text_list_same(&n->group_classes, class, length))
		kind = ENTRY_GROUP;
	return kind > before ? kind : before;
}

static enum entry_kind
kind_of(struct walk *w, LDAPMessage *entry)
{
	struct berval **values = conn_values(w->conn, entry, w->config->names.classes);
	enum entry_kind kind = ENTRY_UNKNOWN;

	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		kind = walk_kind(w, kind, values[i]->bv_val, values[i]->bv_len);
	ldap_value_free_len(values);
	return kind;
}

/* Ends the walk because of an entry of which we are not shown what it takes. */
static bool
hidden(struct walk *w, LDAPMessage *entry, const char *what)
{
	char *dn = ldap_get_dn(w->conn->ld, entry);

	(void)complain(w->why, "%s: %s of %s cannot be read", w->conn->uri, what, dn);
	ldap_memfree(dn);
	return false;
}

bool
walk_members_shown(struct walk *w, LDAPMessage *entry, bool any)
{
	const char *member = w->config->names.member;
	enum entry_kind kind = any ? ENTRY_GROUP : kind_of(w, entry);
	char *said = any ? NULL : ldap_value(w->conn, entry, w->config->names.hidden);
	bool closed = said != NULL && text_same(said, "TRUE");

	free(said);
	if (kind == ENTRY_UNKNOWN)
		return hidden(w, entry, w->config->names.classes);
	return (kind != ENTRY_FULL_GROUP && !closed) || hidden(w, entry, member == NULL ? "members" : member);
}

/* All members of a group that has them as values, and how many these are as far as that is known. */
static bool
queue_members(struct walk *w, LDAPMessage *entry, const struct via *via, size_t *count)
{
	size_t before = todo_waiting(&w->people);
	bool ok = true;

	if (walk_in_parts(w, entry)) {
		walk_queue_parts(w, entry, via);
		*count = SIZE_MAX;
	} else {
		ok = walk_values(w, entry, w->config->names.member, queue_member, via);
		*count = todo_waiting(&w->people) - before;
	}
	return ok;
}

/* Whether a group within the list is a list that is not walked: by the address that it is found by. */
static bool
is_apart(struct walk *w, LDAPMessage *entry)
{
	struct group_addresses g;
	bool apart = false;

	if (w->report->apart == NULL)
		return false;
	group_addresses_read(&g, w->conn, &w->config->names, entry, w->domain);
	if (g.own != NULL)
		apart = walk_apart(w->report, g.own);
	for (size_t i = 0; !apart && g.own == NULL && i < g.all.count; i++)
		apart = walk_apart(w->report, g.all.items[i]);
	group_addresses_free(&g);
	return apart;
}

bool
walk_group_entry(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	bool any = walk_has_members(w, entry);
	enum list_state state;
	size_t count;

	if (via->up != NULL && is_apart(w, entry))
		return true;
	state = walk_group_state(w, entry, via);
	if (state != LIST_OPEN)
		return state == LIST_CLOSED;
	w->report->groups++;
	if (!walk_is_whole(w, entry) || !walk_members_shown(w, entry, any) ||
	    !walk_literals(w, entry, via) || !queue_members(w, entry, via, &count))
		return false;
	walk_queue_finds(w, entry, via, count);
	return true;
}

const struct via *
walk_via_group(struct walk *w, const struct via *up, LDAPMessage *entry, const char *dn)
{
	const struct names *n = &w->config->names;
	struct berval **values =
	        n->address.count == 0 ? NULL : conn_values(w->conn, entry, n->address.items[0]);
	char *named = NULL;
	const struct via *via;

	if (values != NULL && values[0] != NULL) {
		via = walk_via(w, up, values[0]->bv_val, values[0]->bv_len);
	} else {
		named = group_name_address(w->conn, n, entry, w->domain);
		via = walk_via(w, up, named == NULL ? dn : named, strlen(named == NULL ? dn : named));
	}
	free(named);
	ldap_value_free_len(values);
	return via;
}

void
walk_queue_group(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	char *dn = ldap_get_dn(w->conn->ld, entry);

	if (set_add(w->seen_groups, dn, strlen(dn)))
		todo_add(&w->groups, dn, strlen(dn), walk_via_group(w, via, entry, dn));
	ldap_memfree(dn);
}

/* A member is there of a group of whom the control named nobody. Others are read without it. */
static void
note_silence(struct walk *w)
{
	struct abilities *can = &w->conn->can;

	if (can->deref_proven || can->deref_silent || w->config->technique != TECHNIQUE_AUTO)
		return;
	can->deref_silent = true;
	w->technique = TECHNIQUE_AUTO;
	log_say(LEVEL_WARN, "ldap", "%s: the dereference control is listed, and names no member of %s; "
	                            "members are read in other ways", w->conn->uri, w->silent->name);
}

bool
walk_any_entry(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	char *dn;
	bool ok = true;

	if (via == w->silent)
		note_silence(w);
	if (!walk_is_whole(w, entry))
		return false;
	if (!walk_has_members(w, entry)) {
		enum entry_kind kind = kind_of(w, entry);

		if (kind == ENTRY_UNKNOWN)
			return hidden(w, entry, w->config->names.classes);
		if (kind == ENTRY_PERSON)
			return walk_person(w, entry, via);
	}
	dn = ldap_get_dn(w->conn->ld, entry);
	if (set_add(w->seen_groups, dn, strlen(dn)))
		ok = walk_group_entry(w, entry, walk_via_group(w, via, entry, dn));
	ldap_memfree(dn);
	return ok;
}

/* Whether so many members are missing that the directory itself seems to lack something. */
static bool
too_many_dangling(const struct walk *w)
{
	const struct walk_report *r = w->report;
	size_t all = r->members + r->dangling + r->without_address + r->refused + r->closed + r->apart_count;

	if (r->dangling * 100 <= all * (size_t)w->config->dangling)
		return false;
	(void)complain(w->why, "%zu of %zu members %s not exist", r->dangling, all,
	               r->dangling == 1 ? "does" : "do");
	return true;
}

static void
walk_free(struct walk *w)
{
	todo_free(&w->groups);
	todo_free(&w->people);
	todo_free(&w->single);
	todo_free(&w->addresses);
	todo_free(&w->parted);
	finds_free(w);
	for (size_t i = 0; i < NAMING_COUNT; i++)
		todo_free(&w->named[i]);
	set_close(&w->seen_groups);
	set_close(&w->seen_people);
	set_close(&w->seen_addresses);
	set_close(&w->seen_groups_named);
	set_close(&w->seen_logins);
	set_close(&w->seen_searches);
	searches_free(w);
	walk_free_attributes(w);
	while (w->vias != NULL) {
		struct via_node *n = w->vias;

		w->vias = n->next;
		free(n);
	}
}

enum found
ldap_walk(struct ldap_source *l, struct conn *c, const struct list *list, enum people whom,
          struct deadline by, member_fn *fn, void *arg, struct walk_report *report,
          struct complaint *why)
{
	struct walk w = { .source = l, .config = &l->config, .conn = c, .by = by, .fn = fn, .arg = arg,
		          .report = report, .why = why, .list = list->key,
		          .domain = address_domain(list->address), .began = clock_ticks_us(),
		          .technique = (enum technique)l->config.technique };
	const struct via *via = walk_via(&w, NULL, list->address, strlen(list->address));
	enum found found = FOUND_YES;

	if (w.technique == TECHNIQUE_AUTO && conn_dereferences(c))
		w.technique = TECHNIQUE_DEREF;
	if (w.technique == TECHNIQUE_DEREF && w.config->names.member == NULL)
		w.technique = TECHNIQUE_AUTO;
	w.seen_groups = set_open();
	w.seen_people = set_open();
	w.seen_addresses = set_open();
	w.seen_groups_named = set_open();
	w.seen_logins = set_open();
	w.seen_searches = set_open();
	walk_choose_attributes(&w);
	if (whom == PEOPLE_MEMBERS) {
		w.members = via;
		(void)set_add(w.seen_groups, list->key, strlen(list->key));
		todo_add(&w.groups, list->key, strlen(list->key), via);
	} else {
		found = walk_role(&w, list, whom, via);
	}
	if (found == FOUND_YES)
		found = walk_read(&w);
	if (found == FOUND_YES && too_many_dangling(&w))
		found = FOUND_UNSURE;
	if (found == FOUND_YES && whom == PEOPLE_MEMBERS)
		standing_read(c, w.technique);
	walk_free(&w);
	return found;
}
