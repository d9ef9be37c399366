/* Base32. */
#include "base/base32.h"

#include "base/text.h"

#include <string.h>

enum { GROUP = 5, BYTE = 8 };             /* bits */

const char base32_letters[] = "abcdefghijklmnopqrstuvwxyz234567";

void
base32_write(const void *bytes, size_t length, char *text)
{
	const unsigned char *from = bytes;
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < length; i++) {
		bits = bits << BYTE | from[i];
		for (have += BYTE; have >= GROUP; have -= GROUP)
			*text++ = base32_letters[bits >> (have - GROUP) & 31];
	}
	if (have > 0)
		*text++ = base32_letters[bits << (GROUP - have) & 31];
	*text = '\0';
}

int
base32_read(const char *text, size_t length, void *bytes)
{
	unsigned char *to = bytes;
	unsigned bits = 0, have = 0;

	if (length != BASE32_LENGTH(BASE32_BYTES(length)))
		return -1;
	for (size_t i = 0; i < length; i++) {
		const char *at = memchr(base32_letters, text_lower(text[i]), sizeof(base32_letters) - 1);

		if (at == NULL)
			return -1;
		bits = (bits << GROUP | (unsigned)(at - base32_letters)) & 0xfff;
		have += GROUP;
		if (have >= BYTE) {
			have -= BYTE;
			*to++ = (unsigned char)(bits >> have);
		}
	}
	return (bits & ((1U << have) - 1)) == 0 ? 0 : -1;
}
