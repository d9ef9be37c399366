/* Delivery status notifications, as far as they say who. */
#include "mail/returned.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 100 };                      /* recipients of one report that are looked at */

static int
digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Without its xtext (RFC 3461 section 4), which only original recipients have. */
static void
decode(struct bytes *address)
{
	size_t to = 0;

	for (size_t i = 0; i < address->length; i++, to++) {
		const char *at = address->data + i;
		int high = *at == '+' && i + 2 < address->length ? digit_of(at[1]) : -1;
		int low = high >= 0 ? digit_of(at[2]) : -1;

		address->data[to] = low < 0 ? *at : (char)(high << 4 | low);
		i += low < 0 ? 0 : 2;
	}
	address->length = to;
}

/* The address of "rfc822; bob@example.com", canonical and allocated; NULL where it is none. */
static char *
take_address(const struct field *f, bool original)
{
	struct bytes value = { 0 }, address = { 0 };
	struct complaint unused;
	struct address a;
	char *canonical = NULL;
	const char *text, *semicolon;

	field_words(f, &value);
	text = bytes_text(&value);
	semicolon = strchr(text, ';');
	if (semicolon != NULL &&
	    (strncasecmp(text, "rfc822", 6) == 0 || strncasecmp(text, "utf-8", 5) == 0)) {
		semicolon += 1 + strspn(semicolon + 1, " ");
		bytes_add_text(&address, semicolon);
		if (original && *address.data != '"')
			decode(&address);
		if (address_parse(&a, address.data, address.length, &unused) == 0) {
			canonical = mem_text(a.canonical);
			address_free(&a);
		}
	}
	bytes_free(&address);
	bytes_free(&value);
	return canonical;
}

static bool
is_word(const struct field *f, const char *word)
{
	struct bytes value = { 0 };
	bool is;

	field_words(f, &value);
	is = strcasecmp(bytes_text(&value), word) == 0;
	bytes_free(&value);
	return is;
}

/* The fields about one recipient. */
static bool
see_block(const char *block, size_t length, void (*see)(void *, const char *), void *arg)
{
	char *original = NULL, *final = NULL;
	bool failed = false;
	struct field f;
	size_t at = 0;

	while (header_next(block, length, &at, &f)) {
		if (field_is(&f, "Original-Recipient") && original == NULL)
			original = take_address(&f, true);
		else if (field_is(&f, "Final-Recipient") && final == NULL)
			final = take_address(&f, false);
		else if (field_is(&f, "Action"))
			failed = is_word(&f, "failed");
	}
	failed = failed && (original != NULL || final != NULL);
	if (failed)
		see(arg, original != NULL ? original : final);
	free(original);
	free(final);
	return failed;
}

static size_t
line_length(const char *line, size_t length)
{
	const char *lf = memchr(line, '\n', length);

	return lf == NULL ? length : (size_t)(lf - line) + 1;
}

/* The lines up to an empty one or the end of the part, which begin at *at; *at is moved behind them. */
static size_t
take_block(const char *message, size_t length, size_t *at)
{
	size_t begin = *at;

	while (*at < length) {
		const char *line = message + *at;
		size_t whole = line_length(line, length - *at);

		if (*line == '\r' || *line == '\n' || (whole >= 2 && memcmp(line, "--", 2) == 0))
			break;
		*at += whole;
	}
	return *at - begin;
}

static bool
is_status(const struct field *f)
{
	struct bytes value = { 0 };
	bool is;

	if (!field_is(f, "Content-Type"))
		return false;
	field_words(f, &value);
	is = strncasecmp(bytes_text(&value), "message/delivery-status", 23) == 0 ||
	     strncasecmp(bytes_text(&value), "message/global-delivery-status", 30) == 0;
	bytes_free(&value);
	return is;
}

/* Where the status begins: behind the header of the part that has it. `length`: there is none. */
static size_t
find_status(const char *message, size_t length)
{
	struct field f;
	size_t at = 0;

	while (at < length) {
		size_t begin = at, block = take_block(message, length, &at), in = 0;

		while (header_next(message + begin, block, &in, &f))
			if (is_status(&f))
				return at;
		if (block == 0)
			at += line_length(message + at, length - at);
	}
	return length;
}

void
returned_each(const char *message, size_t length, void (*see)(void *, const char *), void *arg)
{
	size_t at = find_status(message, length), count = 0;

	while (at < length && count < MOST) {
		size_t begin = at, block = take_block(message, length, &at);

		if (block > 0)
			count += see_block(message + begin, block, see, arg);
		else if (message[at] == '-')      /* the part is over */
			return;
		else
			at += line_length(message + at, length - at);
	}
}
