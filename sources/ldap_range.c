/*
 * Groups whose members the server gives in parts, as Active Directory does beyond a number of values
 * (MS-ADTS 3.1.1.3.1.3.3). They are asked for again from the first, part by part, each beginning behind
 * the one before; and each time for the entry's number of changes, too: were it another one, somebody
 * might have moved from a part that is still to come into one that was read. Only parts that follow
 * each other up to the one that is said to be the last are all.
 */
#include "sources/ldap_walk.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char changes[] = "uSNChanged";

/* A part of the values: from `first` to `last`, which is the last there is where `whole` is set. */
struct part {
	char name[128];                   /* of the attribute */
	size_t first, last;
	bool whole;
};

/* "member;range=0-1499" or "member;range=1500-*". */
static bool
read_part(const char *name, const char *attribute, struct part *p)
{
	size_t length = strlen(attribute);
	const char *range = name + length;
	char *end;

	if (strncasecmp(name, attribute, length) != 0 || strncasecmp(range, ";range=", 7) != 0 ||
	    range[7] < '0' || range[7] > '9' || strlen(name) >= sizeof(p->name))
		return false;
	p->first = strtoul(range + 7, &end, 10);
	if (*end != '-')
		return false;
	p->whole = strcmp(end + 1, "*") == 0;
	if (!p->whole) {
		if (end[1] < '0' || end[1] > '9')
			return false;
		p->last = strtoul(end + 1, &end, 10);
		if (*end != '\0' || p->last < p->first)
			return false;
	}
	memcpy(p->name, name, strlen(name) + 1);
	return true;
}

/* The part of an attribute that an entry has. */
static bool
find_part(const struct walk *w, LDAPMessage *entry, const char *attribute, struct part *p)
{
	BerElement *ber = NULL;
	char *name = ldap_first_attribute(w->conn->ld, entry, &ber);
	bool found = false;

	while (name != NULL) {
		found = read_part(name, attribute, p);
		ldap_memfree(name);
		name = found ? NULL : ldap_next_attribute(w->conn->ld, entry, ber);
	}
	ber_free(ber, 0);
	return found;
}

bool
walk_in_parts(const struct walk *w, LDAPMessage *entry)
{
	const char *member = w->config->names.member;
	struct part unused;

	return member != NULL && find_part(w, entry, member, &unused);
}

void
walk_queue_parts(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	char *dn = ldap_get_dn(w->conn->ld, entry);

	todo_add(&w->parted, dn, strlen(dn), via);
	ldap_memfree(dn);
}

/* A group under way. */
struct reading {
	struct walk *walk;
	const struct todo *group;
	char *changes;                    /* of the first part */
	size_t next;                      /* the first value that was not read */
	bool whole;
};

static bool
failed(const struct reading *r, const char *how)
{
	(void)complain(r->walk->why, "%s: members of %s: %s", r->walk->conn->uri, r->group->dn, how);
	return false;
}

/* Whether the group is the one that it was when its first part was read. */
static bool
unchanged(struct reading *r, LDAPMessage *entry)
{
	struct berval **values = conn_values(r->walk->conn, entry, changes);
	bool readable = values != NULL && values[0] != NULL, same = false;

	if (readable && r->changes == NULL)
		r->changes = mem_copy(values[0]->bv_val, values[0]->bv_len);
	if (readable)
		same = text_same_n(values[0]->bv_val, values[0]->bv_len, r->changes);
	ldap_value_free_len(values);
	if (!readable)
		return failed(r, "they come in parts, and uSNChanged, which tells whether they "
		                 "change meanwhile, cannot be read");
	return same || failed(r, "they were changed while they were read");
}

static bool
take_part(struct reading *r, LDAPMessage *entry)
{
	struct walk *w = r->walk;
	struct berval **values;
	struct part p = { "", 0, 0, false };
	size_t count = 0;

	if (!unchanged(r, entry))
		return false;
	if (!find_part(w, entry, w->config->names.member, &p) || p.first != r->next)
		return failed(r, "a part is missing");
	values = conn_values(w->conn, entry, p.name);
	for (; values != NULL && values[count] != NULL; count++)
		walk_queue(w, values[count]->bv_val,
		           walk_dn_length(w, values[count]->bv_val, values[count]->bv_len),
		           r->group->via);
	ldap_value_free_len(values);
	r->whole = p.whole;
	r->next = p.last + 1;
	return p.whole || count == p.last - p.first + 1 || failed(r, "a part is cut short");
}

static bool
read_part_of(struct reading *r)
{
	struct walk *w = r->walk;
	char *range = mem_format("%s;range=%zu-*", w->config->names.member, r->next);
	char *attributes[] = { range, changes, NULL };
	LDAPMessage *message = NULL, *entry;
	int rc = conn_search(w->conn, r->group->dn, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, w->by,
	                     &message);
	bool ok = false;

	entry = rc == LDAP_SUCCESS ? ldap_first_entry(w->conn->ld, message) : NULL;
	if (entry != NULL)
		ok = take_part(r, entry);
	else if (rc == LDAP_SUCCESS)
		ok = failed(r, "the entry is gone");
	else
		(void)conn_complain(w->conn, rc, w->why, "reading members in parts");
	ldap_msgfree(message);
	free(range);
	return ok;
}

bool
parts_run(struct walk *w)
{
	struct queue_of_dns *q = &w->parted;
	struct reading r = { .walk = w, .group = &q->items[q->first] };
	bool ok = true;

	while (ok && !r.whole)
		ok = read_part_of(&r);
	free(r.changes);
	q->first++;
	return ok;
}
