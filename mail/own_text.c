/* What a person wrote himself. */
#include "mail/own_text.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- HTML, as lines of plain text ---- */

/* Tags that begin a line; those whose content nobody reads; those behind which others are quoted. */
static const char *const blocks[] = { "br", "p",     "div", "tr", "li", "ul",
	                              "ol", "table", "h1",  "h2", "h3", NULL };
static const char *const unread[] = { "head", "style", "script", "title", NULL };
static const char *const quotes[] = { "blockquote", "hr", NULL };

static const struct {
	const char *name, *text;
} entities[] = {
	{ "nbsp", " " },             { "amp", "&" },           { "lt", "<" },           { "gt", ">" },
	{ "quot", "\"" },            { "apos", "'" },          { "rsquo", "\xe2\x80\x99" },
	{ "auml", "\xc3\xa4" },      { "ouml", "\xc3\xb6" },   { "uuml", "\xc3\xbc" },
	{ "Auml", "\xc3\x84" },      { "Ouml", "\xc3\x96" },   { "Uuml", "\xc3\x9c" },
	{ "szlig", "\xc3\x9f" },     { "aacute", "\xc3\xa1" }, { "eacute", "\xc3\xa9" },
	{ "iacute", "\xc3\xad" },    { "oacute", "\xc3\xb3" }, { "uacute", "\xc3\xba" },
	{ "Eacute", "\xc3\x89" },    { "agrave", "\xc3\xa0" }, { "egrave", "\xc3\xa8" },
	{ "ecirc", "\xc3\xaa" },     { "ccedil", "\xc3\xa7" }, { "ntilde", "\xc3\xb1" },
};

static bool
is_among(const char *const *names, const char *name, size_t length)
{
	size_t i = 0;

	while (names[i] != NULL && !text_same_n(name, length, names[i]))
		i++;
	return names[i] != NULL;
}

static void
add_character(struct bytes *out, unsigned long c)
{
	if (c == 0xa0)
		c = ' ';
	if (c < 0x80) {
		bytes_add_char(out, (char)(c < 0x20 ? ' ' : c));
	} else if (c < 0x800) {
		bytes_add_char(out, (char)(0xc0 | (c >> 6)));
		bytes_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		bytes_add_char(out, (char)(0xe0 | (c >> 12)));
		bytes_add_char(out, (char)(0x80 | ((c >> 6) & 0x3f)));
		bytes_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		bytes_add_char(out, ' ');
	}
}

/* At a '&'; returns what stands behind the entity, or behind the '&' where it is none. */
static const char *
add_entity(struct bytes *out, const char *at)
{
	enum { LONGEST = 10 };
	size_t length = strcspn(at, "; \n<") + 1;

	if (at[length - 1] == ';' && length <= LONGEST && at[1] == '#') {
		bool hex = at[2] == 'x' || at[2] == 'X';

		add_character(out, strtoul(at + (hex ? 3 : 2), NULL, hex ? 16 : 10));
		return at + length;
	}
	for (size_t i = 0; at[length - 1] == ';' && i < sizeof(entities) / sizeof(*entities); i++)
		if (strlen(entities[i].name) == length - 2 &&
		    strncmp(entities[i].name, at + 1, length - 2) == 0) {
			bytes_add_text(out, entities[i].text);
			return at + length;
		}
	bytes_add_char(out, '&');
	return at + 1;
}

/* Behind the end of that element, or at the end of the text. */
static const char *
behind_element(const char *at, const char *name, size_t length)
{
	while ((at = strchr(at, '<')) != NULL)
		if (*++at == '/' && strncasecmp(at + 1, name, length) == 0)
			return at + strcspn(at, ">");
	return NULL;
}

/* At a '<'; returns what stands behind the tag. NULL: nothing further is his own. */
static const char *
read_tag(struct bytes *out, const char *at)
{
	const char *name = at + 1 + (at[1] == '/'), *end;
	size_t length = strcspn(name, " \t\r\n/>");

	if (strncmp(at, "<!--", 4) == 0) {
		end = strstr(at, "-->");
		return end == NULL ? NULL : end + 3;
	}
	end = strchr(at, '>');
	if (end == NULL)
		return NULL;
	if (is_among(quotes, name, length) ||
	    (memmem(at, (size_t)(end - at), "gmail_quote", 11) != NULL && at[1] != '/')) {
		bytes_add_text(out, "\n>\n");
		return NULL;
	}
	if (at[1] != '/' && is_among(unread, name, length)) {
		end = behind_element(end, name, length);
		return end == NULL || *end == '\0' ? NULL : end + 1;
	}
	if (is_among(blocks, name, length))
		bytes_add_char(out, '\n');
	return end + 1;
}

