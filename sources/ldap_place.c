/*
 * The places of people, and whether there are groups in them. Only of a large group that is a list
 * itself: its reading is the first of a walk, so that the question is asked while nothing else is.
 */
#include "sources/ldap_place.h"

#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

enum {
	LARGE = 2000,                     /* people: for fewer the question costs what it saves */
	KNOWN_MOST = 64,                  /* places of a connection */
	ELSEWHERE_MOST = 50               /* members that are read by themselves all the time */
};

struct known_place {
	struct known_place *next;
	char *group;                      /* its DN, as the list has it */
	struct place place;
	char *class;                      /* of people who were seen there */
	int64_t took;                     /* microseconds, to read the group with classes */
	bool searched;                    /* a search by class has found people there */
	bool given_up;
};

/* ---- DNs ---- */

/* The length of the first part of a DN. */
static size_t
first_part(const char *dn, size_t length)
{
	size_t i = 0;

	while (i < length && dn[i] != ',')
		i += dn[i] == '\\' && i + 1 < length ? 2 : 1;
	return i;
}

/* Whether a comma stands there that belongs to no value. */
static bool
is_cut_at(const char *dn, size_t at)
{
	size_t escapes = 0;

	while (escapes < at && dn[at - 1 - escapes] == '\\')
		escapes++;
	return at > 0 && dn[at] == ',' && escapes % 2 == 0;
}

bool
place_holds(const struct place *p, const char *dn, size_t length)
{
	size_t own = strlen(p->dn), before = length - own - 1;

	if (own == 0 || length <= own || memcmp(dn + before + 1, p->dn, own) != 0 || !is_cut_at(dn, before))
		return false;
	/* Semicolons are commas of old (RFC 2253 section 4). */
	return p->deep || (first_part(dn, length) == before && memchr(dn, ';', before) == NULL);
}

/* The DN of the entry above, allocated. */
static char *
parent_of(const char *dn, size_t length)
{
	size_t part = first_part(dn, length);

	return part + 1 < length ? mem_copy(dn + part + 1, length - part - 1) : mem_text("");
}

void
place_widen(struct place *p, const char *dn, size_t length)
{
	if (p->dn == NULL)
		p->dn = parent_of(dn, length);
	while (*p->dn != '\0' && !place_holds(p, dn, length)) {
		if (p->deep) {
			char *wider = parent_of(p->dn, strlen(p->dn));

			free(p->dn);
			p->dn = wider;
		}
		p->deep = true;
	}
}

void
place_free(struct place *p)
{
	mem_drop(&p->dn);
}

/* ---- what is known of a connection's server ---- */

void
places_close(struct known_place **places)
{
	while (*places != NULL) {
		struct known_place *k = *places;

		*places = k->next;
		place_free(&k->place);
		free(k->group);
		free(k->class);
		free(k);
	}
}

void
place_remember(struct walk *w, struct place *p, size_t people, const char *class, size_t length)
{
	struct conn *c = w->conn;
	struct known_place *k;
	size_t count = 0;

	for (k = c->places; k != NULL; k = k->next, count++)
		if (strcmp(k->group, w->list) == 0)
			return;
	/* Of other attributes there may be no index. */
	if (people < LARGE || count >= KNOWN_MOST || *p->dn == '\0' ||
	    !text_same(w->config->names.classes, "objectClass"))
		return;
	k = mem_new(sizeof(*k));
	*k = (struct known_place){ .next = c->places, .group = mem_text(w->list), .place = *p,
		                   .class = mem_copy(class, length), .took = clock_ticks_us() - w->began };
	c->places = k;
	*p = (struct place){ 0 };
}

/* How many entries of a place a search finds, one at most; -1: that is not known. */
static int
found_in(struct walk *w, const struct place *p, const struct bytes *filter)
{
	static char nothing[] = LDAP_NO_ATTRS;
	char *attributes[] = { nothing, NULL };
	LDAPMessage *message = NULL;
	int rc = conn_search(w->conn, p->dn, p->deep ? LDAP_SCOPE_SUBTREE : LDAP_SCOPE_ONELEVEL,
	                     bytes_text(filter), attributes, 1, w->by, &message);
	int count = message == NULL ? 0 : ldap_count_entries(w->conn->ld, message);

	if (count == 0 && (rc != LDAP_SUCCESS || ldap_count_references(w->conn->ld, message) > 0))
		count = -1;
	ldap_msgfree(message);
	return count;
}

/* Whether a search by class finds anybody there: what it does not find says nothing otherwise. */
static bool
finds_people(struct walk *w, struct known_place *k)
{
	struct bytes filter = { 0 };

	if (!k->searched) {
		query_equals(&filter, w->config->names.classes, k->class, strlen(k->class));
		k->searched = found_in(w, &k->place, &filter) > 0;
		bytes_free(&filter);
	}
	return k->searched;
}

static bool
finds_no_groups(struct walk *w, const struct known_place *known)
{
	const struct names *n = &w->config->names;
	const struct text_list *all[] = { &n->group_classes, &n->never_empty, &n->every_mail };
	struct bytes filter = { 0 };
	bool none;

	bytes_add_text(&filter, "(|");
	for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
		for (size_t i = 0; i < all[k]->count; i++)
			query_equals(&filter, n->classes, all[k]->items[i], strlen(all[k]->items[i]));
	bytes_add_char(&filter, ')');
	none = found_in(w, &known->place, &filter) == 0;
	bytes_free(&filter);
	return none;
}

struct known_place *
place_of_people(struct walk *w)
{
	struct known_place *k = w->conn->places;
	int64_t began;
	bool sure;

	while (k != NULL && strcmp(k->group, w->list) != 0)
		k = k->next;
	if (k == NULL || k->given_up)
		return NULL;
	sure = finds_people(w, k);
	began = clock_ticks_us();
	sure = sure && finds_no_groups(w, k);
	/* About so much is what is saved. */
	k->given_up = !sure || clock_ticks_us() - began > k->took / 4;
	return sure ? k : NULL;
}

bool
place_has(const struct known_place *k, const char *dn, size_t length)
{
	return place_holds(&k->place, dn, length);
}

void
place_missed(struct known_place *k, size_t members)
{
	k->given_up |= members > ELSEWHERE_MOST;
}
