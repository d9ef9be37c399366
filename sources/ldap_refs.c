/*
 * A group's members as the dereference control tells of them. The control is a short cut and no
 * proof: 389-ds leaves out values whose entries are gone, and OpenLDAP's overlay may leave out any
 * number of them after one that it must not show. So the values themselves are asked for as well,
 * which costs next to nothing, and whatever the control did not name is read by itself.
 */
#include "base/set.h"
#include "sources/ldap_deref.h"
#include "sources/ldap_walk.h"

#include <string.h>

/* The values of the member attribute, and which of them the control has named. */
struct naming {
	BerVarray values;
	size_t next;                      /* those before it were named, in the values' order */
	struct set *others;               /* what was named out of order; NULL: nothing was */
};

static void
note_named(struct naming *n, struct view dn)
{
	size_t length = (size_t)(dn.end - dn.at);
	const struct berval *value = n->values == NULL ? NULL : &n->values[n->next];

	if (value != NULL && value->bv_val != NULL && value->bv_len == length &&
	    memcmp(value->bv_val, dn.at, length) == 0) {
		n->next++;
		return;
	}
	if (n->others == NULL)
		n->others = set_open();
	(void)set_add(n->others, dn.at, length);
}

/*
 * Whether all classes are those of people. Most members have the same, so that they are looked at
 * once.
 */
static bool
is_person(const struct walk *w, struct view classes, struct view *people)
{
	size_t length = (size_t)(classes.end - classes.at);
	enum entry_kind kind = ENTRY_UNKNOWN;
	struct view all = classes, class;

	if (people->at != NULL && (size_t)(people->end - people->at) == length &&
	    memcmp(people->at, classes.at, length) == 0)
		return true;
	while (deref_value(&classes, &class))
		kind = walk_kind(w, kind, (const char *)class.at, (size_t)(class.end - class.at));
	if (kind == ENTRY_PERSON)
		*people = all;
	return kind == ENTRY_PERSON;
}

/* Whether an entry has members of any kind that can be seen. */
static bool
has_members(const struct walk *w, struct view attributes)
{
	struct view values;

	for (size_t i = 0; w->group_signs != NULL && w->group_signs[i] != NULL; i++)
		if (deref_attribute(attributes, w->group_signs[i], &values))
			return true;
	return false;
}

/* One value of the control. `people` are classes that were seen to be those of people. */
static bool
take_reference(struct walk *w, const struct deref *d, struct view *people, const struct via *via)
{
	const char *dn = (const char *)d->dn.at;
	size_t length = walk_dn_length(w, dn, (size_t)(d->dn.end - d->dn.at));
	const struct text_list *mail = &w->config->names.mail;
	struct address_choice c = { 0 };
	struct view values, value;
	bool more = true;

	if (has_members(w, d->attributes)) {
		if (set_add(w->seen_groups, dn, length)) {
			bool named = deref_attribute(d->attributes, mail->items[0], &values) &&
			             deref_value(&values, &value);

			todo_add(&w->groups, dn, length,
			         named ? walk_via(w, via, (const char *)value.at,
			                          (size_t)(value.end - value.at))
			               : walk_via(w, via, dn, length));
		}
		return true;
	}
	for (size_t k = 0; k < mail->count && !c.found; k++)
		if (deref_attribute(d->attributes, mail->items[k], &values))
			while (deref_value(&values, &value))
				address_choice_offer(&c, (const char *)value.at,
				                     (size_t)(value.end - value.at));
	if (!deref_attribute(d->attributes, w->config->names.classes, &values) ||
	    !is_person(w, values, people) || !c.offered)
		/* A group without members, no mail, no entry, or nothing we may see: it tells. */
		walk_queue(w, dn, length, via);
	else if (walk_is_disabled_deref(w, d->attributes))
		w->report->closed++;
	else if (c.found)
		more = walk_address(w, &c.address, via, false);
	else
		w->report->refused++;
	address_free(&c.address);
	return more;
}

static void
queue_unnamed(struct walk *w, const struct naming *n, const struct via *via)
{
	for (size_t i = n->next; n->values != NULL && n->values[i].bv_val != NULL; i++)
		if (n->others == NULL ||
		    !set_has(n->others, n->values[i].bv_val, n->values[i].bv_len))
			walk_queue(w, n->values[i].bv_val,
			           walk_dn_length(w, n->values[i].bv_val, n->values[i].bv_len), via);
}

/* All values of the control; without one they are all unnamed. */
static bool
take_references(struct walk *w, LDAPMessage *entry, const LDAPControl *control,
                const struct via *via)
{
	struct naming n = { .values = conn_values_in_place(w->conn, entry, w->config->names.member) };
	struct view refs = { 0 }, people = { 0 };
	struct deref d;
	bool more;
	bool broken = control != NULL && !deref_open(control->ldctl_value.bv_val,
	                                             control->ldctl_value.bv_len, &refs);

	/* 389-ds gives the control, empty, for a group of which it shows no member. */
	more = walk_members_shown(w, entry, refs.at != refs.end || walk_has_members(w, entry));
	while (more && !broken && deref_next(&refs, &d, &broken)) {
		note_named(&n, d.dn);
		more = take_reference(w, &d, &people, via);
	}
	if (more && !broken)
		queue_unnamed(w, &n, via);
	set_close(&n.others);
	ldap_memfree(n.values);
	if (broken)
		(void)complain(w->why, "%s: the answer to the dereference control makes no sense",
		               w->conn->uri);
	return more && !broken;
}

bool
walk_group_deref(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	LDAPControl **controls = NULL;
	bool ok;

	if (ldap_get_entry_controls(w->conn->ld, entry, &controls) != LDAP_SUCCESS)
		controls = NULL;
	w->report->groups++;
	ok = walk_is_whole(w, entry) && walk_literals(w, entry, via) &&
	     take_references(w, entry, ldap_control_find(LDAP_CONTROL_X_DEREF, controls, NULL), via);
	ldap_controls_free(controls);
	if (ok && walk_in_parts(w, entry))
		walk_queue_parts(w, entry, via);
	if (ok)
		walk_queue_finds(w, entry, via, 0);
	return ok;
}
