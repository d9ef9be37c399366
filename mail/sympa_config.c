/* The configuration of a list of Sympa. */
#include "mail/sympa_config.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/phrase.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Far more than any list has. */
enum { LONGEST_LINE = 16384, MOST_LINES = 1000 };

struct reader {
	const char *file;
	struct sympa_parameter parameter;
	size_t room;
	int (*take)(void *arg, const struct sympa_parameter *, struct complaint *);
	void *arg;
};

const char *
sympa_value(const struct sympa_parameter *p, const char *name)
{
	for (size_t i = 1; i < p->count; i++)
		if (strcmp(p->lines[i].name, name) == 0)
			return p->lines[i].value;
	return NULL;
}

size_t
sympa_number(const struct sympa_parameter *p, const char *name)
{
	for (size_t i = 1; i < p->count; i++)
		if (strcmp(p->lines[i].name, name) == 0)
			return p->lines[i].number;
	return p->lines[0].number;
}

static void
forget(struct reader *r)
{
	struct sympa_parameter *p = &r->parameter;

	while (p->count > 0) {
		p->count--;
		free(p->lines[p->count].name);
		free(p->lines[p->count].value);
	}
}

/* A blank line, or the end. */
static int
end_parameter(struct reader *r, struct complaint *why)
{
	int rc = r->parameter.count == 0 ? 0 : r->take(r->arg, &r->parameter, why);

	forget(r);
	return rc;
}

static bool
is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		c = text_lower(c);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.')
			return false;
	}
	return length > 0;
}

/* Without the blanks around it, and none of them a comment. */
static int
add_line(struct reader *r, size_t number, const char *text, struct complaint *why)
{
	struct sympa_parameter *p = &r->parameter;
	size_t length = strcspn(text, " ");
	const char *value = text + length + strspn(text + length, " ");

	if (!is_name(text, length))
		return complain(why, "%s:%zu: this is no line \"parameter value\"", r->file, number);
	if (p->count == MOST_LINES)
		return complain(why, "%s:%zu: more than %d lines without a blank one", r->file, number,
		                MOST_LINES);
	if (p->count == 1 && *p->lines[0].value != '\0')
		return complain(why,
		                "%s:%zu: \"%s\" stands behind \"%s\", which has a value already: a blank "
		                "line is missing", r->file, number, text, p->lines[0].name);
	if (p->count == r->room) {
		r->room = r->room * 2 + 8;
		p->lines = mem_resize(p->lines, r->room * sizeof(*p->lines));
	}
	p->lines[p->count++] = (struct sympa_line){ number, mem_copy(text, length), mem_text(value) };
	return 0;
}

/* One line without its end. */
static int
take_line(struct reader *r, size_t number, const char *at, size_t length, struct complaint *why)
{
	char *text;
	int rc = 0;

	if (length > LONGEST_LINE)
		return complain(why, "%s:%zu: a line of more than %d bytes", r->file, number, LONGEST_LINE);
	text = mem_copy(at, length);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\t')
			text[i] = ' ';
	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
	at = text + strspn(text, " ");
	if (strlen(text) != length || !phrase_is_plain(at))
		rc = complain(why, "%s:%zu: not UTF-8, or a control character", r->file, number);
	else if (*at == '\0')
		rc = end_parameter(r, why);
	else if (*at != '#')
		rc = add_line(r, number, at, why);
	free(text);
	return rc;
}

int
sympa_config_read(const char *file, const char *text, size_t length,
                  int (*take)(void *arg, const struct sympa_parameter *, struct complaint *), void *arg,
                  struct complaint *why)
{
	struct reader r = { .file = file, .take = take, .arg = arg };
	int rc = 0;

	for (size_t at = 0, number = 1; rc == 0 && at < length; number++) {
		const char *lf = memchr(text + at, '\n', length - at);
		size_t end = lf == NULL ? length : (size_t)(lf - text), n = end - at;

		if (n > 0 && text[end - 1] == '\r')
			n--;
		rc = take_line(&r, number, text + at, n, why);
		at = end + 1;
	}
	if (rc == 0)
		rc = end_parameter(&r, why);
	forget(&r);
	free(r.parameter.lines);
	return rc;
}
