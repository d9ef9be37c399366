/* Original recipients. */
#include "mail/xtext.h"

#include <stdbool.h>
#include <unistr.h>

enum { LONGEST = 500 };                   /* octets of an ORCPT; RFC 3461 section 5.5.1 */

/* One character of an ASCII address (RFC 3461 section 4). */
static void
add_ascii(struct bytes *out, ucs4_t c)
{
	if (c == '+' || c == '=' || c == ' ')
		bytes_format(out, "+%02X", (unsigned)c);
	else
		bytes_add_char(out, (char)c);
}

/* One of another address (RFC 6533 section 3: utf-8-addr-xtext). */
static void
add_unicode(struct bytes *out, ucs4_t c)
{
	if (c == '+' || c == '=' || c == '\\' || c == ' ' || c >= 0x80)
		bytes_format(out, "\\x{%02X}", (unsigned)c);
	else
		bytes_add_char(out, (char)c);
}

void
xtext_add_orcpt(struct bytes *out, const char *address, size_t length)
{
	const uint8_t *at = (const uint8_t *)address, *end = at + length;
	size_t before = out->length, value;
	bool ascii = true, good = length > 0;

	for (size_t i = 0; i < length; i++)
		ascii = ascii && at[i] < 0x80;
	bytes_format(out, " ORCPT=%s;", ascii ? "rfc822" : "utf-8");
	value = before + sizeof(" ORCPT=") - 1;
	while (at < end && good) {
		ucs4_t c;
		int n = u8_mbtoucr(&c, at, (size_t)(end - at));

		good = n > 0 && c >= 0x20 && c != 0x7f;
		if (!good)
			break;
		if (ascii)
			add_ascii(out, c);
		else
			add_unicode(out, c);
		at += n;
	}
	if (!good || out->length - value > LONGEST)
		out->length = before;
}
