/*
 * A group's members as the dereference control tells of them. The control is a short cut and no
 * proof: 389-ds leaves out values whose entries are gone, and OpenLDAP's overlay may leave out any
 * number of them after one that it must not show. So the values themselves are asked for as well,
 * which costs next to nothing, and whatever the control did not name is read by itself.
 *
 * The answer about a group of a million comes in pieces (ldap_stream.h): first the values, which are
 * kept until the control has named them, and then the references, which are members at once.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/set.h"
#include "sources/ldap_walk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 65536, BETWEEN_LOOKS = 64 };

/* DNs one behind the other, each after its length. */
struct block {
	struct block *next;
	size_t used, room;
	unsigned char bytes[];
};

struct pieces {
	struct walk *walk;
	const struct via *via;
	struct block *first, *last;       /* values that were not named */
	size_t at;                        /* of the first block: where the first such value is */
	struct set *others;               /* what was named out of the values' order; NULL: nothing was */
	bool answered;                    /* the control has named somebody; it may be there for nobody */
	struct bytes people;              /* classes that were seen to be those of people */
	struct known_place *place;        /* where everybody is a person; NULL: classes are asked for */
	size_t elsewhere;                 /* members that are not there */
	struct place seen;                /* where people were seen to be */
	size_t seen_count;
	unsigned until_look;              /* at the clock, so many pieces */
	bool own;                         /* what the control names now is a value of the group */
};

struct pieces *
pieces_open(struct walk *w, const struct via *via, struct known_place *place)
{
	struct pieces *p = mem_new(sizeof(*p));

	p->walk = w;
	p->via = via;
	p->place = place;
	return p;
}

static void
drop_block(struct pieces *p)
{
	struct block *old = p->first;

	p->first = old->next;
	if (p->first == NULL)
		p->last = NULL;
	p->at = 0;
	free(old);
}

void
pieces_close(struct pieces **pieces)
{
	struct pieces *p = *pieces;

	if (p == NULL)
		return;
	while (p->first != NULL)
		drop_block(p);
	set_close(&p->others);
	bytes_free(&p->people);
	place_free(&p->seen);
	free(p);
	*pieces = NULL;
}

static void
keep_value(struct pieces *p, struct view v)
{
	const uint32_t length = (uint32_t)(v.end - v.at);
	size_t want = sizeof(length) + length;

	if (p->last == NULL || p->last->room - p->last->used < want) {
		size_t room = want > BLOCK ? want : BLOCK;
		struct block *b = mem_resize(NULL, sizeof(*b) + room);

		*b = (struct block){ .room = room };
		if (p->last == NULL)
			p->first = b;
		else
			p->last->next = b;
		p->last = b;
	}
	memcpy(p->last->bytes + p->last->used, &length, sizeof(length));
	if (length > 0)
		memcpy(p->last->bytes + p->last->used + sizeof(length), v.at, length);
	p->last->used += want;
}

/* The first value that is left; false where none is. It stays in place until it is passed. */
static bool
first_value(const struct pieces *p, struct view *v)
{
	uint32_t length;

	if (p->first == NULL)
		return false;
	memcpy(&length, p->first->bytes + p->at, sizeof(length));
	v->at = p->first->bytes + p->at + sizeof(length);
	v->end = v->at + length;
	return true;
}

static void
pass_value(struct pieces *p, struct view v)
{
	p->at = (size_t)(v.end - p->first->bytes);
	if (p->at == p->first->used)
		drop_block(p);
}

static void
note_named(struct pieces *p, struct view dn)
{
	size_t length = (size_t)(dn.end - dn.at);
	struct view value;

	p->own = first_value(p, &value) && (size_t)(value.end - value.at) == length &&
	         memcmp(value.at, dn.at, length) == 0;
	if (p->own) {
		pass_value(p, value);
		return;
	}
	if (p->others == NULL)
		p->others = set_open();
	(void)set_add(p->others, dn.at, length);
}

/*
 * Whether all classes are those of people. Most members have the same, so that they are looked at
 * once.
 */
static bool
are_of_people(struct pieces *p, struct view classes)
{
	size_t length = (size_t)(classes.end - classes.at);
	enum entry_kind kind = ENTRY_UNKNOWN;
	struct view all = classes, class;

	if (length > 0 && p->people.length == length && memcmp(p->people.data, classes.at, length) == 0)
		return true;
	while (deref_value(&classes, &class)) {
		const char *text = (const char *)class.at;

		kind = walk_kind(p->walk, kind, text, (size_t)(class.end - class.at));
		/* Several people: their entry is read by itself. */
		if (text_list_same(&p->walk->config->names.every_mail, text, (size_t)(class.end - class.at)))
			return false;
	}
	if (kind == ENTRY_PERSON) {
		bytes_clear(&p->people);
		bytes_add(&p->people, all.at, length);
	}
	return kind == ENTRY_PERSON;
}

/* Whether an entry without members that can be seen is no group. */
static bool
is_person(struct pieces *p, const struct deref *d, size_t length)
{
	const char *dn = (const char *)d->dn.at;
	struct view classes;
	bool is;

	if (p->place != NULL) {
		is = place_has(p->place, dn, length);
		p->elsewhere += !is;
		return is;
	}
	is = deref_attribute(d->attributes, p->walk->config->names.classes, &classes) &&
	     are_of_people(p, classes);
	if (is && p->via == p->walk->members) {
		place_widen(&p->seen, dn, length);
		p->seen_count++;
	}
	return is;
}

