/* Receipt addresses. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "mail/receipt.h"

static void
there_and_back(void **state)
{
	struct receipt r = { "uegaozwghqbigaj7r63fjuqkki", 9999999999, "" }, again;
	char *address;

	(void)state;
	receipt_token(r.token);
	address = receipt_address(&r, "mail.example.com.rollcall.invalid");
	assert_true(receipt_parse(address, &again));
	same_text("entry", again.entry, r.entry);
	same_text("token", again.token, r.token);
	same_number("batch", again.batch, r.batch);
	assert_true(strcspn(address, "@") <= 64);
	free(address);
}

static void
every_token_is_another(void **state)
{
	char a[RECEIPT_TOKEN + 1], b[RECEIPT_TOKEN + 1];

	(void)state;
	receipt_token(a);
	receipt_token(b);
	assert_int_equal(strlen(a), RECEIPT_TOKEN);
	assert_string_not_equal(a, b);
}

static void
what_is_none(void **state)
{
	static const char *const cases[] = {
		"", "receipt@x", "receipt+@x", "staff@lists.example.com",
		"receipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmno@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmnopq@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmnop",
		"receipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmno0@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki..abcdefghijklmnop@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki.0.abcdefghijklmnop@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki.01.abcdefghijklmnop@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki.-1.abcdefghijklmnop@x",
		"receipt+uegaozwghqbigaj7r63fjuqkki.10000000000.abcdefghijklmnop@x",
		"receipt+uegaozwghqbigaj7r63fjuqkk.1.abcdefghijklmnop@x",
		"receipt+../../../../../../../../../../etc.1.abcdefghijklmnop@x",
		"xreceipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmnop@x",
	};
	struct receipt r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (receipt_parse(cases[i], &r))
			fail_msg("%s was taken", cases[i]);
	assert_true(receipt_parse("receipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmnop@x", &r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(every_token_is_another),
		cmocka_unit_test(what_is_none),
	};

	return RUN(tests);
}
