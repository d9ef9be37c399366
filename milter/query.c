/* The socketmap protocol. */
#include "milter/query.h"

#include <string.h>

enum query_result
query_read(struct slice come, struct slice *content, size_t *used)
{
	size_t at = 0, length = 0;

	for (; at < come.length && come.at[at] >= '0' && come.at[at] <= '9'; at++) {
		if (at > 0 && length == 0)
			return QUERY_NONE;        /* a leading zero */
		length = length * 10 + (size_t)(come.at[at] - '0');
		if (length > QUERY_LONGEST)
			return QUERY_TOO_LONG;
	}
	if (at == come.length)
		return QUERY_PART;
	if (at == 0 || come.at[at] != ':')
		return QUERY_NONE;
	at++;
	if (come.length - at <= length)
		return QUERY_PART;
	if (come.at[at + length] != ',')
		return QUERY_NONE;
	*content = (struct slice){ come.at + at, length };
	*used = at + length + 1;
	return QUERY_WHOLE;
}

bool
query_split(struct slice content, struct slice *map, struct slice *key)
{
	const char *blank = content.length == 0 ? NULL : memchr(content.at, ' ', content.length);

	if (blank == NULL || blank == content.at)
		return false;
	*map = (struct slice){ content.at, (size_t)(blank - content.at) };
	*key = (struct slice){ blank + 1, content.length - map->length - 1 };
	return true;
}

void
query_answer(struct bytes *out, enum query_status status, const char *text)
{
	static const char *const words[] = {
		[QUERY_OK] = "OK", [QUERY_NOTFOUND] = "NOTFOUND",
		[QUERY_TEMP] = "TEMP", [QUERY_PERM] = "PERM",
	};
	const char *word = words[status];

	bytes_format(out, "%zu:%s %s,", strlen(word) + 1 + strlen(text), word, text);
}
