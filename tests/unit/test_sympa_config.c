/* Configurations of Sympa's lists. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/sympa_config.h"

static int
note(void *arg, const struct sympa_parameter *p, struct complaint *why)
{
	for (size_t i = 0; i < p->count; i++)
		bytes_format(arg, "%zu:%s=%s;", p->lines[i].number, p->lines[i].name, p->lines[i].value);
	bytes_add_char(arg, '|');
	return sympa_value(p, "stop") == NULL ? 0 : complain(why, "stop in %zu", sympa_number(p, "stop"));
}

static void
what_is_read(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "\n \n\t\r\n", "" },
		{ "subject All of us", "1:subject=All of us;|" },
		{ "# x\nsubject \t  a  \r\n\r\n\r\nttl 1\r\n", "2:subject=a;|5:ttl=1;|" },
		{ "owner\n  email a@x\n# between\n\tprofile\n\nttl 1\n", "1:owner=;2:email=a@x;4:profile=;|6:ttl=1;|" },
		{ "title.gettext x\n", "1:title.gettext=x;|" },
		{ "owner\nemail a\nemail b\nstop 1\n\nttl 1\n", "stop in 4" },
		{ "ttl 1\nttl 2\n", "f:2: \"ttl 2\" stands behind \"ttl\", which has a value already: a blank line "
		                    "is missing" },
		{ "\n-x\n", "f:2: this is no line \"parameter value\"" },
		{ "a:b c\n", "f:1: this is no line \"parameter value\"" },
		{ "a \x1b\n", "f:1: not UTF-8, or a control character" },
		{ "a \xe4\n", "f:1: not UTF-8, or a control character" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes got = { 0 };
		struct complaint why;

		if (sympa_config_read("f", cases[i].text, strlen(cases[i].text), note, &got, &why) < 0) {
			bytes_clear(&got);
			bytes_add_text(&got, why.text);
		}
		same_text(cases[i].text, bytes_text(&got), cases[i].want);
		bytes_free(&got);
	}
}

static void
what_is_too_much(void **state)
{
	struct bytes text = { 0 }, got = { 0 };
	struct complaint why;

	(void)state;
	assert_int_equal(sympa_config_read("f", "a \0b\n", 5, note, &got, &why), -1);
	same_text("a NUL", why.text, "f:1: not UTF-8, or a control character");
	for (size_t i = 0; i < 1001; i++)
		bytes_add_text(&text, "owner\n");
	assert_int_equal(sympa_config_read("f", text.data, text.length, note, &got, &why), -1);
	same_text("lines", why.text, "f:1001: more than 1000 lines without a blank one");
	bytes_clear(&text);
	for (size_t i = 0; i < 16385; i++)
		bytes_add_char(&text, 'a');
	assert_int_equal(sympa_config_read("f", text.data, text.length - 1, note, &got, &why), 0);
	assert_int_equal(sympa_config_read("f", text.data, text.length, note, &got, &why), -1);
	same_text("a line", why.text, "f:1: a line of more than 16384 bytes");
	bytes_free(&text);
	bytes_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(what_is_too_much),
	};

	return RUN(tests);
}
