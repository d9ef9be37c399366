/* Each policy by itself, and what they read headers with. */
#include "tests/unit/unit.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "mail/address.h"
#include "mail/encoded.h"
#include "mail/mailboxes.h"
#include "policies/admit.h"

static char *dir;

static struct site *
load(const char *check)
{
	const struct site_part none = { 0 };
	char *path = mem_format("%s/site.yaml", dir);
	char *text = mem_format("state: %s\nsources: { s: { kind: file, path: tests/fixtures/contract.json } }\n"
	                        "destinations: { a.example: { sources: s, check: [ \"posters\", %s ] } }\n", dir, check);
	struct complaint why;
	struct site *s;

	write_file(path, text);
	s = site_load(path, true, &none, &why);
	if (s == NULL)
		fail_msg("%s: %s", check, why.text);
	free(text);
	free(path);
	return s;
}

/* One policy, at one moment, with the facts changed by one field. */
static struct verdict
judge(const char *check, enum moment moment, struct facts f)
{
	struct site *s = load(check);
	struct list *l = list_new(mem_text("staff@a.example"), NULL, mem_text("k"), NULL);
	const struct target t = { &s->destinations[0], l, ROLE_POST, (char *)"all@a.example" };
	const struct terms terms = { .moment = moment, .facts = &f, .by = deadline_in(10000) };
	struct subject asked = admit_subject(&t);

	f.session = true;
	f.client = "192.0.2.1";
	f.trusted |= f.login == NULL;     /* posters is not asked about here */
	f.most_hops = 20;
	f.header_length = f.header == NULL ? 0 : strlen(f.header);
	inquiry_run(s->bulkheads, &terms, &asked, 1);
	subject_free(&asked);
	list_drop(&l);
	site_drop(&s);
	return asked.verdict;
}

static void
each(void **state)
{
	static const struct {
		const char *check;
		enum moment moment;
		struct facts facts;
		enum reply_id want;
	} cases[] = {
		{ "max-size: { limit: 2k }", MOMENT_RCPT, { .announced = 0 }, REPLY_NONE },
		{ "max-size: { limit: 2k }", MOMENT_RCPT, { .announced = 2048 }, REPLY_NONE },
		{ "max-size: { limit: 2k }", MOMENT_RCPT, { .announced = 2049 }, REPLY_TOO_BIG },
		{ "max-size: { limit: 2k }", MOMENT_END, { .header = "", .size = 2048 }, REPLY_NONE },
		{ "max-size: { limit: 2k }", MOMENT_END, { .header = "", .size = 2049 }, REPLY_TOO_BIG },
		{ "max-recipients: { limit: 3 }", MOMENT_DATA, { .recipients = 3 }, REPLY_NONE },
		{ "max-recipients: { limit: 3 }", MOMENT_DATA, { .recipients = 4 }, REPLY_TOO_MANY_TO },
		{ "require-tls", MOMENT_RCPT, { .login = "ann" }, REPLY_NEED_TLS },
		{ "require-tls", MOMENT_RCPT, { .login = "ann", .encrypted = true }, REPLY_NONE },
		{ "require-tls", MOMENT_RCPT, { .trusted = true }, REPLY_NONE },
		{ "require-tls: { networks: no }", MOMENT_RCPT, { .trusted = true }, REPLY_NEED_TLS },
		{ "authenticated", MOMENT_RCPT, { .trusted = true }, REPLY_NONE },
		{ "authenticated", MOMENT_RCPT, { .login = "ann" }, REPLY_NONE },
		{ "authenticated: { by: login }", MOMENT_RCPT, { .trusted = true }, REPLY_NEED_PROOF },
		{ "authenticated: { by: networks }", MOMENT_RCPT, { .login = "ann" }, REPLY_NEED_PROOF },
		{ "implicit-dest", MOMENT_END, { .header = "To: staff@a.example\r\n" }, REPLY_NONE },
		{ "implicit-dest", MOMENT_END, { .header = "Cc: x@y, <all@A.example>\r\n" }, REPLY_NONE },
		{ "implicit-dest", MOMENT_END, { .header = "Bcc: staff@a.example\r\n" }, REPLY_NOT_NAMED },
		{ "implicit-dest", MOMENT_END, { .header = "" }, REPLY_NOT_NAMED },
		{ "implicit-dest: { also: A@b.C }", MOMENT_END, { .header = "To: a@B.c\r\n" }, REPLY_NONE },
		{ "header-match: { fields: \"Subject: ^buy\" }", MOMENT_END,
		  { .header = "Subject: Buy now\r\n" }, REPLY_HEADER_MATCH },
		{ "header-match: { fields: \"Subject: ^buy\" }", MOMENT_END,
		  { .header = "Subject: a buyer\r\nX: buy\r\n" }, REPLY_NONE },
		{ "header-match: { fields: [ \"A: ^(a+)+$\", \"B: x\" ] }", MOMENT_END,
		  { .header = "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\n" }, REPLY_LATER },
		/* What is certain counts for more than what is not. */
		{ "header-match: { fields: [ \"A: ^(a+)+$\", \"B: x\" ] }", MOMENT_END,
		  { .header = "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\nB: x\r\n" }, REPLY_HEADER_MATCH },
		{ "auto-submitted: { generated: no }", MOMENT_END,
		  { .header = "Auto-Submitted: auto-generated (cron)\r\n" }, REPLY_AUTOMATIC },
		{ "auto-submitted: { generated: no }", MOMENT_END,
		  { .header = "Auto-Submitted: no\r\n" }, REPLY_NONE },
		{ "auto-submitted", MOMENT_END, { .header = "Auto-Submitted: auto-generated\r\n" }, REPLY_NONE },
		{ "auto-submitted", MOMENT_END, { .header = "Auto-Submitted: auto-replied\r\n" },
		  REPLY_AUTOMATIC },
		{ "loop: { hops: 5 }", MOMENT_END,
		  { .header = "Received: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\n" },
		  REPLY_NONE },
		{ "loop: { hops: 5 }", MOMENT_END,
		  { .header = "Received: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\n"
		              "Received: a\r\n" }, REPLY_LOOP },
		{ "loop", MOMENT_END, { .header = "List-Id: <staff.a.example>\r\n" }, REPLY_LOOP },
		{ "fail: { answer: unsure, on_unsure: reject }", MOMENT_RCPT, { .trusted = true }, REPLY_UNCHECKED },
		{ "fail: { answer: unsure }", MOMENT_RCPT, { .trusted = true }, REPLY_LATER },
		{ "fail: { on_fail: defer }", MOMENT_RCPT, { .trusted = true }, REPLY_LATER },
		{ "fail: { at: data }", MOMENT_RCPT, { .trusted = true }, REPLY_NONE },
		{ "fail: { at: data }", MOMENT_DATA, { .trusted = true }, REPLY_MAY_NOT_POST },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct verdict v = judge(cases[i].check, cases[i].moment, cases[i].facts);
		char *what = mem_format("%zu %s: %s", i, cases[i].check, v.reason);

		same_number(what, v.reply, cases[i].want);
		free(what);
	}
}

