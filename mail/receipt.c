/* Receipt addresses. */
#include "mail/receipt.h"

#include "base/base32.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static const char prefix[] = "receipt+";

void
receipt_token(char token[RECEIPT_TOKEN + 1])
{
	char name[DIGEST_NAME + 1];

	digest_random(name);
	memcpy(token, name, RECEIPT_TOKEN);
	token[RECEIPT_TOKEN] = '\0';
}

char *
receipt_address(const struct receipt *r, const char *domain)
{
	return mem_format("%s%s.%" PRId64 ".%s@%s", prefix, r->entry, r->batch, r->token, domain);
}

/* Takes a word of so many letters, up to `end`, which goes as well. */
static bool
take_word(const char **at, size_t length, char end, char *word)
{
	if (strspn(*at, base32_letters) != length || (*at)[length] != end)
		return false;
	memcpy(word, *at, length);
	word[length] = '\0';
	*at += length + 1;
	return true;
}

static bool
take_number(const char **at, int64_t *number)
{
	size_t digits = strspn(*at, "0123456789");

	*number = 0;
	if (digits == 0 || digits > 10 || **at == '0' || (*at)[digits] != '.')
		return false;
	for (size_t i = 0; i < digits; i++)
		*number = *number * 10 + (*at)[i] - '0';
	*at += digits + 1;
	return true;
}

bool
receipt_parse(const char *canonical, struct receipt *r)
{
	const char *at = canonical;

	if (strncmp(at, prefix, sizeof(prefix) - 1) != 0)
		return false;
	at += sizeof(prefix) - 1;
	return take_word(&at, DIGEST_NAME, '.', r->entry) && take_number(&at, &r->batch) &&
	       take_word(&at, RECEIPT_TOKEN, '@', r->token);
}
