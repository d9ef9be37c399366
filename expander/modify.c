/*
 * Steps on a header that exists in two parts: what is put before the message, and the message's own
 * without the fields that are left out. A field that changes moves from the second to the first.
 */
#include "expander/modify.h"

#include "base/mem.h"
#include "expander/heading.h"
#include "expander/revise.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/mailboxes.h"
#include "mail/subject.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 78, LONGEST_LINE = 998, MOST = 100 /* fields of one name, and addresses in them */ };

struct work {
	struct envelope *envelope;
	const struct target *target;
	const char *header;
	size_t length;
	struct deadline by;
	bool later;                       /* where a step fails: it may be done some other time */
};

void
modify_drop(struct envelope *e, const char *name)
{
	struct bytes left = { 0 };
	struct field f;
	size_t at = 0, length = strlen(e->inject_add);

	while (header_next(e->inject_add, length, &at, &f))
		if (!field_is(&f, name))
			bytes_add(&left, f.start, f.length);
	free(e->inject_add);
	e->inject_add = bytes_take(&left);
}

void
modify_put(struct envelope *e, const char *fields)
{
	char *all = mem_format("%s%s", e->inject_add, fields);

	free(e->inject_add);
	e->inject_add = all;
}

/*
 * A field, folded at blanks where a line would be too long to read. False where a line cannot be sent
 * all the same.
 */
static bool
write_field(struct bytes *out, const char *name, const char *value)
{
	const char *word = value + strspn(value, " \t"), *between = " ";
	size_t begin = strlen(name) + 1, column = begin, blanks = 1;
	bool fits = true;

	bytes_format(out, "%s:", name);
	while (*word != '\0') {
		size_t length = strcspn(word, " \t");

		if (column > begin && column + blanks + length > LINE) {
			bytes_add_text(out, "\r\n");
			column = begin = 0;
		}
		bytes_add(out, between, blanks);
		bytes_add(out, word, length);
		column += blanks + length;
		fits = fits && column <= LONGEST_LINE;
		between = word + length;
		blanks = strspn(between, " \t");
		word = between + blanks;
	}
	bytes_add_text(out, "\r\n");
	return fits;
}

/* ---- a field ---- */

/* All fields of a name, as they are after the steps before. */
struct fields {
	struct work *work;
	const char *name;
	const struct modifier *step;
	size_t addresses;                 /* that were looked up */
	struct bytes out;                 /* as they are after this one */
	size_t count;
	bool changed;
	struct complaint *why;
};

static bool
add_address(void *arg, const struct member *m)
{
	text_list_add(arg, m->canonical, strlen(m->canonical));
	return true;
}

/* The one address that an alias stands for: FOUND_NO where it is none, or of several. */
static enum found
find_alias(struct source *s, const char *canonical, struct deadline by, struct text_list *addresses,
           struct complaint *why)
{
	struct walk_report unused;
	struct list *l = NULL;
	size_t which;
	enum found found = source_find_list(s, &canonical, 1, by, &l, &which, why);

	if (found == FOUND_YES)
		found = source_each_member(s, l, PEOPLE_MEMBERS, by, add_address, addresses, &unused, why);
	list_drop(&l);
	return found == FOUND_YES && addresses->count != 1 ? FOUND_NO : found;
}

/* What the source has for an address: nothing, where it is the one that counts already. */
static bool
look_up(void *arg, const char *canonical, char **become)
{
	struct fields *fs = arg;
	const struct work *w = fs->work;
	struct source *s = fs->step->source != NULL ? fs->step->source : w->target->destination->source;
	struct text_list addresses = { 0 };
	enum found found;

	if (++fs->addresses > MOST) {
		(void)complain(fs->why, "there are more than %d addresses in %s", MOST, fs->name);
		return false;
	}
	found = fs->step->people ? source_each_address(s, canonical, w->by, add_address, &addresses, fs->why)
	                         : find_alias(s, canonical, w->by, &addresses, fs->why);
	if (found == FOUND_UNSURE)
		(void)complain_within(fs->why, "%s of %s", canonical, fs->name);
	else if (found == FOUND_YES && strcmp(addresses.items[0], canonical) != 0 &&
	         (w->envelope->utf8 || !address_needs_utf8(addresses.items[0])))
		*become = mem_text(addresses.items[0]);
	fs->work->later = found == FOUND_UNSURE;
	text_list_free(&addresses);
	return found != FOUND_UNSURE;
}

/* What a step makes of a value: FOUND_NO where that stays. FOUND_UNSURE with a complaint. */
static enum found
change(struct fields *fs, const char *value, size_t length, struct bytes *new)
{
	enum matched matched;

	if (fs->step->kind == MODIFIER_ALIAS) {
		if (!mailboxes_replace(value, look_up, fs, new))
			return FOUND_UNSURE;
		return strcmp(bytes_text(new), value) != 0 ? FOUND_YES : FOUND_NO;
	}
	matched = pattern_replace(fs->step->pattern, value, length, fs->step->with, new);
	if (matched == MATCHED_UNSURE)
		(void)complain(fs->why, "the expression has too much to do with %s", fs->name);
	return matched == MATCHED_NO ? FOUND_NO : matched == MATCHED_YES ? FOUND_YES : FOUND_UNSURE;
}

