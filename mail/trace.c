/* Traces of a message's way. */
#include "mail/trace.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/list.h"
#include "mail/syntax.h"

#include <stdlib.h>
#include <string.h>

/* The mark of our own Received fields. */
static const char mark[] = "(rollcall)";

void
trace_received(struct bytes *out, const char *from, const char *by, const char *id,
               const char *list_address, int64_t arrived)
{
	char date[DATE_SIZE];

	date_format(arrived, date);
	bytes_add_text(out, "Received: ");
	if (from != NULL)
		bytes_format(out, "from %s ", from);
	bytes_format(out, "by %s %s with LMTP\r\n\tid %s for <%s>;\r\n\t%s\r\n", by, mark, id,
	             list_address, date);
}

/* Whether the text holds `before` address ">", the address in any spelling. */
static bool
holds_address(const char *text, const char *before, const char *list_address)
{
	const char *at = text, *close;
	struct complaint why;
	struct address a;
	bool same = false;

	while (!same && (at = strcasestr(at, before)) != NULL) {
		at += strlen(before);
		/* No further than an address is long: a field may hold any number of beginnings. */
		close = syntax_path_end(at, at + strnlen(at, ADDRESS_LONGEST + 1));
		if (close != NULL && address_parse(&a, at, (size_t)(close - at), &why) == 0) {
			same = strcmp(a.canonical, list_address) == 0;
			address_free(&a);
		}
	}
	return same;
}

/* One field: does it say that the message passed the list? */
static bool
field_passed(const struct field *f, const char *list_address, const char *identifier,
             const char *mailto)
{
	struct bytes value = { 0 };
	char *bracketed = NULL;
	bool passed = false;

	if (field_is(f, "List-Post")) {
		field_words(f, &value);
		bracketed = mem_format("<%s>", mailto);
		passed = strcasestr(bytes_text(&value), bracketed) != NULL ||
		         holds_address(bytes_text(&value), "<mailto:", list_address);
	} else if (field_is(f, "List-Id")) {
		field_words(f, &value);
		bracketed = mem_format("<%s>", identifier);
		passed = strcasestr(bytes_text(&value), bracketed) != NULL ||
		         text_same(bytes_text(&value), identifier);
	} else if (field_is(f, "Received")) {
		field_unfold(f, &value);
		passed = strstr(bytes_text(&value), mark) != NULL &&
		         holds_address(bytes_text(&value), " for <", list_address);
	}
	free(bracketed);
	bytes_free(&value);
	return passed;
}

bool
trace_passed(const char *header, size_t length, const char *list_address)
{
	char *identifier = list_identifier(list_address), *mailto = list_mailto(list_address);
	struct field f;
	size_t at = 0;
	bool passed = false;

	while (!passed && header_next(header, length, &at, &f))
		passed = field_passed(&f, list_address, identifier, mailto);
	free(identifier);
	free(mailto);
	return passed;
}

size_t
trace_hops(const char *header, size_t length)
{
	struct field f;
	size_t at = 0, hops = 0;

	while (header_next(header, length, &at, &f))
		hops += field_is(&f, "Received");
	return hops;
}

bool
trace_queue_id(const char *header, size_t length, char *id, size_t size)
{
	struct bytes value = { 0 };
	struct field f;
	const char *at;
	size_t n = 0;

	if (!header_find(header, length, "Received", &f))
		return false;
	field_words(&f, &value);
	at = strstr(bytes_text(&value), " id ");
	if (at != NULL) {
		at += 4;
		n = strspn(at, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (n >= size || (at[n] != '\0' && at[n] != ' ' && at[n] != ';'))
			n = 0;
		memcpy(id, at, n);
		id[n] = '\0';
	}
	bytes_free(&value);
	return n > 0;
}

int64_t
trace_taken(const char *header, size_t length)
{
	struct bytes value = { 0 };
	const char *date;
	struct field f;
	int64_t taken = -1;

	if (header_find(header, length, "Received", &f)) {
		field_words(&f, &value);
		date = strrchr(bytes_text(&value), ';');
		taken = date == NULL ? -1 : date_parse(date + 1);
	}
	bytes_free(&value);
	return taken;
}
