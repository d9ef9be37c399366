/* Reading address lists, of which only the addresses matter. */
#include "mail/mailboxes.h"

#include "mail/address.h"
#include "mail/syntax.h"

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

static bool
is_address(const char *at, const char *end, const char *canonical)
{
	const char *angle = angle_of(at, end), *close;
	struct complaint unused;
	struct address a;
	bool same = false;

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
		same = strcmp(a.canonical, canonical) == 0;
		address_free(&a);
	}
	return same;
}

bool
mailboxes_have(const struct field *f, const char *canonical)
{
	struct bytes value = { 0 };
	const char *at, *end;
	bool found = false;

	field_words(f, &value);
	for (at = bytes_text(&value); !found && *at != '\0'; at = *end == '\0' ? end : end + 1) {
		end = element_end(at);
		found = is_address(at, end, canonical);
	}
	bytes_free(&value);
	return found;
}
