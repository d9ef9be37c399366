/* The header of a message, read in place. */
#include "mail/header.h"

#include "base/text.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

enum { TEXT_LONGEST = 65536 };

/* The length of the line at the beginning of the text, its line end included. */
static size_t
line_length(const char *text, size_t length)
{
	const char *lf = length == 0 ? NULL : memchr(text, '\n', length);

	return lf == NULL ? length : (size_t)(lf - text) + 1;
}

/*
 * The length of a field's name, or zero where the line is no field (RFC 5322 section 2.2; blanks
 * before the colon are obsolete and tolerated).
 */
static size_t
name_length(const char *line, size_t length, size_t *colon)
{
	size_t n = 0;

	while (n < length && (unsigned char)line[n] > 0x20 && (unsigned char)line[n] < 0x7f &&
	       line[n] != ':')
		n++;
	*colon = n;
	while (*colon < length && (line[*colon] == ' ' || line[*colon] == '\t'))
		(*colon)++;
	return *colon < length && line[*colon] == ':' ? n : 0;
}

bool
header_next(const char *text, size_t length, size_t *at, struct field *f)
{
	size_t colon, end;

	if (*at == 0 && length > 5 && memcmp(text, "From ", 5) == 0)
		*at = line_length(text, length);
	f->start = f->name = text + *at;
	f->name_length = name_length(f->start, length - *at, &colon);
	if (f->name_length == 0)
		return false;
	f->length = line_length(f->start, length - *at);
	while (*at + f->length < length &&
	       (f->start[f->length] == ' ' || f->start[f->length] == '\t'))
		f->length += line_length(f->start + f->length, length - *at - f->length);
	*at += f->length;
	end = f->length;
	if (end > 0 && f->start[end - 1] == '\n')
		end--;
	if (end > 0 && f->start[end - 1] == '\r')
		end--;
	f->value = f->start + colon + 1;
	f->value_length = end > colon + 1 ? end - colon - 1 : 0;
	return true;
}

size_t
header_length(const char *text, size_t length)
{
	struct field f;
	size_t at = 0;

	while (header_next(text, length, &at, &f))
		;
	return at;
}

bool
field_is(const struct field *f, const char *name)
{
	return text_same_n(f->name, f->name_length, name);
}

/* Adds a character of a value: line ends vanish, runs of blanks at the beginning do too. */
static void
add_unfolded(struct bytes *out, char c)
{
	if (c == '\r' || c == '\n')
		return;
	if (c == '\t' || c == '\0')
		c = ' ';
	if (c == ' ' && out->length == 0)
		return;
	bytes_add_char(out, c);
}

static void
trim_end(struct bytes *out)
{
	while (out->length > 0 && out->data[out->length - 1] == ' ')
		out->data[--out->length] = '\0';
}

void
field_unfold(const struct field *f, struct bytes *out)
{
	for (size_t i = 0; i < f->value_length; i++)
		add_unfolded(out, f->value[i]);
	trim_end(out);
}

void
field_words(const struct field *f, struct bytes *out)
{
	struct bytes line = { 0 };
	bool quoted = false;
	size_t depth = 0;

	field_unfold(f, &line);           /* first, lest a backslash quote the end of a line */
	for (size_t i = 0; i < line.length; i++) {
		char c = line.data[i];

		if (c == '\\' && (quoted || depth > 0)) {
			if (quoted)
				add_unfolded(out, c);
			if (++i < line.length && quoted)
				add_unfolded(out, line.data[i]);
			continue;
		}
		if (depth == 0 && c == '"')
			quoted = !quoted;
		if (!quoted && c == '(')
			depth++;
		if (depth == 0)
			add_unfolded(out, c);
		if (!quoted && c == ')' && depth > 0)
			depth--;
	}
	trim_end(out);
	bytes_free(&line);
}

bool
field_text(const struct field *f, struct bytes *out)
{
	const char *at = f->value;
	size_t length = f->value_length;

	while (length > 0 && strchr(" \t\r\n", *at) != NULL && *at != '\0')
		at++, length--;
	while (length > 0 && strchr(" \t\r\n", at[length - 1]) != NULL && at[length - 1] != '\0')
		length--;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)at[i] < 0x20 && strchr("\t\r\n", at[i]) == NULL)
			return false;
	if (length == 0 || length > TEXT_LONGEST || u8_check((const uint8_t *)at, length) != NULL ||
	    memchr(at, '\0', length) != NULL)
		return false;
	bytes_add(out, at, length);
	return true;
}

int
field_check_name(const char *name, size_t length, struct complaint *why)
{
	bool fits = length > 0 && length <= 76;

	for (size_t i = 0; fits && i < length; i++)
		fits = name[i] > ' ' && name[i] <= '~' && name[i] != ':';
	return fits ? 0 : complain(why, "\"%.*s\" is no name of a field", (int)length, name);
}

int
field_check_value(const char *text, struct complaint *why)
{
	if (strlen(text) > FIELD_LONGEST)
		return complain(why, "longer than %d octets", FIELD_LONGEST);
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			return complain(why, "only printable ASCII can stand there");
	return 0;
}

bool
header_find(const char *text, size_t length, const char *name, struct field *f)
{
	size_t at = 0;

	while (header_next(text, length, &at, f))
		if (field_is(f, name))
			return true;
	return false;
}

size_t
header_count(const char *header, size_t length, const char *name, struct field *first)
{
	struct field f;
	size_t at = 0, count = 0;

	while (header_next(header, length, &at, &f))
		if (field_is(&f, name) && count++ == 0)
			*first = f;
	return count;
}

static bool
has_parts(const char *text, size_t length)
{
	struct bytes type = { 0 };
	struct field f;
	bool parts = false;

	if (header_find(text, length, "Content-Type", &f)) {
		field_words(&f, &type);
		parts = strncasecmp(bytes_text(&type), "multipart/", 10) == 0 ||
		        strncasecmp(bytes_text(&type), "message/", 8) == 0;
	}
	bytes_free(&type);
	return parts;
}

bool
header_needs_utf8(const char *text, size_t length, bool eight_bit_body)
{
	return !text_is_ascii(text, length) || (eight_bit_body && has_parts(text, length));
}
