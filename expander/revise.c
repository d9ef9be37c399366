/*
 * A program between the steps. It is told the header with lines that end in LF, and may print lines that
 * end in either way. Fields are compared name by name: where all of a name are what they were they stay
 * where they are, as the same bytes.
 */
#include "expander/revise.h"

#include "base/child.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/programs.h"
#include "expander/modify.h"
#include "mail/header.h"
#include "sources/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_FIELDS = 1000, LONGEST_LINE = 998 };

/* ---- the program ---- */

static void
add_lines(struct bytes *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != '\r' || i + 1 == length || text[i + 1] != '\n')
			bytes_add_char(out, text[i]);
}

/* The header as it would go out, with lines that end in LF. */
static void
print_header(const struct envelope *e, const char *header, size_t length, struct bytes *out)
{
	struct field f;
	size_t at = 0;

	add_lines(out, e->inject_add, strlen(e->inject_add));
	while (header_next(header, length, &at, &f))
		if (!text_list_same(&e->inject_remove, f.name, f.name_length))
			add_lines(out, f.start, f.length);
}

/* What it is told of the post, as programs of sources are. */
static void
describe(const struct envelope *e, const struct list *list, struct text_list *environment)
{
	const struct occasion o = { .sender = e->sender, .queue_id = e->queue_id, .message_id = e->message_id,
		                    .size = e->size };

	text_list_take(environment, mem_text(CHILD_PATH));
	text_list_take(environment, mem_text("LC_ALL=C.UTF-8"));
	text_list_take(environment, mem_text("ROLLCALL_QUESTION=header"));
	text_list_take(environment, mem_format("ROLLCALL_ADDRESS=%s", list->address));
	occasion_describe(&o, environment);
	text_list_end(environment);
}

/* All that it prints, until it has ended well. */
static int
run(const char *path, const struct text_list *environment, const struct child_terms *terms,
    struct bytes *said, struct complaint *why)
{
	const char *const argv[] = { path, NULL };
	struct child *child = child_start(argv, (const char *const *)environment->items, terms, why);
	int rc = -1;

	if (child != NULL && child_text(child, said, why) == 0)
		rc = child_end(&child, why) == 0 ? 0 : -1;
	child_kill(&child);
	return rc;
}

static int
ask(const struct modifier *m, const struct text_list *environment, const struct bytes *header,
    struct deadline by, struct bytes *said, struct complaint *why)
{
	int fd = memfd_create("rollcall-header", MFD_CLOEXEC), rc;
	const struct child_terms terms = { .memory = m->memory, .output = m->output, .input = fd,
		                           .by = deadline_earlier(by, deadline_in(m->timeout)) };

	if (programs_check(m->value, why) < 0)
		rc = -1;
	else if (fd < 0)
		rc = complain_errno(why, "cannot make its input");
	else
		rc = file_write(fd, header->data, header->length, "its input", why);
	if (rc == 0)
		rc = run(m->value, environment, &terms, said, why);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* ---- what it prints ---- */

/* A header, and what can be told of it name by name. */
struct fields {
	const char *text;
	size_t length;
	struct text_list names;           /* each once, as it is spelled first */
};

/* -1 with a complaint: there is something else in it. */
static int
read_fields(struct fields *fs, const struct bytes *text, struct complaint *why)
{
	struct field f;
	size_t at = 0, count = 0;

	*fs = (struct fields){ .text = bytes_text(text), .length = text->length };
	while (header_next(fs->text, fs->length, &at, &f)) {
		if (++count > MOST_FIELDS)
			return complain(why, "there are more than %d fields", MOST_FIELDS);
		if (!text_list_same(&fs->names, f.name, f.name_length))
			text_list_add(&fs->names, f.name, f.name_length);
	}
	if (at < fs->length && fs->text[at] == '\n')
		at++;
	return at < fs->length ? complain(why, "line %zu of what it prints is no field", count + 1) : 0;
}

/* A value on one line, with single blanks. */
static void
add_words(struct bytes *out, const struct field *f)
{
	struct bytes value = { 0 };
	const char *at;

	field_unfold(f, &value);
	for (at = bytes_text(&value); *at != '\0'; at += strspn(at, " \t")) {
		size_t length = strcspn(at, " \t");

		bytes_add(out, at, length);
		bytes_add_char(out, ' ');
		at += length;
	}
	bytes_add_char(out, '\n');
	bytes_free(&value);
}

/* Adds all fields of a name, or with `words` what their values say. How many there are. */
static size_t
collect(const struct fields *fs, const char *name, bool words, struct bytes *out)
{
	struct field f;
	size_t at = 0, count = 0;

	while (header_next(fs->text, fs->length, &at, &f)) {
		if (!field_is(&f, name))
			continue;
		count++;
		if (words)
			add_words(out, &f);
		else
			bytes_add(out, f.start, f.length);
	}
	return count;
}

/* Whether the fields can be sent as they are: text, and lines that are not too long. */
static int
check_text(const struct envelope *e, const char *name, const struct bytes *fields, struct complaint *why)
{
	struct field f;
	size_t at = 0, column = 0;

	while (header_next(fields->data, fields->length, &at, &f)) {
		struct bytes value = { 0 };
		bool text = field_text(&f, &value);

		bytes_free(&value);
		if (!text)
			return complain(why, "it prints a field %s that is empty or no text", name);
	}
	for (size_t i = 0; i < fields->length; i++) {
		column = fields->data[i] == '\n' ? 0 : column + 1;
		if (column > LONGEST_LINE)
			return complain(why, "it prints a line of %s of more than %d octets", name,
			                LONGEST_LINE);
		if ((unsigned char)fields->data[i] >= 0x80 && !e->utf8)
			return complain(why, "it prints %s with letters that are not ASCII", name);
	}
	return 0;
}

/* One name: 0 where nothing has changed, 1 where `new` stands in the place of what there was, -1. */
static int
compare(const struct envelope *e, const char *name, const struct fields *old, const struct fields *printed,
        struct bytes *new, struct complaint *why)
{
	struct bytes before = { 0 }, words[2] = { { 0 }, { 0 } };
	size_t count;
	int rc = 0;

