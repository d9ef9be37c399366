/* Members of a list as other programs print them. */
#include "mail/member_list.h"

#include "base/bytes.h"
#include "base/text.h"
#include "mail/header.h"

#include <stdint.h>
#include <string.h>

struct reader {
	const char *file;
	const char *text;
	size_t length, at;
	size_t line;                      /* of `at` */
	member_list_fn *fn;
	void *arg;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What lies before `to` is read. */
static void
move_to(struct reader *r, size_t to)
{
	for (; r->at < to; r->at++)
		r->line += r->text[r->at] == '\n';
}

/* Behind the line that begins at `at`. */
static size_t
line_end(const struct reader *r, size_t at)
{
	const char *lf = memchr(r->text + at, '\n', r->length - at);

	return lf == NULL ? r->length : (size_t)(lf - r->text) + 1;
}

/* One member: an address, or one in angle brackets behind a name. */
static void
give(const struct reader *r, size_t line, const char *text, size_t length)
{
	struct complaint why;
	struct address a;

	for (; length > 0 && is_blank(*text); text++)
		length--;
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	if (length == 0)
		return;
	if (text[length - 1] == '>') {
		const char *open = memrchr(text, '<', length);

		if (open != NULL) {
			length -= (size_t)(open - text) + 2;
			text = open + 1;
		}
	}
	if (address_parse(&a, text, length, &why) < 0)
		r->fn(r->arg, line, NULL, why.text);
	else
		r->fn(r->arg, line, &a, NULL);
	address_free(&a);
}

static void
read_lines(struct reader *r)
{
	while (r->at < r->length) {
		size_t end = line_end(r, r->at);

		if (r->text[r->at] != '#')
			give(r, r->line, r->text + r->at, end - r->at);
		move_to(r, end);
	}
}

/* ---- CSV (RFC 4180) ---- */

/* The next field; *last: it ends the row. */
static int
read_field(struct reader *r, char separator, struct bytes *field, bool *last, struct complaint *why)
{
	size_t line = r->line, at = r->at;
	bool quoted = at < r->length && r->text[at] == '"';

	bytes_clear(field);
	for (at += quoted; at < r->length; at++) {
		char c = r->text[at];

		if (quoted && c == '"') {
			if (at + 1 < r->length && r->text[at + 1] == '"')
				at++;
			else
				quoted = false;
			if (!quoted)
				continue;
		} else if (!quoted && (c == separator || c == '\n')) {
			break;
		}
		bytes_add_char(field, r->text[at]);
	}
	if (quoted)
		return complain(why, "%s:%zu: a quoted field has no end", r->file, line);
	*last = at >= r->length || r->text[at] == '\n';
	move_to(r, at < r->length ? at + 1 : at);
	return 0;
}

/* What stands between the fields of a row: the first of them that comes outside of quotes. */
static char
find_separator(const struct reader *r)
{
	bool quoted = false;

	for (size_t at = r->at; at < r->length && r->text[at] != '\n'; at++) {
		if (r->text[at] == '"')
			quoted = !quoted;
		else if (!quoted && strchr(",;\t", r->text[at]) != NULL)
			return r->text[at];
	}
	return ',';
}

/* Whether a field of the first row is the column's name. */
static bool
is_name(const struct bytes *field, const char *name)
{
	const char *text = bytes_text(field);
	size_t length = field->length;

	for (; length > 0 && is_blank(*text); text++)
		length--;
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	return text_same_n(text, length, name);
}

/* The number of the column, from 1, by its name in the first row, which is read; 0: there is none. */
static int
find_column(struct reader *r, char separator, const char *name, int64_t *number, struct complaint *why)
{
	struct bytes field = { 0 };
	bool last = false;
	size_t line = r->line;
	int64_t n = 0;
	int rc = 0;

	*number = 0;
	while (rc == 0 && !last) {
		n++;
		rc = read_field(r, separator, &field, &last, why);
		if (rc == 0 && *number == 0 && is_name(&field, name))
			*number = n;
	}
	bytes_free(&field);
	if (rc == 0 && *number == 0)
		rc = complain(why, "%s:%zu: there is no column \"%s\"", r->file, line, name);
	return rc;
}

static int
read_csv(struct reader *r, const char *column, struct complaint *why)
{
	struct bytes field = { 0 };
	int64_t number, n = 0;
	char separator;
	int rc = 0;

	while (r->at < r->length && r->text[r->at] == '#')
		move_to(r, line_end(r, r->at));
	separator = find_separator(r);
	if (!text_number(column, &number))
		rc = find_column(r, separator, column, &number, why);
	while (rc == 0 && r->at < r->length) {
		size_t line = r->line;
		bool last = false;

		rc = read_field(r, separator, &field, &last, why);
		n++;
		if (rc == 0 && n == number)
			give(r, line, bytes_text(&field), field.length);
		if (last)
			n = 0;
	}
	bytes_free(&field);
	return rc;
}

/* ---- mbox ---- */

/* Addresses with commas between them. */
static void
give_all(const struct reader *r, const struct field *f)
{
	struct bytes value = { 0 };
	const char *at, *end;
	bool quoted = false;

	field_unfold(f, &value);
	at = bytes_text(&value);
	for (end = at; *end != '\0'; end++) {
		if (*end == '"')
			quoted = !quoted;
		if (*end != ',' || quoted)
			continue;
		give(r, r->line, at, (size_t)(end - at));
		at = end + 1;
	}
	give(r, r->line, at, (size_t)(end - at));
	bytes_free(&value);
}

/* Whom one post was delivered to, as its last MTA says. */
static void
read_post(const struct reader *r, size_t length)
{
	static const char *const names[] = { "X-Original-To", "Envelope-To", "X-Envelope-To",
		                             "Delivered-To" };
	enum { NAMES = sizeof(names) / sizeof(*names) };
	struct field f, best;
	size_t at = 0, rank = NAMES;

	while (header_next(r->text + r->at, length, &at, &f) && !field_is(&f, "Received"))
		for (size_t i = 0; i < rank; i++)
			if (field_is(&f, names[i])) {
				rank = i;
				best = f;
			}
	if (rank < NAMES)
		give_all(r, &best);
	else
		r->fn(r->arg, r->line, NULL, "the post does not say whom it was delivered to");
}

/* Where the next post begins: a line "From …" behind an empty one. */
static size_t
next_post(const struct reader *r)
{
	static const char from[] = "From ";
	bool empty = false;

	for (size_t at = line_end(r, r->at), end; at < r->length; at = end) {
		end = line_end(r, at);
		if (empty && end - at > strlen(from) && memcmp(r->text + at, from, strlen(from)) == 0)
			return at;
		empty = end - at == 1 || (end - at == 2 && r->text[at] == '\r');
	}
	return r->length;
}

static void
read_mbox(struct reader *r)
{
	while (r->at < r->length) {
		size_t next = next_post(r);

		read_post(r, next - r->at);
		move_to(r, next);
	}
}

int
member_list_read(const char *file, const char *text, size_t length, const char *column, member_list_fn *fn,
            void *arg, struct complaint *why)
{
	struct reader r = { .file = file, .text = text, .length = length, .line = 1, .fn = fn, .arg = arg };
	const char *odd = length == 0 ? NULL : memchr(text, '\0', length);

	if (odd != NULL) {
		move_to(&r, (size_t)(odd - text));
		return complain(why, "%s:%zu: a NUL byte: this is no text in UTF-8", file, r.line);
	}
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at = 3;
	if (column != NULL)
		return read_csv(&r, column, why);
	if (length - r.at >= 5 && memcmp(text + r.at, "From ", 5) == 0)
		read_mbox(&r);
	else
		read_lines(&r);
	return 0;
}