/* Whether an entry has members of any kind that can be seen. */
static bool
has_members(const struct walk *w, struct view attributes)
{
	char *const *sign = w->group_signs;
	struct view values;

	while (*sign != NULL && !deref_attribute(attributes, *sign, &values))
		sign++;
	return *sign != NULL;
}

/* What somebody wants, by attributes of the entry. */
static unsigned
preferences_of(const struct walk *w, struct view attributes)
{
	unsigned found = 0;

	for (size_t i = 0; i < w->config->wish_count; i++) {
		const struct wish *wish = &w->config->wishes[i];
		struct view values, value;

		if (!deref_attribute(attributes, wish->attribute, &values))
			continue;
		while (deref_value(&values, &value))
			if (wish_is(wish, (const char *)value.at, (size_t)(value.end - value.at)))
				found |= wish->preference;
	}
	return found;
}

/* A group that the control tells of. */
static void
queue_group(struct pieces *p, const struct deref *d, size_t length)
{
	struct walk *w = p->walk;
	const struct text_list *mail = &w->config->names.mail;
	const char *dn = (const char *)d->dn.at;
	struct view values, value;
	bool named = mail->count > 0 && deref_attribute(d->attributes, mail->items[0], &values) &&
	             deref_value(&values, &value);

	if (set_add(w->seen_groups, dn, length))
		todo_add(&w->groups, dn, length,
		         named ? walk_via(w, p->via, (const char *)value.at,
		                          (size_t)(value.end - value.at))
		               : walk_via(w, p->via, dn, length));
}

static void
choose_address(const struct walk *w, struct view attributes, struct address_choice *c)
{
	const struct text_list *mail = &w->config->names.mail;
	struct view values, value;

	for (size_t k = 0; k < mail->count && !c->found; k++)
		if (deref_attribute(attributes, mail->items[k], &values))
			while (deref_value(&values, &value))
				address_choice_offer(c, (const char *)value.at,
				                     (size_t)(value.end - value.at));
}

/* One value of the control. */
static bool
take_reference(struct pieces *p, const struct deref *d)
{
	struct walk *w = p->walk;
	const char *dn = (const char *)d->dn.at;
	size_t length = walk_dn_length(w, dn, (size_t)(d->dn.end - d->dn.at));
	struct address_choice c = { 0 };
	unsigned wants = preferences_of(w, d->attributes);
	bool more = true;

	if (has_members(w, d->attributes)) {
		queue_group(p, d, length);
		return true;
	}
	choose_address(w, d->attributes, &c);
	if (!is_person(p, d, length) || (!c.found && c.refused == NULL)) {
		/* A group without members, no mail, no entry, or nothing we may see: it tells. */
		walk_queue(w, dn, length, p->via);
	} else if (!wishes_mail(&wants)) {
		walk_omit(w->report, OMITTED_CLOSED, dn, length, p->via);
	} else if (c.found) {
		w->conn->can.deref_proven |= p->own;
		more = walk_address(w, &c.address, p->via, false, wants);
	} else {
		source_refuse(w->report, p->via, c.refused, c.length, "mailbox address");
	}
	address_choice_free(&c);
	return more;
}

bool
pieces_take(struct pieces *p, enum piece piece, struct view v)
{
	struct deref d;

	if (p->until_look > 0) {
		p->until_look--;
	} else if (deadline_passed(p->walk->by)) {
		(void)complain(p->walk->why, "%s: no time to read all of %s", p->walk->conn->uri,
		               p->via->name);
		return false;
	} else {
		p->until_look = BETWEEN_LOOKS;
	}
	if (piece == PIECE_VALUE) {
		keep_value(p, v);
	} else if (deref_read(v, &d)) {
		p->answered = true;
		note_named(p, d.dn);
		return take_reference(p, &d);
	} else {
		(void)complain(p->walk->why, "%s: the answer to the dereference control makes no sense",
		               p->walk->conn->uri);
		return false;
	}
	return true;
}

/* What the control did not name is read by itself. */
static void
queue_unnamed(struct pieces *p)
{
	struct walk *w = p->walk;
	struct view v;

	if (!p->answered)
		w->silent = p->via;
	while (first_value(p, &v)) {
		const char *dn = (const char *)v.at;
		size_t length = (size_t)(v.end - v.at);

		if (p->others == NULL || !set_has(p->others, dn, length))
			walk_queue(w, dn, walk_dn_length(w, dn, length), p->via);
		pass_value(p, v);
	}
}

/* What the next reading of the group may make use of. */
static void
note_place(struct pieces *p)
{
	struct view classes = { (const unsigned char *)bytes_text(&p->people),
		                (const unsigned char *)bytes_text(&p->people) + p->people.length };
	struct view class;

	if (p->place != NULL)
		place_missed(p->place, p->elsewhere);
	else if (p->seen_count > 0 && deref_value(&classes, &class))
		place_remember(p->walk, &p->seen, p->seen_count, (const char *)class.at,
		               (size_t)(class.end - class.at));
}

bool
walk_group_pieces(struct walk *w, LDAPMessage *entry, struct pieces *p)
{
	bool ok;

	/* That it takes mail is known: of the list itself, and others are not read so where any may not. */
	w->report->groups++;
	ok = walk_is_whole(w, entry) && walk_literals(w, entry, p->via) &&
	     walk_members_shown(w, entry, p->answered || walk_has_members(w, entry));
	if (!ok)
		return false;
	note_place(p);
	queue_unnamed(p);
	if (walk_in_parts(w, entry))
		walk_queue_parts(w, entry, p->via);
	walk_queue_finds(w, entry, p->via, 0);
	return true;
}
