/* Reverse-paths of members: there and back, in whatever case, and what is taken for nothing. */
#include "tests/unit/key_dir.h"

#include "mail/verp.h"
#include "mail/xtext.h"

#include <ctype.h>

static const char entry[] = "uegaozwghqbigaj7r63fjuqkki", list[] = "staff@l.x", bounces[] = "staff-bounces@l.x";

static void
there_and_back(void **state)
{
	static const uint32_t lines[] = { 0, 1, 31, 32, 1023, 1024, 999999, 33554431, 33554432, UINT32_MAX };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char *address = verp_address(*state, bounces, list, entry, lines[i]);
		struct verp v;

		assert_non_null(address);
		assert_true(strcspn(address, "@") <= 64);
		verp_read(*state, address, list, &v);
		same_number(address, v.form, VERP_TRUE);
		same_number("line", v.line, lines[i]);
		assert_memory_equal(v.post, entry, VERP_POST);
		assert_null(v.member);
		free(address);
	}
}

/* MTAs on the way may fold as they like: addresses come here in their canonical form. */
static void
whatever_case(void **state)
{
	char *address = verp_address(*state, bounces, list, entry, 4711);
	struct verp v;

	for (char *c = address; *c != '\0'; c++)
		assert_int_equal(*c, tolower((unsigned char)*c));
	verp_read(*state, address, list, &v);
	same_number("folded", v.form, VERP_TRUE);
	free(address);
}

static void
quoted(void **state)
{
	char *address = verp_address(*state, "\"a b-bounces\"@l.x", "\"a b\"@l.x", entry, 7);
	struct verp v;

	assert_memory_equal(address, "\"a b-bounces+uegaozwgh", 22);
	verp_read(*state, address, "\"a b\"@l.x", &v);
	same_number("quoted", v.form, VERP_TRUE);
	free(address);
}

/* Changed anywhere, or of another list: never true. */
static void
forged(void **state)
{
	char *address = verp_address(*state, bounces, list, entry, 4711), *others;
	size_t from = strlen("staff-bounces+"), to = strcspn(address, "@");
	struct verp v;

	for (size_t i = from; i < to; i++) {
		char was = address[i];

		address[i] = was == 'b' ? 'c' : 'b';
		verp_read(*state, address, list, &v);
		same_number(address, v.form, VERP_FALSE);
		address[i] = was;
	}
	others = mem_format("staffx-bounces+%s", address + from);
	verp_read(*state, others, "staffx@l.x", &v);
	same_number("another list", v.form, VERP_FALSE);
	verp_read(*state, address, "staffx@l.x", &v);
	same_number("not that list's", v.form, VERP_NONE);
	free(others);
	free(address);
}

static void
retired(void **state)
{
	char *address = verp_address(*state, bounces, list, entry, 4711);
	void *other;
	struct verp v;

	assert_int_equal(begin_keys(&other), 0);
	verp_read(other, address, list, &v);
	same_number("other keys", v.form, VERP_FALSE);
	assert_int_equal(end_keys(&other), 0);
	free(address);
}

static void
too_long(void **state)
{
	/* 28 + 8 + 1 + 8 + 3 + 16 */
	char *fits = verp_address(*state, "abcdefghijklmnopqrstuvwxyzab-bounces@l.x",
	                          "abcdefghijklmnopqrstuvwxyzab@l.x", entry, 32767);

	assert_non_null(fits);
	same_number("at most", (long long)strcspn(fits, "@"), 64);
	assert_null(verp_address(*state, "abcdefghijklmnopqrstuvwxyzab-bounces@l.x",
	                         "abcdefghijklmnopqrstuvwxyzab@l.x", entry, 32768));
	free(fits);
}

static void
other_forms(void **state)
{
	static const struct {
		const char *address;
		enum verp_form form;
		const char *member;
	} cases[] = {
		{ "staff-bounces@l.x", VERP_NONE, NULL },
		{ "staff-bounces+@l.x", VERP_NONE, NULL },
		{ "staff-bounces+what@l.x", VERP_NONE, NULL },
		{ "staff-bouncesx@l.x", VERP_NONE, NULL },
		{ "staff@l.x", VERP_NONE, NULL },
		{ "staff-bounces+bob=example.com@l.x", VERP_HINT, "bob@example.com" },
		/* C194 */
		{ "staff-bounces+joe+tag=y.org@l.x", VERP_HINT, "joe+tag@y.org" },
		{ "staff-bounces+weird=a=z.org@l.x", VERP_HINT, "weird=a@z.org" },
		{ "staff-bounces+=z.org@l.x", VERP_NONE, NULL },
		{ "staff-bounces+bob=@l.x", VERP_NONE, NULL },
		{ "staff-bounces+bob=z..org@l.x", VERP_NONE, NULL },
		/* A post, no line, a mark; a line with a leading zero, or one too large. */
		{ "staff-bounces+uegaozwgabcdefghijklmnop@l.x", VERP_NONE, NULL },
		{ "staff-bounces+uegaozwgaaabcdefghijklmnop@l.x", VERP_NONE, NULL },
		{ "staff-bounces+uegaozwg7777777abcdefghijklmnop@l.x", VERP_NONE, NULL },
		{ "staff-bounces+uegaozwgbaaaaaaaabcdefghijklmnop@l.x", VERP_NONE, NULL },
		{ "staff-bounces+uegaozwgaabcdefghijklmnop@l.x", VERP_FALSE, NULL },
		{ "staff-bounces+uegaozwg1abcdefghijklmnop@l.x", VERP_NONE, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct verp v;

		verp_read(*state, cases[i].address, list, &v);
		same_number(cases[i].address, v.form, cases[i].form);
		same_text(cases[i].address, v.member, cases[i].member);
		verp_free(&v);
	}
}

static void
original_recipients(void **state)
{
	static const struct {
		const char *address, *want;
	} cases[] = {
		{ "ann@example.com", " ORCPT=rfc822;ann@example.com" },
		{ "a+b=c@x", " ORCPT=rfc822;a+2Bb+3Dc@x" },
		{ "\"a b\"@x", " ORCPT=rfc822;\"a+20b\"@x" },
		{ "gr\xc3\xb6sse+\\@x", " ORCPT=utf-8;gr\\x{F6}sse\\x{2B}\\x{5C}@x" },
		{ "a\tb@x", "" },
		{ "a\x7f@x", "" },
		{ "gr\xc3@x", "" },
		{ "", "" },
	};
	struct bytes out = { 0 }, longest = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		out.length = 0;
		xtext_add_orcpt(&out, cases[i].address, strlen(cases[i].address));
		bytes_add_char(&out, '\0');
		same_text(cases[i].address, out.data, cases[i].want);
	}
	for (size_t i = 0; i < 493; i++)
		bytes_add_char(&longest, 'a');
	for (int more = 0; more < 2; more++) {
		out.length = 0;
		xtext_add_orcpt(&out, longest.data, longest.length);
		same_number("500 octets", (long long)out.length, more == 0 ? 507 : 0);
		bytes_add_char(&longest, 'a');
	}
	bytes_free(&out);
	bytes_free(&longest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(whatever_case),
		cmocka_unit_test(quoted),
		cmocka_unit_test(forged),
		cmocka_unit_test(retired),
		cmocka_unit_test(too_long),
		cmocka_unit_test(other_forms),
		cmocka_unit_test(original_recipients),
	};

	return cmocka_run_group_tests(tests, begin_keys, end_keys);
}