/* Adds what becomes of one. -1 where nobody knows. */
static int
rewrite_one(struct fields *fs, const struct field *f)
{
	struct bytes text = { 0 }, value = { 0 }, new = { 0 };
	enum found changed = FOUND_NO;
	int rc = 0;

	if (++fs->count > MOST)
		return complain(fs->why, "there are more than %d fields %s", MOST, fs->name);
	if (field_text(f, &text)) {       /* what is no text, nothing is found in */
		field_unfold(f, &value);
		changed = change(fs, bytes_text(&value), value.length, &new);
	}
	if (changed == FOUND_NO) {
		bytes_add(&fs->out, f->start, f->length);
	} else {
		char *spelled = mem_copy(f->name, f->name_length);

		fs->changed = true;
		if (changed == FOUND_UNSURE)
			rc = -1;
		else if (strspn(bytes_text(&new), " \t") < new.length &&
		         !write_field(&fs->out, spelled, bytes_text(&new)))
			rc = complain(fs->why, "a line of %s would become too long", fs->name);
		free(spelled);
	}
	bytes_free(&text);
	bytes_free(&value);
	bytes_free(&new);
	return rc;
}

static int
rewrite_all(struct fields *fs, const struct work *w)
{
	const struct text_list *left_out = &w->envelope->inject_remove;
	struct field f;
	size_t at = 0, length = strlen(w->envelope->inject_add);

	while (header_next(w->envelope->inject_add, length, &at, &f))
		if (field_is(&f, fs->name) && rewrite_one(fs, &f) < 0)
			return -1;
	at = 0;
	while (header_next(w->header, w->length, &at, &f))
		if (field_is(&f, fs->name) && !text_list_same(left_out, f.name, f.name_length) &&
		    rewrite_one(fs, &f) < 0)
			return -1;
	return 0;
}

/* Where nothing matches, everything stays where it is. */
static int
rewrite(struct work *w, const struct modifier *m, struct complaint *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->fields.count; i++) {
		struct fields fs = { .work = w, .name = m->fields.items[i], .step = m, .why = why };

		rc = rewrite_all(&fs, w);
		if (rc == 0 && fs.changed) {
			modify_drop(w->envelope, fs.name);
			envelope_leave_out(w->envelope, fs.name);
			modify_put(w->envelope, bytes_text(&fs.out));
		}
		bytes_free(&fs.out);
	}
	return rc;
}

static void
add(const struct work *w, const struct modifier *m)
{
	char *text = list_fill_text(m->value, w->target->list->address), *colon = strchr(text, ':');
	struct bytes field = { 0 };

	*colon = '\0';
	(void)write_field(&field, text, colon + 1);   /* it is not longer than its row allows */
	modify_put(w->envelope, bytes_text(&field));
	bytes_free(&field);
	free(text);
}

/* In the place of all fields of that name. Takes over the value; NULL: they stay. */
static void
exchange(const struct work *w, const char *name, char *value)
{
	char *field = value == NULL ? NULL : mem_format("%s: %s\r\n", name, value);

	if (field != NULL) {
		modify_drop(w->envelope, name);
		envelope_leave_out(w->envelope, name);
		modify_put(w->envelope, field);
	}
	free(field);
	free(value);
}

/* Before the subject as it is by now: the list's own tag may stand there. */
static void
tag(const struct work *w, const struct modifier *m)
{
	const struct envelope *e = w->envelope;
	struct field unused;
	bool ours = text_list_same(&e->inject_remove, "Subject", strlen("Subject")) ||
	            header_find(e->inject_add, strlen(e->inject_add), "Subject", &unused);
	const char *header = ours ? e->inject_add : w->header;
	char *text = list_fill_text(m->value, w->target->list->address);
	struct bytes value = { 0 };

	if (subject_tag(&value, text, header, ours ? strlen(header) : w->length))
		exchange(w, "Subject", bytes_take(&value));
	free(text);
}

static void
remove_fields(const struct work *w, const struct modifier *m)
{
	for (size_t i = 0; i < m->fields.count; i++) {
		modify_drop(w->envelope, m->fields.items[i]);
		envelope_leave_out(w->envelope, m->fields.items[i]);
	}
}

static int
take_step(struct work *w, const struct modifier *m, struct complaint *why)
{
	switch (m->kind) {
	case MODIFIER_REMOVE:
		remove_fields(w, m);
		break;
	case MODIFIER_ADD:
		add(w, m);
		break;
	case MODIFIER_REWRITE:
	case MODIFIER_ALIAS:
		return rewrite(w, m, why);
	case MODIFIER_SUBJECT_TAG:
		tag(w, m);
		break;
	case MODIFIER_REPLY_TO:
		exchange(w, "Reply-To", heading_reply_to(w->target->list, m->value, w->header, w->length));
		break;
	case MODIFIER_PROGRAM:
		return revise(w->envelope, w->target->list, m, w->header, w->length, w->by, why);
	}
	return 0;
}

enum composed
modify_heading(struct envelope *e, const struct target *t, const char *header, size_t length,
               struct deadline by, struct complaint *why)
{
	const struct modifiers *steps = target_modifiers(t);
	struct work w = { .envelope = e, .target = t, .header = header, .length = length, .by = by };
	int rc = 0;

	for (size_t i = 0; steps != NULL && rc == 0 && i < steps->count; i++)
		rc = take_step(&w, &steps->all[i], why);
	return rc == 0 ? COMPOSED : w.later ? COMPOSED_LATER : COMPOSED_NOT;
}
