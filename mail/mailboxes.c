/* Reading address lists, of which only the addresses matter. */
#include "mail/mailboxes.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/syntax.h"

#include <stdlib.h>
#include <string.h>

/* Behind a comment (RFC 5322 section 3.2.2) that begins here, or at the end. */
static const char *
comment_end(const char *at, const char *end)
{
	unsigned depth = 0;

	do {
		if (*at == '\\' && at + 1 < end)
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')')
			depth--;
		at++;
	} while (at < end && depth > 0);
	return at;
}

/* Where an element of the list ends: at a comma or semicolon, behind a group's colon, or at the end. */
static const char *
element_end(const char *at)
{
	const char *end = at + strlen(at);
	bool quoted = false, angle = false;

	while (at < end) {
		if (!quoted && *at == '(') {
			at = comment_end(at, end);
			continue;
		}
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && (*at == '<' || *at == '>'))
			angle = *at == '<';
		else if (!quoted && (*at == ',' || *at == ';' || (*at == ':' && !angle)))
			break;
		at++;
	}
	return at;
}

/* The '<' of an element that is not in a quoted string; NULL for a bare address. */
static const char *
angle_of(const char *at, const char *end)
{
	bool quoted = false;

	while (at < end) {
		if (!quoted && *at == '(') {
			at = comment_end(at, end);
			continue;
		}
		if (*at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && *at == '<')
			return at;
		at++;
	}
	return NULL;
}

/* Where the address of an element stands, without blanks and comments around it. */
static struct slice
find_address(const char *at, const char *end)
{
	const char *angle = angle_of(at, end), *close, *comment;

	if (angle != NULL) {
		at = angle + 1;
		close = syntax_path_end(at, end);
		end = close == NULL ? end : close;
	}
	while (at < end && (*at == ' ' || *at == '\t' || *at == '('))
		at = *at == '(' ? comment_end(at, end) : at + 1;
	/* A quoted local part may have one in it, which is none. */
	comment = at < end && *at != '"' ? memchr(at, '(', (size_t)(end - at)) : NULL;
	end = comment == NULL ? end : comment;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct slice){ at, (size_t)(end - at) };
}

/* The address that stands there, canonical, allocated; or NULL. */
static char *
canonical_of(struct slice s)
{
	struct complaint unused;
	struct address a;
	char *canonical = NULL;

	if (s.length > 0 && address_parse(&a, s.at, s.length, &unused) == 0) {
		canonical = mem_text(a.canonical);
		address_free(&a);
	}
	return canonical;
}

bool
mailboxes_have(const struct field *f, const char *canonical)
{
	struct bytes value = { 0 };
	const char *at, *end;
	bool found = false;

	field_words(f, &value);
	for (at = bytes_text(&value); !found && *at != '\0'; at = *end == '\0' ? end : end + 1) {
		char *one;

		end = element_end(at);
		one = canonical_of(find_address(at, end));
		found = one != NULL && strcmp(one, canonical) == 0;
		free(one);
	}
	bytes_free(&value);
	return found;
}

char *
mailboxes_only(const struct field *f)
{
	struct bytes value = { 0 };
	const char *at, *end;
	char *only = NULL;
	size_t count = 0;

	field_words(f, &value);
	for (at = bytes_text(&value); *at != '\0'; at = *end == '\0' ? end : end + 1) {
		char *one;

		end = element_end(at);
		one = canonical_of(find_address(at, end));
		if (one != NULL && count++ == 0)
			only = one;
		else
			free(one);
	}
	bytes_free(&value);
	if (count > 1)
		mem_drop(&only);
	return only;
}

/* Adds what lies between *from and an address, and what that becomes. False where it is to end. */
static bool
replace_one(struct slice address, const char **from, mailboxes_fn *fn, void *arg, struct bytes *out)
{
	char *canonical = canonical_of(address), *become = NULL;
	bool more = canonical == NULL || fn(arg, canonical, &become);

	if (more && become != NULL) {
		bytes_add(out, *from, (size_t)(address.at - *from));
		bytes_add_text(out, become);
		*from = address.at + address.length;
	}
	free(become);
	free(canonical);
	return more;
}

bool
mailboxes_replace(const char *value, mailboxes_fn *fn, void *arg, struct bytes *out)
{
	const char *at = value, *end, *from = value;
	struct bytes made = { 0 };
	bool more = true;

	for (; more && *at != '\0'; at = *end == '\0' ? end : end + 1) {
		end = element_end(at);
		more = replace_one(find_address(at, end), &from, fn, arg, &made);
	}
	if (more) {
		bytes_add(out, bytes_text(&made), made.length);
		bytes_add_text(out, from);
	}
	bytes_free(&made);
	return more;
}
