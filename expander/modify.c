/*
 * Steps on a header that exists in two parts: what is put before the message, and the message's own
 * without the fields that are left out. A field that changes moves from the second to the first.
 */
#include "expander/modify.h"

#include "base/mem.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 78, LONGEST_LINE = 998, MOST = 100 /* fields of one name */ };

struct work {
	struct envelope *envelope;
	const struct list *list;
	const char *header;
	size_t length;
};

/* The fields that are ours, but for those of a name. */
static void
drop_ours(struct envelope *e, const char *name)
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

static void
put_ours(struct envelope *e, const char *fields)
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
	const char *name;
	const struct modifier *step;
	struct bytes out;                 /* as they are after this one */
	size_t count;
	bool changed;
	struct complaint *why;
};

/* Adds what becomes of one. -1 where nobody knows. */
static int
rewrite_one(struct fields *fs, const struct field *f)
{
	struct bytes text = { 0 }, value = { 0 }, new = { 0 };
	enum matched matched = MATCHED_NO;
	int rc = 0;

	if (++fs->count > MOST)
		return complain(fs->why, "there are more than %d fields %s", MOST, fs->name);
	if (field_text(f, &text)) {       /* what is no text, nothing matches in */
		field_unfold(f, &value);
		matched = pattern_replace(fs->step->pattern, bytes_text(&value), value.length,
		                          fs->step->with, &new);
	}
	if (matched == MATCHED_NO) {
		bytes_add(&fs->out, f->start, f->length);
	} else {
		char *spelled = mem_copy(f->name, f->name_length);

		fs->changed = true;
		if (matched == MATCHED_UNSURE)
			rc = complain(fs->why, "the expression has too much to do with %s", fs->name);
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
rewrite(const struct work *w, const struct modifier *m, struct complaint *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->fields.count; i++) {
		struct fields fs = { .name = m->fields.items[i], .step = m, .why = why };

		rc = rewrite_all(&fs, w);
		if (rc == 0 && fs.changed) {
			drop_ours(w->envelope, fs.name);
			envelope_leave_out(w->envelope, fs.name);
			put_ours(w->envelope, bytes_text(&fs.out));
		}
		bytes_free(&fs.out);
	}
	return rc;
}

static void
add(const struct work *w, const struct modifier *m)
{
	char *text = list_fill_text(m->value, w->list->address), *colon = strchr(text, ':');
	struct bytes field = { 0 };

	*colon = '\0';
	(void)write_field(&field, text, colon + 1);   /* it is not longer than its row allows */
	put_ours(w->envelope, bytes_text(&field));
	bytes_free(&field);
	free(text);
}

enum composed
modify_heading(struct envelope *e, const struct target *t, const char *header, size_t length,
               struct complaint *why)
{
	const struct modifiers *steps = target_modifiers(t);
	const struct work w = { e, t->list, header, length };
	int rc = 0;

	for (size_t i = 0; steps != NULL && rc == 0 && i < steps->count; i++) {
		const struct modifier *m = &steps->all[i];

		if (m->kind == MODIFIER_ADD)
			add(&w, m);
		else if (m->kind == MODIFIER_REWRITE)
			rc = rewrite(&w, m, why);
		for (size_t n = 0; m->kind == MODIFIER_REMOVE && n < m->fields.count; n++) {
			drop_ours(e, m->fields.items[n]);
			envelope_leave_out(e, m->fields.items[n]);
		}
	}
	return rc < 0 ? COMPOSED_NOT : COMPOSED;
}
