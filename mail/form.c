/* Forms. */
#include "mail/form.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/syntax.h"

#include <stdlib.h>
#include <string.h>

/* ---- name=value&name=value ---- */

static int
digit_of(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* Whether it is this text once what was escaped is not. */
static bool
is_text(struct slice s, const char *text)
{
	for (size_t i = 0; i < s.length; i++, text++) {
		char c = s.at[i] == '+' ? ' ' : s.at[i];

		if (c == '%') {
			int high = i + 2 < s.length ? digit_of(s.at[i + 1]) : -1;
			int low = i + 2 < s.length ? digit_of(s.at[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || c != *text)
			return false;
	}
	return *text == '\0';
}

static bool
urlencoded_says(const char *body, size_t length, const char *name, const char *value)
{
	for (size_t at = 0; at < length;) {
		const char *end = memchr(body + at, '&', length - at);
		size_t one = end == NULL ? length - at : (size_t)(end - (body + at));
		const char *sign = memchr(body + at, '=', one);

		if (sign != NULL) {
			size_t before = (size_t)(sign - (body + at));

			if (is_text((struct slice){ body + at, before }, name) &&
			    is_text((struct slice){ sign + 1, one - before - 1 }, value))
				return true;
		}
		at += one + 1;
	}
	return false;
}

/* ---- parts ---- */

/* The value of a parameter, without its quotes; allocated. NULL: there is none. */
static char *
parameter(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strchr(text, ';'); at != NULL; at = strchr(at, ';')) {
		at += 1 + strspn(at + 1, " \t");
		if (strncasecmp(at, name, length) != 0 || at[length] != '=')
			continue;
		at += length + 1;
		return *at == '"' ? mem_copy(at + 1, strcspn(at + 1, "\""))
		                  : mem_copy(at, strcspn(at, "; \t"));
	}
	return NULL;
}

/* Whether the part from here up to `end` is the field, and its content the value. */
static bool
is_part(const char *part, const char *end, const char *name, const char *value)
{
	static const char disposition[] = "Content-Disposition:", form_data[] = "form-data";
	bool named = false;

	while (part < end) {
		const char *line_end = memmem(part, (size_t)(end - part), "\r\n", 2);
		char *line, *said;

		if (line_end == NULL)
			return false;
		if (line_end == part)     /* what is behind it is the content */
			return named && (size_t)(end - part - 2) == strlen(value) &&
			       memcmp(part + 2, value, strlen(value)) == 0;
		line = mem_copy(part, (size_t)(line_end - part));
		if (strncasecmp(line, disposition, sizeof(disposition) - 1) == 0) {
			const char *kind = line + sizeof(disposition) - 1;

			kind += strspn(kind, " \t");
			said = parameter(kind, "name");
			named = strncasecmp(kind, form_data, sizeof(form_data) - 1) == 0 && said != NULL &&
			        strcmp(said, name) == 0;
			free(said);
		}
		free(line);
		part = line_end + 2;
	}
	return false;
}

static bool
parts_say(const char *boundary, const char *body, size_t length, const char *name, const char *value)
{
	char *mark = mem_format("\r\n--%s", boundary);
	size_t skip = strlen(mark);
	/* The first one stands at the beginning, without the line end before it. */
	bool found = false, first = length >= skip - 2 && memcmp(body, mark + 2, skip - 2) == 0;
	const char *end = body + length;
	const char *at = first ? body + skip - 2 : memmem(body, length, mark, skip);

	if (!first && at != NULL)
		at += skip;
	while (!found && at != NULL && end - at >= 2 && memcmp(at, "\r\n", 2) == 0) {
		const char *next = memmem(at, (size_t)(end - at), mark, skip);

		found = next != NULL && is_part(at + 2, next, name, value);
		at = next == NULL ? NULL : next + skip;
	}
	free(mark);
	return found;
}

/* ---- both ---- */

static bool
is_type(const char *type, const char *word)
{
	size_t length = strlen(word);

	return strncasecmp(type, word, length) == 0 && strchr("; \t", type[length]) != NULL;
}

bool
form_says(const char *type, const char *body, size_t length, const char *name, const char *value)
{
	char *boundary;
	bool found;

	if (is_type(type, "application/x-www-form-urlencoded"))
		return urlencoded_says(body, length, name, value);
	boundary = is_type(type, "multipart/form-data") ? parameter(type, "boundary") : NULL;
	found = boundary != NULL && *boundary != '\0' && parts_say(boundary, body, length, name, value);
	free(boundary);
	return found;
}
