/* Texts with fields of the member and the post. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "mail/template.h"

static void
fields(void **state)
{
	static const char header[] = "Subject: Re: =?utf-8?Q?{member=2Elocal}=0Ax?=\r\nMessage-ID: <1@y>\r\n";
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ NULL, NULL },
		{ "", "" },
		{ "To {member.address}.\n", "To a&b@x.org.\n" },
		{ "{member.local}{member.domain}", "a&bx.org" },
		{ "https://x/?w={member.address}\n{member.address}", "https://x/?w=a%26b%40x.org\na&b@x.org" },
		{ "<mailto:{member.address}> {member.address}", "<mailto:a%26b%40x.org> a&b@x.org" },
		{ "{post.subject}", "Re: {member.local} x" },            /* it is not read again */
		{ "{post.message-id}{post.from} {member.", "<1@y> {member." },
		{ "{{member.local}}", "{a&b}" },
	};

	char *stays = template_fill("{member.local} {post.message-id}", header, strlen(header), NULL);

	(void)state;
	same_text("nobody yet", stays, "{member.local} <1@y>");
	free(stays);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = template_fill(cases[i].text, header, strlen(header), "a&b@x.org");

		if (cases[i].text != NULL)
			same_text(cases[i].text, got, cases[i].want);
		else
			assert_null(got);
		free(got);
	}
}

/* What people write has no bound; lines have. */
static void
long_values(void **state)
{
	char *header = mem_new(1020), *value = header + 9, *text = mem_new(901 + 16), *got;
	size_t length = 9 + 999 + 2;

	(void)state;
	memcpy(header, "Subject: x", 10);
	for (size_t i = 1; i < 999; i += 2)
		memcpy(value + i, "\xc3\xa4", 2);
	memcpy(value + 999, "\r\n", 2);
	got = template_fill("{post.subject}", header, length, NULL);
	same_number("whole characters", (long long)strlen(got), 199);
	free(got);
	memset(text, 'y', 800);
	memcpy(text + 800, "{post.subject}!", 16);
	got = template_fill(text, header, length, NULL);
	assert_int_equal(got[800], '\n');
	same_number("in the next line", (long long)strlen(got), 800 + 1 + 199 + 1);
	free(got);
	free(text);
	free(header);
}

static void
checks(void **state)
{
	static const struct {
		const char *text, *want;         /* NULL: it is right */
		bool personal;
	} cases[] = {
		{ "a {b} {local} {member} {}", NULL, false },
		{ "{post.subject}", NULL, false },
		{ "{post.subject} {member.domain}", NULL, true },
		{ "{member.adress}", "did you mean {member.address}?", false },
		{ "{post.}", "there is no field {post.}", false },
		{ "{member.address", "there is no field {member.address", false },
	};

	(void)state;
	assert_false(template_is_personal(NULL));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why = { "" };
		int rc = template_check(cases[i].text, &why);

		same_number(cases[i].text, rc, cases[i].want == NULL ? 0 : -1);
		if (rc < 0 && strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].text, why.text);
		same_number(cases[i].text, template_is_personal(cases[i].text), cases[i].personal);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(long_values),
		cmocka_unit_test(checks),
	};

	return RUN(tests);
}
