/* Reading address lists, of which only the addresses matter. */
#include "mail/mailboxes.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/syntax.h"

#include <stdlib.h>
#include <string.h>

/* Where an element of the list ends: at a comma or semicolon, behind a group's colon, or at the end. */
static const char *
element_end(const char *at)
{
	bool quoted = false, angle = false;

	for (; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && (*at == '<' || *at == '>'))
			angle = *at == '<';
		else if (!quoted && (*at == ',' || *at == ';' || (*at == ':' && !angle)))
			break;
	}
	return at;
}

/* The '<' of an element that is not in a quoted string; NULL for a bare address. */
static const char *
angle_of(const char *at, const char *end)
{
	bool quoted = false;

	for (; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && *at == '<')
			return at;
	}
	return NULL;
}

/* The address of an element, canonical, allocated; or NULL. */
static char *
address_of(const char *at, const char *end)
{
	const char *angle = angle_of(at, end), *close;
	struct complaint unused;
	struct address a;
	char *canonical = NULL;

	if (angle != NULL) {
		at = angle + 1;
		close = syntax_path_end(at, end);
		end = close == NULL ? end : close;
	}
	while (at < end && *at == ' ')
		at++;
	while (end > at && end[-1] == ' ')
		end--;
	if (end > at && address_parse(&a, at, (size_t)(end - at), &unused) == 0) {
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
		one = address_of(at, end);
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
		one = address_of(at, end);
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