	(void)collect(old, name, false, &before);
	count = collect(printed, name, false, new);
	if (strcmp(bytes_text(&before), bytes_text(new)) == 0)
		goto out;
	if (!modifier_may_change(name, strlen(name))) {
		/* Programs that know mail fold it as they like. */
		(void)collect(old, name, true, &words[0]);
		(void)collect(printed, name, true, &words[1]);
		if (strcmp(bytes_text(&words[0]), bytes_text(&words[1])) != 0)
			rc = complain(why, "it changes %s, which is not changed in this way", name);
		goto out;
	}
	rc = modifier_check_count(name, strlen(name), count, why);
	if (rc == 0)
		rc = check_text(e, name, new, why) < 0 ? -1 : 1;
out:
	bytes_free(&before);
	bytes_free(&words[0]);
	bytes_free(&words[1]);
	return rc;
}

static void
add_crlf(struct bytes *out, const struct bytes *text)
{
	for (size_t i = 0; i < text->length; i++) {
		if (text->data[i] == '\n')
			bytes_add_char(out, '\r');
		bytes_add_char(out, text->data[i]);
	}
}

/* All names of both. What has changed goes to `changed`, and its fields to `add`. */
static int
compare_all(const struct envelope *e, const struct fields *old, const struct fields *printed,
            struct text_list *changed, struct bytes *add, struct complaint *why)
{
	struct text_list names = { 0 };
	int rc = 0;

	text_list_add_all(&names, &printed->names);
	for (size_t i = 0; i < old->names.count; i++)
		if (!text_list_same(&names, old->names.items[i], strlen(old->names.items[i])))
			text_list_add(&names, old->names.items[i], strlen(old->names.items[i]));
	for (size_t i = 0; rc >= 0 && i < names.count; i++) {
		struct bytes new = { 0 };

		rc = compare(e, names.items[i], old, printed, &new, why);
		if (rc == 1) {
			text_list_add(changed, names.items[i], strlen(names.items[i]));
			add_crlf(add, &new);
		}
		bytes_free(&new);
	}
	text_list_free(&names);
	return rc < 0 ? -1 : 0;
}

static int
take(struct envelope *e, const struct bytes *header, const struct bytes *said, struct complaint *why)
{
	struct text_list changed = { 0 };
	struct bytes lines = { 0 }, add = { 0 };
	struct fields old, printed = { 0 };
	int rc;

	add_lines(&lines, bytes_text(said), said->length);
	rc = read_fields(&old, header, why);
	if (rc == 0 && (lines.length == 0 || lines.data[lines.length - 1] != '\n'))
		rc = complain(why, lines.length == 0 ? "it prints nothing" : "its output ends within a line");
	if (rc == 0 && memchr(bytes_text(&lines), '\r', lines.length) != NULL)
		rc = complain(why, "it prints a CR that ends no line");
	if (rc == 0)
		rc = read_fields(&printed, &lines, why);
	if (rc == 0)
		rc = compare_all(e, &old, &printed, &changed, &add, why);
	for (size_t i = 0; rc == 0 && i < changed.count; i++) {
		modify_drop(e, changed.items[i]);
		envelope_leave_out(e, changed.items[i]);
	}
	if (rc == 0)
		modify_put(e, bytes_text(&add));
	text_list_free(&old.names);
	text_list_free(&printed.names);
	text_list_free(&changed);
	bytes_free(&lines);
	bytes_free(&add);
	return rc;
}

int
revise(struct envelope *e, const struct list *list, const struct modifier *m, const char *header,
       size_t length, struct deadline by, struct complaint *why)
{
	struct text_list environment = { 0 };
	struct bytes now = { 0 }, said = { 0 };
	int rc;

	print_header(e, header, length, &now);
	describe(e, list, &environment);
	rc = ask(m, &environment, &now, by, &said, why);
	if (rc == 0)
		rc = take(e, &now, &said, why);
	if (rc < 0)
		(void)complain_within(why, "%s", m->value);
	text_list_free(&environment);
	bytes_free(&now);
	bytes_free(&said);
	return rc;
}
