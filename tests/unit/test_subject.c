/* The tag in subjects, and reading encoded words. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "mail/mime.h"
#include "mail/phrase.h"
#include "mail/subject.h"

static void
check(const char *tag, const char *header, const char *want)
{
	struct bytes out = { 0 };
	bool tagged = subject_tag(&out, tag, header, strlen(header));

	same_text(header, tagged ? bytes_text(&out) : NULL, want);
	assert_true(tagged || out.length == 0);
	bytes_free(&out);
}

static void
tags(void **state)
{
	static const struct {
		const char *header, *want;     /* NULL: stays as it is */
	} cases[] = {
		{ "Subject: Lunch\r\n", "[staff] Lunch" },
		{ "From: x\r\nsubject:Lunch\r\n", "[staff] Lunch" },
		{ "Subject: Re: Lunch\r\n", "[staff] Re: Lunch" },
		{ "Subject: [staff] Lunch\r\n", NULL },
		{ "Subject: Re: [staff] Lunch\r\n", NULL },
		{ "Subject: AW: Re:[STAFF] Lunch\r\n", NULL },
		{ "Subject: =?utf-8?q?Re=3A_=5Bstaff=5D_gr=C3=BCn?=\r\n", NULL },
		{ "Subject: =?iso-8859-1?B?UmU6IFtzdGFmZl0g/A==?=\r\n", NULL },
		{ "Subject: =?utf-8?q?Re=3A_=5Bst?=\r\n =?utf-8?q?aff=5D?=\r\n", NULL },
		{ "Subject: [other] [sta ff] Lunch\r\n", "[staff] [other] [sta ff] Lunch" },
		{ "Subject: =?utf-8?q?gr=C3=BCn?= =?utf-8?b?IQ==?=\r\n",
		  "[staff] =?utf-8?q?gr=C3=BCn?= =?utf-8?b?IQ==?=" },
		{ "Subject: =?x?q?broken\r\n", "[staff] =?x?q?broken" },
		{ "Subject: \xc3\xa4\r\n", "[staff] \xc3\xa4" },
		{ "Subject: \xe4\r\n", NULL },
		{ "Subject: a\x01" "b\r\n", NULL },
		{ "Subject: a\r\nSubject: b\r\n", NULL },
		{ "Subject:\r\n", "[staff]" },
		{ "Subject: \r\n \r\n", "[staff]" },
		{ "From: x\r\n", "[staff]" },
		{ "\r\nSubject: body\r\n", "[staff]" },
		/* What was folded stays folded; what gets too long is folded before it. */
		{ "Subject: One\r\n\ttwo\r\n", "[staff] One\r\n\ttwo" },
		{ "Subject: 12345678901234567890123456789012345678901234567890123456789012\r\n",
		  "[staff]\r\n 12345678901234567890123456789012345678901234567890123456789012" },
		{ "Subject: 1234567890123456789012345678901234567890123456789012345678901\r\n x\r\n",
		  "[staff] 1234567890123456789012345678901234567890123456789012345678901\r\n x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check("[staff]", cases[i].header, cases[i].want);
}

static void
tags_in_other_letters(void **state)
{
	static const char gruesse[] = "[Gr\xc3\xbc\xc3\x9f" "e]";

	(void)state;
	check(gruesse, "Subject: Lunch\r\n", "=?utf-8?Q?=5BGr=C3=BC=C3=9Fe=5D?= Lunch");
	/* Between two encoded words a blank is none. */
	check(gruesse, "Subject: =?utf-8?q?gr=C3=BCn?=\r\n",
	      "=?utf-8?Q?=5BGr=C3=BC=C3=9Fe=5D_?= =?utf-8?q?gr=C3=BCn?=");
	check(gruesse, "Subject: Re: =?utf-8?Q?=5BGr=C3=BC=C3=9Fe=5D?= Lunch\r\n", NULL);
	check(gruesse, "Subject: Re: =?iso-8859-1?Q?=5BGr=FC=DFe=5D?= Lunch\r\n", NULL);
	check(gruesse, "Subject:\r\n", "=?utf-8?Q?=5BGr=C3=BC=C3=9Fe=5D?=");
}

/* Nothing that the spool could not keep. */
static void
long_subjects(void **state)
{
	char *some = mem_format("Subject: %060000d\r\n", 1), *more = mem_format("Subject: %070000d\r\n", 1);
	char *want = mem_format("[staff]\r\n %060000d", 1);

	(void)state;
	check("[staff]", some, want);
	check("[staff]", more, NULL);
	free(some);
	free(more);
	free(want);
}

static void
decoding(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "plain", "plain" },
		{ "=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c" },
		{ "=?iso-8859-1?q?=E4?=", "\xc3\xa4" },
		{ "=?utf-8?b?4oKs?=", "\xe2\x82\xac" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = mime_decode(cases[i].value);

		same_text(cases[i].value, text, cases[i].want);
		free(text);
	}
}

static void
plain_text(void **state)
{
	(void)state;
	assert_true(phrase_is_plain("[a \xc3\xa4]"));
	assert_false(phrase_is_plain("a\r\nb"));
	assert_false(phrase_is_plain("a\x7f"));
	assert_false(phrase_is_plain("\xe4"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags),          cmocka_unit_test(tags_in_other_letters),
		cmocka_unit_test(long_subjects), cmocka_unit_test(decoding),
		cmocka_unit_test(plain_text),
	};

	return RUN(tests);
}
