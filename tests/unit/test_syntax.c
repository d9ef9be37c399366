/* The grammar of SMTP. */
#include "tests/unit/unit.h"

#include "mail/syntax.h"

static struct slice
slice(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static void
same_slice(const char *what, struct slice got, const char *want)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%.*s", (int)got.length, got.at);
	same_text(what, text, want);
}

static void
verbs(void **state)
{
	static const struct {
		const char *line;
		enum verb want;
		const char *argument;
	} cases[] = {
		{ "LHLO a.b", VERB_LHLO, "a.b" },
		{ "mail FROM:<a@b>  SIZE=3 ", VERB_MAIL, "FROM:<a@b>  SIZE=3" },
		{ "data", VERB_DATA, "" },
		{ "DATA x", VERB_DATA, "x" },
		{ "MAILFROM:<a@b>", VERB_OTHER, "" },
		{ "", VERB_OTHER, "" },
		{ "EHLO x", VERB_OTHER, "x" },
		{ "QUIT", VERB_QUIT, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice argument;

		same_number(cases[i].line, syntax_verb(cases[i].line, strlen(cases[i].line), &argument),
		            cases[i].want);
		if (cases[i].want != VERB_OTHER)
			same_slice(cases[i].line, argument, cases[i].argument);
	}
}

static void
paths(void **state)
{
	static const struct {
		const char *argument, *path, *rest;    /* path NULL: refused */
	} cases[] = {
		{ "FROM:<a@b>", "a@b", "" },
		{ "from:<a@b> SIZE=3 BODY=8BITMIME", "a@b", "SIZE=3 BODY=8BITMIME" },
		{ "FROM:<>", "", "" },
		{ "FROM: <a@b>", "a@b", "" },
		{ "FROM:<@r1,@r2:a@b>", "a@b", "" },
		{ "FROM:<\"a>b\"@c>", "\"a>b\"@c", "" },
		{ "FROM:<\"a\\\">b\"@c> X=1", "\"a\\\">b\"@c", "X=1" },
		{ "FROM:<@r1:>", NULL, NULL },
		{ "FROM:<@\"r:a@b>\">", "@\"r:a@b>\"", "" },
		{ "FROM:a@b", NULL, NULL },
		{ "FROM:<a@b", NULL, NULL },
		{ "FROM:<a@b>SIZE=3", NULL, NULL },
		{ "TO:<a@b>", NULL, NULL },
		{ "FROM", NULL, NULL },
		{ "FROM:", NULL, NULL },
		{ "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice path, rest;
		bool ok = syntax_path(slice(cases[i].argument), "FROM", &path, &rest);

		same_number(cases[i].argument, ok, cases[i].path != NULL);
		if (ok) {
			same_slice(cases[i].argument, path, cases[i].path);
			same_slice(cases[i].argument, rest, cases[i].rest);
		}
	}
}

static void
parameters(void **state)
{
	struct slice rest = slice("SIZE=30 SMTPUTF8  body=8bitmime BAD= =x X.Y=1"), key, value;
	long long n;

	(void)state;
	assert_true(syntax_parameter(&rest, &key, &value));
	assert_true(slice_is(key, "size"));
	assert_true(slice_number(value, &n));
	assert_int_equal(n, 30);
	assert_true(syntax_parameter(&rest, &key, &value));
	assert_true(slice_is(key, "SMTPUTF8"));
	assert_int_equal(value.length, 0);
	assert_true(syntax_parameter(&rest, &key, &value));
	assert_true(slice_is(value, "8BITMIME"));
	for (int i = 0; i < 3; i++) {
		assert_true(syntax_parameter(&rest, &key, &value));
		assert_int_equal(key.length, 0);
	}
	assert_false(syntax_parameter(&rest, &key, &value));
	assert_false(slice_number(slice("99999999999999999999"), &n));
	assert_false(slice_number(slice("1x"), &n));
	assert_false(slice_number(slice(""), &n));
}

static void
replies(void **state)
{
	static const struct {
		const char *line;
		int code;                      /* 0: none */
		bool more;
		const char *text, *enhanced;
	} cases[] = {
		{ "250 2.1.5 Ok", 250, false, "2.1.5 Ok", "2.1.5" },
		{ "250-SIZE 1000", 250, true, "SIZE 1000", "" },
		{ "250", 250, false, "", "" },
		{ "452 4.5.3 too many", 452, false, "4.5.3 too many", "4.5.3" },
		{ "550 no.such.user", 550, false, "no.such.user", "" },
		{ "550 5..11 x", 550, false, "5..11 x", "" },
		{ "550 51.1. x", 550, false, "51.1. x", "" },
		{ "550 5.1234.1 x", 550, false, "5.1234.1 x", "" },
		{ "550 5.1.1x", 550, false, "5.1.1x", "" },
		{ "550 5.123.456", 550, false, "5.123.456", "5.123.456" },
		{ "25", 0, false, "", "" },
		{ "25x ok", 0, false, "", "" },
		{ "2500 ok", 0, false, "", "" },
		{ "150 ok", 0, false, "", "" },
		{ "650 ok", 0, false, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct reply_line r;
		bool ok = syntax_reply(cases[i].line, strlen(cases[i].line), &r);

		same_number(cases[i].line, ok, cases[i].code != 0);
		if (!ok)
			continue;
		same_number(cases[i].line, r.code, cases[i].code);
		same_number(cases[i].line, r.more, cases[i].more);
		same_slice(cases[i].line, r.text, cases[i].text);
		same_slice(cases[i].line, syntax_enhanced(r.text), cases[i].enhanced);
	}
}

static void
brackets(void **state)
{
	(void)state;
	same_slice("with", syntax_unbracket("<a@b>"), "a@b");
	same_slice("without", syntax_unbracket("a@b"), "a@b");
	same_slice("null", syntax_unbracket("<>"), "");
	same_slice("half", syntax_unbracket("<a@b"), "<a@b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs),   cmocka_unit_test(paths),    cmocka_unit_test(parameters),
		cmocka_unit_test(replies), cmocka_unit_test(brackets),
	};

	return RUN(tests);
}
