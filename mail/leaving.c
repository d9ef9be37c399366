/* Leaving by one click. */
#include "mail/leaving.h"

#include "base/base32.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONGEST_TEXT = 2 * 254 + 1,       /* two addresses, and what is between them */
	LONGEST_LINE = 998                /* RFC 5322 section 2.1.1 */
};

static const char purpose[] = "unsubscribe", between = '\n';

char *
leaving_token(struct keys *keys, const char *list, const char *member)
{
	char *text = mem_format("%s%c%s", list, between, member), mark[KEYS_TOKEN + 1];
	size_t length = strlen(text), letters = BASE32_LENGTH(length);
	char *token = mem_new(letters + KEYS_TOKEN + 1);

	base32_write(text, length, token);
	keys_token(keys, purpose, text, length, mark);
	memcpy(token + letters, mark, sizeof(mark));
	free(text);
	return token;
}

bool
leaving_read(struct keys *keys, const char *token, size_t length, char **list, char **member)
{
	size_t letters = length > KEYS_TOKEN ? length - KEYS_TOKEN : 0, bytes = BASE32_BYTES(letters);
	char text[LONGEST_TEXT + 1], *end;

	*list = *member = NULL;
	if (letters == 0 || bytes > LONGEST_TEXT || base32_read(token, letters, text) < 0)
		return false;
	if (!keys_token_is(keys, purpose, text, bytes, token + letters, KEYS_TOKEN))
		return false;
	/* What we have marked is two addresses. */
	text[bytes] = '\0';
	end = strchr(text, between);
	*list = mem_copy(text, (size_t)(end - text));
	*member = mem_text(end + 1);
	return true;
}

void
leaving_fill(const char *fields, struct keys *keys, const char *list, const char *member, struct bytes *out)
{
	const char *hole = strstr(fields, LEAVING_HOLE), *line = hole;
	char *token = leaving_token(keys, list, member);
	size_t length;

	while (line > fields && line[-1] != '\n')
		line--;
	length = strcspn(line, "\r\n") - strlen(LEAVING_HOLE) + strlen(token);
	if (length <= LONGEST_LINE)
		bytes_format(out, "%.*s%s%s", (int)(hole - fields), fields, token,
		             hole + strlen(LEAVING_HOLE));
	free(token);
}
