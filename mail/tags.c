/* Tags. Folds count as blanks. */
#include "mail/tags.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice
trim(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	return (struct slice){ at, (size_t)(end - at) };
}

/* What comes before the next `c`, trimmed; the rest is what comes behind it. */
static struct slice
cut(struct slice *rest, char c)
{
	const char *end = rest->at + rest->length, *found = memchr(rest->at, c, rest->length);
	struct slice before = trim(rest->at, found == NULL ? end : found);

	rest->at = found == NULL ? end : found + 1;
	rest->length = (size_t)(end - rest->at);
	return before;
}

bool
tag_next(struct slice *rest, struct slice *name, struct slice *value)
{
	const char *equals;
	struct slice tag;

	do {
		if (rest->length == 0)
			return false;
		tag = cut(rest, ';');
	} while (tag.length == 0);        /* one may stand at the end */
	equals = memchr(tag.at, '=', tag.length);
	if (equals == NULL) {
		*name = *value = (struct slice){ tag.at, 0 };
		return true;
	}
	*name = trim(tag.at, equals);
	*value = trim(equals + 1, tag.at + tag.length);
	return true;
}

bool
tag_find(struct slice list, const char *name, struct slice *value)
{
	struct slice found;

	while (tag_next(&list, &found, value))
		if (slice_is(found, name))
			return true;
	return false;
}

bool
tag_word(struct slice *rest, char between, struct slice *word)
{
	if (rest->length == 0)
		return false;
	*word = cut(rest, between);
	return true;
}