static void
read_html(const char *text, struct bytes *out)
{
	while (text != NULL && *text != '\0') {
		if (*text == '<') {
			text = read_tag(out, text);
		} else if (*text == '&') {
			text = add_entity(out, text);
		} else {
			bytes_add_char(out, (char)(*text == '\n' || *text == '\r' ? ' ' : *text));
			text++;
		}
	}
}

/* ---- plain text ---- */

enum { INTRODUCTION = 3 };                /* lines at most */

struct reading {
	struct bytes *out;
	size_t starts[INTRODUCTION];      /* of its last lines, in `out`; the last one first */
	size_t lines;                     /* of the paragraph, as far as those say */
	bool closed;                      /* a blank line stands behind it */
};

static bool
begins(const char *line, size_t length, const char *with)
{
	return length >= strlen(with) && strncmp(line, with, strlen(with)) == 0;
}

/* A line behind which nothing is his own: before a signature, or a mail that is quoted whole. */
static bool
is_end(const char *line, size_t length)
{
	static const char *const words[] = { "-----", "_____", "From: ", "Von: ", "De: ", "De : ", NULL };
	size_t i = 0;

	if (text_same_n(line, length, "--"))
		return true;
	while (words[i] != NULL && !begins(line, length, words[i]))
		i++;
	return words[i] != NULL;
}

static bool
has_digit(const char *text)
{
	return text[strcspn(text, "0123456789")] != '\0';
}

/*
 * "On Monday, 3 July, Ann wrote:" before a quote: ends with a colon, and begins with the line that has the
 * date; without one it is the last line.
 */
static void
drop_introduction(struct reading *r)
{
	struct bytes *out = r->out;
	size_t cut;

	if (r->lines == 0 || out->length == 0 || out->data[out->length - 1] != ':')
		return;
	cut = r->starts[0];
	for (size_t i = 0; i < r->lines; i++)
		if (has_digit(out->data + r->starts[i])) {
			cut = r->starts[i];
			break;
		}
	out->length = cut;
	out->data[cut] = '\0';
	r->lines = 0;
}

/* With single blanks. */
static void
add_line(struct reading *r, const char *line, size_t length)
{
	if (r->closed)
		r->lines = 0;
	r->closed = false;
	memmove(r->starts + 1, r->starts, sizeof(r->starts) - sizeof(*r->starts));
	r->starts[0] = r->out->length;
	r->lines += r->lines < INTRODUCTION;
	if (r->out->length > 0)
		bytes_add_char(r->out, ' ');
	for (size_t i = 0; i < length; i++) {
		bool blank = line[i] == ' ' || line[i] == '\t';

		if (!blank || (line[i - 1] != ' ' && line[i - 1] != '\t'))
			bytes_add_char(r->out, (char)(blank ? ' ' : line[i]));
	}
}

/* Without the blanks around it; that which does not break counts as one. */
static const char *
trim(const char *line, size_t *length)
{
	static const char blank[] = " \t\r", hard[] = "\xc2\xa0";

	for (;;) {
		if (*length > 0 && strchr(blank, *line) != NULL) {
			line++;
			--*length;
		} else if (begins(line, *length, hard)) {
			line += 2;
			*length -= 2;
		} else if (*length > 0 && strchr(blank, line[*length - 1]) != NULL) {
			--*length;
		} else if (*length > 1 && memcmp(line + *length - 2, hard, 2) == 0) {
			*length -= 2;
		} else {
			return line;
		}
	}
}

static bool
read_plain(const char *text, size_t most, struct bytes *out)
{
	struct reading r = { .out = out };
	size_t before = out->length;

	while (*text != '\0') {
		size_t whole = strcspn(text, "\n"), length = whole;
		const char *line = trim(text, &length);

		text += whole + (text[whole] == '\n');
		if (length == 0) {
			r.closed = true;
			continue;
		}
		if (is_end(line, length))
			break;
		if (*line == '>') {
			drop_introduction(&r);
			continue;
		}
		add_line(&r, line, length);
		/* An introduction may still be taken off. */
		if (out->length - before > most + 1000)
			break;
	}
	return out->length - before <= most;
}

bool
own_text(const char *text, bool html, size_t most, struct bytes *out)
{
	struct bytes plain = { 0 };
	bool whole;

	if (html)
		read_html(text, &plain);
	whole = read_plain(html ? bytes_text(&plain) : text, most, out);
	bytes_free(&plain);
	return whole;
}
