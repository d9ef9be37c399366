/* Display names. */
#include "mail/phrase.h"

#include <stdint.h>
#include <string.h>
#include <unistr.h>

enum { WORD_LONGEST = 75 };               /* RFC 2047 section 2 */

/* The text with control characters as blanks, trimmed, and cut to so many characters. */
static void
clean(struct bytes *out, const char *text, size_t most)
{
	for (size_t count = 0; *text != '\0' && count < most; count++) {
		int n = u8_mblen((const uint8_t *)text, strlen(text));

		if (n <= 0)
			break;
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			if (out->length > 0 && out->data[out->length - 1] != ' ')
				bytes_add_char(out, ' ');
		} else if (*text != ' ' || out->length > 0) {
			bytes_add(out, text, (size_t)n);
		}
		text += n;
	}
	while (out->length > 0 && out->data[out->length - 1] == ' ')
		out->data[--out->length] = '\0';
}

static void
add_quoted(struct bytes *out, const struct bytes *text)
{
	bytes_add_char(out, '"');
	for (size_t i = 0; i < text->length; i++) {
		if (text->data[i] == '"' || text->data[i] == '\\')
			bytes_add_char(out, '\\');
		bytes_add_char(out, text->data[i]);
	}
	bytes_add_char(out, '"');
}

/* The "Q" encoding, in words of at most 75 characters that each hold whole characters. */
void
phrase_encode(struct bytes *out, const char *text)
{
	static const char begin[] = "=?utf-8?Q?";
	size_t room = 0, at = 0, length = strlen(text);

	while (at < length) {
		size_t n = (size_t)u8_mblen((const uint8_t *)text + at, length - at);

		if (room < n * 3) {
			if (at > 0)
				bytes_add_text(out, "?=\r\n ");
			bytes_add_text(out, begin);
			room = WORD_LONGEST - sizeof(begin) - 1;
		}
		for (; n > 0; n--, at++) {
			unsigned char c = (unsigned char)text[at];
			bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			             (c >= '0' && c <= '9');

			if (plain || c == ' ')
				bytes_add_char(out, c == ' ' ? '_' : (char)c);
			else
				bytes_format(out, "=%02X", c);
			room -= plain || c == ' ' ? 1 : 3;
		}
	}
	bytes_add_text(out, "?=");
}

void
phrase_add(struct bytes *out, const char *text, size_t most)
{
	struct bytes cleaned = { 0 };
	bool ascii = true;

	if (u8_check((const uint8_t *)text, strlen(text)) != NULL)
		return;
	clean(&cleaned, text, most);
	for (size_t i = 0; i < cleaned.length; i++)
		ascii &= (unsigned char)cleaned.data[i] < 0x80;
	if (cleaned.length > 0 && ascii)
		add_quoted(out, &cleaned);
	else if (cleaned.length > 0)
		phrase_encode(out, cleaned.data);
	bytes_free(&cleaned);
}

bool
phrase_is_plain(const char *text)
{
	if (u8_check((const uint8_t *)text, strlen(text)) != NULL)
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}