/* ---- addresses in fields ---- */

static void
who_is_named(void **state)
{
	static const struct {
		const char *value;
		bool want;
	} cases[] = {
		{ "staff@a.example", true },
		{ " staff@a.example\r\n", true },
		{ "<staff@a.example>", true },
		{ "Staff <staff@a.example>, Bob <bob@x.y>", true },
		{ "Bob <bob@x.y>,\r\n\tStaff <staff@a.example>", true },
		{ "STAFF@A.Example", true },
		{ "\"staff\"@a.example", true },
		{ "\"Doe, \\\"J\\\" <j>\" <staff@a.example>", true },
		{ "everybody: bob@x.y, staff@a.example;", true },
		{ "everybody: staff@a.example;, bob@x.y", true },
		{ "staff@a.example (the staff)", true },
		{ "", false },
		{ "undisclosed-recipients:;", false },
		{ "bob@x.y (staff@a.example)", false },
		{ "\"staff@a.example\" <bob@x.y>", false },
		{ "xstaff@a.example", false },
		{ "staff@a.example.com", false },
		{ "<staff@a.example", true },
		{ "staff@a.example>", false },
		{ "\"staff@a.example", false },
		{ "\\", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct field f = { .value = cases[i].value, .value_length = strlen(cases[i].value) };

		same_number(cases[i].value, mailboxes_have(&f, "staff@a.example"), cases[i].want);
	}
}

static void
encoded_words(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "=?utf-8?Q?gr=C3=BC=C3=9Fe?=", "gr\xc3\xbc\xc3\x9f" "e" },
		{ "=?ISO-8859-1?q?a_b=20c?= d", "a b c d" },
		{ "=?utf-8*en?B?w7xi?=er", "\xc3\xbc" "ber" },
		{ "=?utf-8?B?YQ==?=  =?utf-8?B?Yg==?= =?utf-8?b?Yw?=", "abc" },
		{ "x =?utf-8?B?YQ==?= y", "x a y" },
		{ "=?klingon?Q?a?=", "=?klingon?Q?a?=" },
		{ "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
		{ "=?utf-8?Q?=C3?=", "=?utf-8?Q?=C3?=" },
		{ "=?utf-8?Q?a", "=?utf-8?Q?a" },
		{ "=?utf-8?Q?" "?=", "" },
		{ "=?=?=?utf-8?Q?a?=", "=?=?a" },
		{ "=?", "=?" },
		{ "=?utf-8?Q?=4?=", "=4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes out = { 0 };

		encoded_read(&out, cases[i].value, strlen(cases[i].value));
		same_text(cases[i].value, bytes_text(&out), cases[i].want);
		bytes_free(&out);
	}
}

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		enum matched want;
	} cases[] = {
		{ "b.d", "ABCDE", MATCHED_YES },
		{ "^b", "abc", MATCHED_NO },
		{ "gr\xc3\xbc\xc3\x9f", "GR\xc3\x9c\xc3\x9f" "E", MATCHED_YES },
		{ "b", "a\xff" "b", MATCHED_YES },
		{ "a.b", "a\xff" "b", MATCHED_NO },
		{ "^(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", MATCHED_UNSURE },
	};
	struct complaint why;
	char *endless = mem_resize(NULL, 2001);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pattern *p = pattern_open(cases[i].pattern, &why);

		assert_non_null(p);
		same_number(cases[i].pattern, pattern_matches(p, cases[i].text, strlen(cases[i].text)),
		            cases[i].want);
		pattern_close(&p);
	}
	memset(endless, 'x', 2000);
	endless[2000] = '\0';
	assert_null(pattern_open(endless, &why));
	assert_null(pattern_open("a\\Cb", &why));
	free(endless);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(who_is_named),
		cmocka_unit_test(encoded_words),
		cmocka_unit_test(patterns),
	};
	struct complaint why;
	int failed;

	(void)log_open("test", "stderr", LEVEL_ERROR, &why);
	dir = strdup(make_temp_dir());
	failed = RUN(tests);
	remove_temp_dir(dir);
	free(dir);
	return failed;
}
