/* LDIF. */
#include "base/ldif.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	const char *file;
	const char *text;
	size_t length, at, line;          /* line: of `at` */
	struct ldif_entry entry;
	char *dn;
	int (*take)(void *arg, const struct ldif_entry *, struct complaint *);
	void *arg;
};

const char *
ldif_first(const struct ldif_entry *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++)
		if (text_same(e->values[i].name, name))
			return e->values[i].text;
	return NULL;
}

bool
ldif_has(const struct ldif_entry *e, const char *name, const char *value)
{
	for (size_t i = 0; i < e->count; i++)
		if (text_same(e->values[i].name, name) && text_same(e->values[i].text, value))
			return true;
	return false;
}

/* The next line with what continues it, without its end. */
static void
next_line(struct reader *r, struct bytes *line)
{
	bytes_clear(line);
	do {
		const char *start = r->text + r->at, *lf = memchr(start, '\n', r->length - r->at);
		size_t whole = lf == NULL ? r->length - r->at : (size_t)(lf - start) + 1, n = whole;

		if (n > 0 && start[n - 1] == '\n')
			n--;
		if (n > 0 && start[n - 1] == '\r')
			n--;
		/* The blank before a continuation is none of it. */
		bytes_add(line, line->length > 0 ? start + 1 : start, line->length > 0 ? n - 1 : n);
		r->at += whole;
		r->line++;
	} while (line->length > 0 && r->at < r->length && r->text[r->at] == ' ');
}

/* Decodes base64 (RFC 4648); false where it is none. */
static bool
decode(const char *text, struct bytes *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned held = 0, bits = 0;
	size_t n = 0;

	for (; *text != '\0' && *text != '='; text++, n++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL)
			return false;
		held = (held << 6 | (unsigned)(digit - digits)) & 0xfffU;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes_add_char(out, (char)(held >> bits & 0xffU));
		}
	}
	while (*text == '=') {
		text++;
		n++;
	}
	return *text == '\0' && n % 4 == 0;
}

/* The value behind the colon of a line; NULL with a complaint. */
static char *
value_of(const struct reader *r, size_t line, const char *at, struct complaint *why)
{
	struct bytes value = { 0 };
	bool encoded = *at == ':', whole = true;

	if (*at == '<') {
		(void)complain(why, "%s:%zu: a value in another file is not read", r->file, line);
		return NULL;
	}
	at += encoded;
	at += strspn(at, " ");
	if (encoded)
		whole = decode(at, &value);
	else
		bytes_add_text(&value, at);
	if (whole && (value.length == 0 || memchr(value.data, '\0', value.length) == NULL))
		return value.data == NULL ? mem_text("") : bytes_take(&value);
	(void)complain(why, "%s:%zu: %s", r->file, line,
	               whole ? "a value with a NUL in it" : "this is no base64");
	bytes_free(&value);
	return NULL;
}

static void
forget(struct reader *r)
{
	for (size_t i = 0; i < r->entry.count; i++) {
		free(r->entry.values[i].name);
		free(r->entry.values[i].text);
	}
	r->entry.count = 0;
	mem_drop(&r->dn);
}

/* Takes a line "name: value". */
static int
take_line(struct reader *r, size_t line, const char *text, struct complaint *why)
{
	size_t n = strcspn(text, ":"), name = strcspn(text, ":;");
	char *value;

	if (text[n] != ':' || name == 0)
		return complain(why, "%s:%zu: this is no line \"attribute: value\"", r->file, line);
	value = value_of(r, line, text + n + 1, why);
	if (value == NULL)
		return -1;
	if (r->dn == NULL && text_same_n(text, n, "dn")) {
		r->dn = value;
		r->entry.line = line;
		return 0;
	}
	if (r->dn == NULL && text_same_n(text, n, "version")) {
		free(value);
		return 0;
	}
	if (r->dn == NULL || text_same_n(text, n, "changetype")) {
		free(value);
		return complain(why, "%s:%zu: %s", r->file, line,
		                r->dn == NULL ? "an entry begins with its dn" : "a change, and no entry");
	}
	r->entry.values = mem_resize(r->entry.values, (r->entry.count + 1) * sizeof(*r->entry.values));
	r->entry.values[r->entry.count++] = (struct ldif_value){ mem_copy(text, name), value };
	return 0;
}

static int
end_entry(struct reader *r, struct complaint *why)
{
	int rc = 0;

	r->entry.dn = r->dn;
	if (r->dn != NULL)
		rc = r->take(r->arg, &r->entry, why);
	forget(r);
	return rc;
}

int
ldif_read(const char *file, const char *text, size_t length,
          int (*take)(void *arg, const struct ldif_entry *, struct complaint *), void *arg,
          struct complaint *why)
{
	struct reader r = { .file = file, .text = text, .length = length, .line = 1,
		            .take = take, .arg = arg };
	struct bytes line = { 0 };
	int rc = 0;

	while (rc == 0 && r.at < length) {
		size_t number = r.line;

		next_line(&r, &line);
		if (line.length > 0 && memchr(line.data, '\0', line.length) != NULL)
			rc = complain(why, "%s:%zu: a NUL byte: this is no LDIF", file, number);
		else if (line.length == 0)
			rc = end_entry(&r, why);
		else if (line.data[0] != '#')
			rc = take_line(&r, number, line.data, why);
	}
	if (rc == 0)
		rc = end_entry(&r, why);
	forget(&r);
	free(r.entry.values);
	bytes_free(&line);
	return rc;
}
