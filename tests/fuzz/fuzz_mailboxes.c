/* What policies read of headers: address lists and encoded words. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/encoded.h"
#include "mail/mailboxes.h"

/* An address is found by itself and behind any list that ends before it; never in an empty field. */
static void
check_mailboxes(const char *text, size_t length)
{
	static const char canonical[] = "staff@lists.example.com";
	const struct field whole = { .value = text, .value_length = length };
	char *group = mem_format("x: %s;", canonical);
	const struct field in_group = { .value = group, .value_length = strlen(group) };

	if (mailboxes_have(&whole, canonical))
		MUST(memchr(text, '@', length) != NULL && length >= sizeof(canonical) - 1);
	MUST(mailboxes_have(&in_group, canonical));
	free(group);
}

/* What has no encoded word stays as it is; what is written as one is read. */
static void
check_encoded(const char *text, size_t length)
{
	struct bytes out = { 0 }, encoded = { 0 }, again = { 0 };

	encoded_read(&out, text, length);
	MUST(out.length <= length * 6);
	if (memmem(text, length, "=?", 2) == NULL)
		MUST(out.length == length && (length == 0 || memcmp(out.data, text, length) == 0));
	bytes_add_text(&encoded, "=?iso-8859-1?Q?");
	for (size_t i = 0; i < length; i++)
		bytes_format(&encoded, "=%02X", (unsigned char)text[i] & 0x7fU);
	bytes_add_text(&encoded, "?=");
	encoded_read(&again, encoded.data, encoded.length);
	MUST(again.length == length);
	for (size_t i = 0; i < length; i++)
		MUST(again.data[i] == (text[i] & 0x7f));
	bytes_free(&out);
	bytes_free(&encoded);
	bytes_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_mailboxes((const char *)data, size);
	check_encoded((const char *)data, size);
	return 0;
}
