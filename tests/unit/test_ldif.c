/* What directories export. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/ldif.h"

static int
note(void *arg, const struct ldif_entry *e, struct complaint *why)
{
	bytes_format(arg, "%zu:%s", e->line, e->dn);
	for (size_t i = 0; i < e->count; i++)
		bytes_format(arg, " %s=%s", e->values[i].name, e->values[i].text);
	bytes_add_char(arg, '|');
	return ldif_has(e, "CN", "Stop") ? complain(why, "%s", ldif_first(e, "cn")) : 0;
}

static void
what_is_read(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "version: 1\n\ndn: cn=a\ncn: a\nmail;lang-de: a@x\n\n\ndn:: Y249Yg==\ncn:  b\n",
		  "3:cn=a cn=a mail=a@x|8:cn=b cn=b|" },
		{ "# of today,\n  and more of that\r\ndn: cn=a,\r\n dc=x\r\ncn:: w6Q\r\n =\r\nsn:\r\n",
		  "3:cn=a,dc=x cn=\xc3\xa4 sn=|" },
		{ "dn: cn=a\nCn: stop\n\ndn: cn=b\n", "stop" },
		{ "cn: a\n", "f:1: an entry begins with its dn" },
		{ "dn: cn=a\nnothing\n", "f:2: this is no line \"attribute: value\"" },
		{ "dn: cn=a\n: x\n", "f:2: this is no line \"attribute: value\"" },
		{ "dn: cn=a\nchangetype: delete\n", "f:2: a change, and no entry" },
		{ "dn: cn=a\njpegPhoto:< file:///etc/passwd\n", "f:2: a value in another file is not read" },
		{ "dn: cn=a\ncn:: w6Q\n", "f:2: this is no base64" },
		{ "dn: cn=a\ncn:: w*Q=\n", "f:2: this is no base64" },
		{ "dn: cn=a\ncn:: AGE=\n", "f:2: a value with a NUL in it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes got = { 0 };
		struct complaint why;

		if (ldif_read("f", cases[i].text, strlen(cases[i].text), note, &got, &why) < 0) {
			bytes_clear(&got);
			bytes_add_text(&got, why.text);
		}
		same_text(cases[i].text, bytes_text(&got), cases[i].want);
		bytes_free(&got);
	}
}

static void
what_is_no_text(void **state)
{
	struct bytes got = { 0 };
	struct complaint why;

	(void)state;
	assert_int_equal(ldif_read("f", "dn: a\nb: \0\n", 11, note, &got, &why), -1);
	same_text("NUL", why.text, "f:2: a NUL byte: this is no LDIF");
	bytes_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_read), cmocka_unit_test(what_is_no_text) };

	return RUN(tests);
}
