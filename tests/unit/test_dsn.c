/* Reports, phrases and dates. */
#include "tests/unit/unit.h"

#include "mail/date.h"
#include "mail/dsn.h"
#include "mail/held_notice.h"
#include "mail/phrase.h"

static void
phrases(void **state)
{
	static const struct {
		const char *given, *want;
	} cases[] = {
		{ "Engineering", "\"Engineering\"" },
		{ "The \"best\" \\ team", "\"The \\\"best\\\" \\\\ team\"" },
		{ "  one\r\n two\t\x7f three  ", "\"one  two  three\"" },
		{ "", "" },
		{ "\n", "" },
		{ "Gr\xc3\xb6\xc3\x9f" "e a+b", "=?utf-8?Q?Gr=C3=B6=C3=9Fe_a=2Bb?=" },
		{ "\xff", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes out = { 0 };

		phrase_add(&out, cases[i].given, 100);
		same_text(cases[i].given, bytes_text(&out), cases[i].want);
		bytes_free(&out);
	}
}

static void
long_phrases_are_folded_and_cut(void **state)
{
	char text[2001] = "";
	struct bytes out = { 0 };
	size_t words = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		memcpy(text + i * 2, "\xc3\xb6", 3);
	phrase_add(&out, text, 100);
	for (char *line = strtok(out.data, "\r\n"); line != NULL; line = strtok(NULL, "\r\n"), words++) {
		line += *line == ' ';
		assert_true(strlen(line) <= 75);
		assert_memory_equal(line, "=?utf-8?Q?", 10);
		assert_memory_equal(line + strlen(line) - 2, "?=", 2);
	}
	assert_true(words > 5);
	bytes_free(&out);
}

static void
dates(void **state)
{
	char text[DATE_SIZE];

	(void)state;
	date_format(0, text);
	same_text("epoch", text, "Thu, 01 Jan 1970 00:00:00 +0000");
	date_format(1709164799999, text);
	same_text("leap day", text, "Wed, 28 Feb 2024 23:59:59 +0000");
}

static void
failure(void *arg, size_t i, struct dsn_failure *f)
{
	(void)arg;
	*f = i == 0 ? (struct dsn_failure){ "bob@x.org", 9, 550, "550 5.1.1 no\r\nsuch user" }
	            : (struct dsn_failure){ "j\xc3\xb6rg@x.org", 11, 0, "connection lost" };
}

static void
a_report(void **state)
{
	static const char header[] = "From: Ann <ann@x.org>\r\nrollcall-stamp: aaaa\r\n\tbbbb\r\nSubject: Hello\r\n\r\nits content\r\n";
	struct dsn d = { .hostname = "mail.x", .id = "abc", .list = "staff@l.x", .to = "staff-owner@l.x",
		         .arrived = 1795262400000, .now = 1795262460000, .members = 10, .sent = 8,
		         .failures = 2, .failure = failure, .header = header,
		         .header_length = sizeof(header) - 1 };
	struct bytes out = { 0 }, again = { 0 };

	(void)state;
	dsn_print(&d, &out);
	dsn_print(&d, &again);
	same_text("the same twice", out.data, again.data);
	assert_non_null(strstr(out.data, "was sent to 8 of 10 members.\r\n"));
	assert_non_null(strstr(out.data, "    bob@x.org\r\n        550 5.1.1 no  such user\r\n"));
	assert_non_null(strstr(out.data, "Final-Recipient: rfc822; bob@x.org\r\nAction: failed\r\n"
	                                 "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1"));
	assert_non_null(strstr(out.data, "Final-Recipient: utf-8; j\xc3\xb6rg@x.org\r\nAction: failed\r\n"
	                                 "Status: 4.0.0\r\n\r\n--"));
	assert_non_null(strstr(out.data, "Content-Type: text/rfc822-headers\r\n"));
	assert_null(strstr(out.data, "rollcall-stamp"));
	assert_null(strstr(out.data, "bbbb"));
	assert_null(strstr(out.data, "its content"));
	assert_non_null(strstr(out.data, "\r\n--=_abc--\r\n"));
	for (const char *p = out.data; (p = strchr(p, '\n')) != NULL; p++)
		assert_int_equal(p[-1], '\r');
	d.sent = 0;
	d.failures = 0;
	d.reason = "the directory\ndoes not answer";
	bytes_clear(&out);
	dsn_print(&d, &out);
	assert_non_null(strstr(out.data, "was sent to nobody.\r\nIt has been given up: the directory does "
	                                 "not answer\r\n"));
	bytes_free(&out);
	bytes_free(&again);
}

static void
notices(void **state)
{
	static const char post[] = "From: Ann <ann@x.org>\r\nRollcall-Stamp: aaaa\r\n\tbbbb\r\n"
	                           "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nits content\r\n";
	struct held_notice n = { .kind = NOTICE_HELD, .hostname = "mail.x", .id = "abc", .list = "staff@l.x",
		            .to = "staff-owner@l.x", .reason = "max-size: 12\r\nMB", .now = 1795262460000,
		            .arrived = 1795262400000, .keep = 86400000, .last = true, .post = post,
		            .post_length = sizeof(post) - 1 };
	struct bytes out = { 0 }, big = { 0 };

	(void)state;
	held_notice_print(&n, &out);
	assert_non_null(strstr(out.data, "Auto-Submitted: auto-generated\r\n"));
	assert_non_null(strstr(out.data, "    Subject: Gr\xc3\xbc\xc3\x9f" "e\r\n"));
	assert_non_null(strstr(out.data, "Why: max-size: 12  MB\r\n"));
	assert_non_null(strstr(out.data, "    rollcallctl accept abc\r\n"));
	assert_non_null(strstr(out.data, "thrown away about Sun, 22 Nov 2026"));
	assert_non_null(strstr(out.data, "last notice for this list today"));
	assert_non_null(strstr(out.data, "message/rfc822\r\n"));
	assert_non_null(strstr(out.data, "\r\n\r\nits content\r\n"));
	assert_null(strstr(out.data, "Rollcall-Stamp"));
	assert_null(strstr(out.data, "bbbb"));
	for (const char *p = out.data; (p = strchr(p, '\n')) != NULL; p++)
		assert_int_equal(p[-1], '\r');
	/* Of a long one the header; of one that is not to be had, nothing. */
	bytes_add(&big, post, sizeof(post) - 1);
	for (size_t i = 0; i < 2000; i++)
		bytes_add_text(&big, "a line that stands there again and again\r\n");
	n.post = big.data;
	n.post_length = big.length;
	bytes_clear(&out);
	held_notice_print(&n, &out);
	assert_non_null(strstr(out.data, "text/rfc822-headers\r\n"));
	assert_null(strstr(out.data, "again and again"));
	n.post = "";
	n.post_length = 0;
	n.kind = NOTICE_REJECTED;
	n.reason = NULL;
	bytes_clear(&out);
	held_notice_print(&n, &out);
	assert_non_null(strstr(out.data, "has not let it go"));
	assert_null(strstr(out.data, "They say"));
	n.kind = NOTICE_EXPIRED;
	bytes_clear(&out);
	held_notice_print(&n, &out);
	assert_non_null(strstr(out.data, "in time. It was thrown away"));
	/* A field is cut between characters. */
	bytes_clear(&out);
	held_notice_field(post, sizeof(post) - 1, "Subject", 3, &out);
	same_text("cut", bytes_text(&out), "Gr");
	bytes_free(&out);
	bytes_free(&big);
}

/* Replies may name somebody; so may reasons that come from a directory. */
static void
a_report_that_names_nobody(void **state)
{
	struct dsn d = { .hostname = "mail.x", .id = "abc", .list = "staff@l.x", .to = "staff-owner@l.x",
		         .members = 10, .sent = 7, .failures = 3, .failure = failure, .header = "",
		         .anonymous = true, .reason = "450 4.2.1 <bob@x.org>: bob is busy" };
	struct bytes out = { 0 };

	(void)state;
	dsn_print(&d, &out);
	assert_non_null(strstr(out.data, "was sent to 7 of 10 members.\r\nIt has been given up: 450 4.2.1\r\n"));
	assert_non_null(strstr(out.data, "    1 member: 550 5.1.1\r\n    2 members: no reply\r\n"));
	assert_non_null(strstr(out.data, "Final-Recipient: rfc822; staff@l.x\r\nAction: failed\r\n"
	                                 "Status: 5.1.1\r\n\r\n--"));
	assert_null(strstr(out.data, "bob"));
	assert_null(strstr(out.data, "rg@x"));
	bytes_clear(&out);
	d.reason = "member uid=bob,dc=x of staff@l.x does not exist";
	dsn_print(&d, &out);
	assert_non_null(strstr(out.data, "given up: member *** of *** does not exist\r\n"));
	bytes_free(&out);
}

/* More kinds of replies than anybody wants to read. */
static void
many_codes(void *arg, size_t i, struct dsn_failure *f)
{
	char *text = arg;

	(void)snprintf(text, 16, "550 5.1.%zu no", i);
	*f = (struct dsn_failure){ "bob@x.org", 9, 550, text };
}

static void
a_report_of_many_codes(void **state)
{
	char text[16];
	struct dsn d = { .hostname = "mail.x", .id = "abc", .list = "staff@l.x", .to = "staff-owner@l.x",
		         .failures = 50, .failure = many_codes, .arg = text, .header = "",
		         .anonymous = true };
	struct bytes out = { 0 };

	(void)state;
	dsn_print(&d, &out);
	assert_non_null(strstr(out.data, "    1 member: 550 5.1.18\r\n    31 members: other replies\r\n"));
	bytes_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phrases),
		cmocka_unit_test(long_phrases_are_folded_and_cut),
		cmocka_unit_test(dates),
		cmocka_unit_test(a_report),
		cmocka_unit_test(notices),
		cmocka_unit_test(a_report_that_names_nobody),
		cmocka_unit_test(a_report_of_many_codes),
	};

	return RUN(tests);
}
