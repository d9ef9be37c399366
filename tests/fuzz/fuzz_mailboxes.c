/* What policies read of headers: address lists and encoded words. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/encoded.h"
#include "mail/mailboxes.h"

static bool
keep(void *arg, const char *canonical, char **become)
{
	(void)become;
	++*(size_t *)arg;
	return *canonical != '\0';
}

static bool
exchange(void *arg, const char *canonical, char **become)
{
	(void)arg;
	(void)canonical;
	*become = mem_text("q@x.example");
	return true;
}

/* Where nothing is replaced everything stays; and what was put there is found. */
static void
check_replacing(const char *text, size_t length)
{
	char *value = mem_copy(text, length);
	struct bytes same = { 0 }, other = { 0 };
	size_t count = 0, again = 0;

	MUST(mailboxes_replace(value, keep, &count, &same));
	MUST(strcmp(bytes_text(&same), value) == 0);
	MUST(mailboxes_replace(value, exchange, NULL, &other));
	MUST(count > 0 || strcmp(bytes_text(&other), value) == 0);
	bytes_clear(&same);
	MUST(mailboxes_replace(bytes_text(&other), keep, &again, &same) && again == count);
	bytes_free(&same);
	bytes_free(&other);
	free(value);
}

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
	check_replacing((const char *)data, size);
	check_encoded((const char *)data, size);
	return 0;
}
