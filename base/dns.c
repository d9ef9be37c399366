/* Records of the DNS. */
#include "base/dns.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	int number;                       /* RFC 1035 section 3.2.2, RFC 3596 */
} types[RECORD_TYPES] = {
	[RECORD_A] = { "A", 1 },      [RECORD_AAAA] = { "AAAA", 28 }, [RECORD_MX] = { "MX", 15 },
	[RECORD_TXT] = { "TXT", 16 }, [RECORD_PTR] = { "PTR", 12 },
};

const char *
record_word(enum record_type type)
{
	return types[type].word;
}

int
record_number(enum record_type type)
{
	return types[type].number;
}

/* A name as RFC 1035 section 3.1 has it, without compression; -1: it is none. */
static int
read_name(const unsigned char *at, size_t length, struct bytes *name)
{
	size_t i = 0;

	while (i < length && at[i] != 0) {
		size_t label = at[i++];

		if (label > 63 || label > length - i)
			return -1;
		if (name->length > 0)
			bytes_add_char(name, '.');
		for (; label > 0; label--, i++)
			if (at[i] > 0x20 && at[i] < 0x7f && at[i] != '.' && at[i] != '\\')
				bytes_add_char(name, text_lower((char)at[i]));
			else
				bytes_format(name, "\\%03u", at[i]);
	}
	return i + 1 == length ? 0 : -1;
}

/* Strings, each behind its length. */
static int
read_strings(const unsigned char *at, size_t length, struct bytes *text)
{
	size_t i = 0;

	while (i < length) {
		size_t one = at[i++];

		if (one > length - i)
			return -1;
		bytes_add(text, at + i, one);
		i += one;
	}
	return length > 0 ? 0 : -1;
}

static int
read_address(int family, const unsigned char *at, struct bytes *text)
{
	char address[INET6_ADDRSTRLEN];

	if (inet_ntop(family, at, address, sizeof(address)) == NULL)
		return -1;
	bytes_add_text(text, address);
	return 0;
}

static int
read_record(enum record_type type, const unsigned char *at, size_t length, struct dns_record *record)
{
	struct bytes text = { 0 };
	int rc = -1;

	switch (type) {
	case RECORD_A:
		rc = length == 4 ? read_address(AF_INET, at, &text) : -1;
		break;
	case RECORD_AAAA:
		rc = length == 16 ? read_address(AF_INET6, at, &text) : -1;
		break;
	case RECORD_MX:
		rc = length > 2 ? read_name(at + 2, length - 2, &text) : -1;
		if (rc == 0)
			record->preference = (unsigned)at[0] << 8 | at[1];
		break;
	case RECORD_TXT:
		rc = read_strings(at, length, &text);
		break;
	default:
		rc = read_name(at, length, &text);
		break;
	}
	record->length = text.length;
	if (rc == 0)
		record->text = mem_copy(bytes_text(&text), text.length);
	bytes_free(&text);
	return rc;
}

void
dns_answer_free(struct dns_answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->records[i].text);
	free(a->records);
	*a = (struct dns_answer){ 0 };
}

void
dns_answer_unsure(struct dns_answer *a, const char *why)
{
	dns_answer_free(a);
	a->found = RESOLVED_UNSURE;
	(void)snprintf(a->why, sizeof(a->why), "%s", why);
}

int
dns_answer_add(struct dns_answer *a, enum record_type type, const void *data, size_t length)
{
	struct dns_record record = { 0 };

	if (read_record(type, data, length, &record) < 0) {
		dns_answer_unsure(a, "a record makes no sense");
		return -1;
	}
	a->records = mem_resize(a->records, (a->count + 1) * sizeof(*a->records));
	a->records[a->count++] = record;
	a->found = RESOLVED;
	return 0;
}

char *
dns_reverse(const char *address)
{
	unsigned char b[16];
	struct bytes name = { 0 };

	if (inet_pton(AF_INET, address, b) == 1)
		return mem_format("%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
	if (inet_pton(AF_INET6, address, b) != 1)
		return NULL;
	for (size_t i = sizeof(b); i-- > 0;)
		bytes_format(&name, "%x.%x.", b[i] & 15, b[i] >> 4);
	bytes_add_text(&name, "ip6.arpa");
	return bytes_take(&name);
}
