/* RFC 2047, read leniently. */
#include "mail/encoded.h"

#include "base/mem.h"
#include "base/text.h"

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHARSET_LONGEST = 40 };

/* One word: "=?charset?encoding?text?=". */
struct word {
	char charset[CHARSET_LONGEST + 1];
	char encoding;                    /* 'b' or 'q' */
	const char *text, *end;           /* of the text */
	const char *behind;
};

static bool
find_word(const char *at, const char *end, struct word *w)
{
	const char *mark, *star;
	size_t length;

	if (end - at < 8 || at[0] != '=' || at[1] != '?')
		return false;
	mark = memchr(at + 2, '?', (size_t)(end - at) - 2);
	if (mark == NULL || end - mark < 5 || mark[2] != '?' || mark == at + 2)
		return false;
	star = memchr(at + 2, '*', (size_t)(mark - at) - 2);      /* RFC 2231 section 5: a language */
	length = (size_t)((star == NULL ? mark : star) - at) - 2;
	if (length > CHARSET_LONGEST)
		return false;
	memcpy(w->charset, at + 2, length);
	w->charset[length] = '\0';
	w->encoding = text_lower(mark[1]);
	w->text = mark + 3;
	w->end = memmem(w->text, (size_t)(end - w->text), "?=", 2);
	if (w->end == NULL || (w->encoding != 'b' && w->encoding != 'q'))
		return false;
	w->behind = w->end + 2;
	return true;
}

static int
digit_of(char c, const char *digits)
{
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

static void
read_q(struct bytes *out, const char *at, const char *end)
{
	static const char hex[] = "0123456789abcdef";

	for (; at < end; at++) {
		int high = end - at > 2 ? digit_of(text_lower(at[1]), hex) : -1;
		int low = end - at > 2 ? digit_of(text_lower(at[2]), hex) : -1;

		if (*at == '=' && high >= 0 && low >= 0) {
			bytes_add_char(out, (char)(high * 16 + low));
			at += 2;
		} else {
			bytes_add_char(out, *at == '_' ? ' ' : *at);
		}
	}
}

static void
read_b(struct bytes *out, const char *at, const char *end)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0;
	int count = 0;

	for (; at < end && *at != '='; at++) {
		int digit = digit_of(*at, digits);

		if (digit < 0)
			continue;
		bits = (bits << 6 | (unsigned)digit) & 0xffffU;
		count += 6;
		if (count >= 8) {
			count -= 8;
			bytes_add_char(out, (char)(bits >> count & 0xffU));
		}
	}
}

/* False, and nothing is added, where the bytes cannot be read in that character set. */
static bool
add_converted(struct bytes *out, const struct bytes *raw, const char *charset)
{
	iconv_t convert = iconv_open("UTF-8", charset);
	char *from = raw->data;
	size_t left = raw->length, room = raw->length * 6 + 16, have = out->length;
	char *to;
	bool whole;

	if ((intptr_t)convert == -1)
		return false;
	to = bytes_room(out, room);
	whole = raw->length == 0 || iconv(convert, &from, &left, &to, &room) != (size_t)-1;
	(void)iconv_close(convert);
	if (whole)
		out->length = (size_t)(to - out->data);
	else
		out->length = have;
	if (out->data != NULL)
		out->data[out->length] = '\0';
	return whole;
}

static bool
add_word(struct bytes *out, const struct word *w)
{
	struct bytes raw = { 0 };
	bool added;

	if (w->encoding == 'b')
		read_b(&raw, w->text, w->end);
	else
		read_q(&raw, w->text, w->end);
	added = add_converted(out, &raw, w->charset);
	bytes_free(&raw);
	return added;
}

void
encoded_read(struct bytes *out, const char *value, size_t length)
{
	const char *at = value, *end = value + length, *blanks = NULL;
	struct word w;

	/* Blanks between two encoded words are none of the text (RFC 2047 section 6.2). */
	while (at < end) {
		const char *behind = at;

		while (behind < end && (*behind == ' ' || *behind == '\t'))
			behind++;
		if (blanks != NULL && behind > at && find_word(behind, end, &w))
			at = behind;
		if (find_word(at, end, &w) && add_word(out, &w)) {
			at = blanks = w.behind;
			continue;
		}
		blanks = NULL;
		bytes_add_char(out, *at++);
	}
}
