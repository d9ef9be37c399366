/* Headers: fields, traces of the way, automatic replies. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "mail/automatic.h"
#include "mail/header.h"
#include "mail/trace.h"

static void
fields(void **state)
{
	static const char text[] = "From: a@x\r\nSubject: one\r\n two\r\n\tthree\r\nEmpty:\r\nOdd : x\r\n"
	                           "Bcc:(a (b) \"c\") \"q (r)\" (z\\)) w\r\n\r\nBody: no\r\n";
	static const char *const want[] = { "From=a@x", "Subject=one two three", "Empty=", "Odd=x",
		                            "Bcc=(a (b) \"c\") \"q (r)\" (z\\)) w" };
	struct bytes value = { 0 };
	struct field f;
	size_t at = 0, n = 0;

	(void)state;
	while (header_next(text, sizeof(text) - 1, &at, &f)) {
		bytes_clear(&value);
		bytes_format(&value, "%.*s=", (int)f.name_length, f.name);
		struct bytes unfolded = { 0 };
		field_unfold(&f, &unfolded);
		bytes_add_text(&value, bytes_text(&unfolded));
		same_text("field", value.data, want[n++]);
		bytes_free(&unfolded);
	}
	assert_int_equal(n, 5);
	same_text("behind", text + at, "\r\nBody: no\r\n");
	assert_int_equal(header_length(text, sizeof(text) - 1), at);
	assert_true(header_find(text, sizeof(text) - 1, "bcc", &f));
	bytes_clear(&value);
	field_words(&f, &value);
	same_text("words", value.data, "\"q (r)\"  w");
	assert_false(header_find(text, sizeof(text) - 1, "body", &f));
	bytes_free(&value);
}

/* A field's value and its words, both on one line. */
static void
odd_values(void **state)
{
	static const struct {
		const char *field;
		size_t length;
		const char *value, *words;
	} cases[] = {
		{ "X: \0a\0\r\n", 8, "a", "a" },
		{ "X: \"\\\r\n \"(b)\r\n", 15, "\"\\ \"(b)", "\"\\ \"" },
		{ "X: \"\\\r\"(b)\" c\r\n", 16, "\"\\\"(b)\" c", "\"\\\"(b)\" c" },
		{ "X: (a) b", 8, "(a) b", "b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes value = { 0 }, words = { 0 };
		struct field f;
		size_t at = 0;

		assert_true(header_next(cases[i].field, cases[i].length, &at, &f));
		field_unfold(&f, &value);
		field_words(&f, &words);
		same_text(cases[i].value, value.data, cases[i].value);
		same_text(cases[i].value, words.data, cases[i].words);
		bytes_free(&value);
		bytes_free(&words);
	}
}

/* C270: a line of an mbox before the header is skipped. */
static void
odd_headers(void **state)
{
	static const struct {
		const char *text;
		size_t want;
	} cases[] = {
		{ "", 0 },
		{ "\r\nbody\r\n", 0 },
		{ "no field\r\nFrom: x\r\n", 0 },
		{ "From: x\r\nno field\r\nTo: y\r\n", 9 },
		{ "From x Sat Nov 21\r\nFrom: x\r\n\r\n", 28 },
		{ "From: x", 7 },
		{ "From: x\n y\nTo: z\n\n", 17 },
		{ ": x\r\n", 0 },
		{ " From: x\r\n", 0 },
		{ "A:\r\n\r\n", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].text, (long long)header_length(cases[i].text, strlen(cases[i].text)),
		            (long long)cases[i].want);
}

static void
loops(void **state)
{
	static const struct {
		const char *what, *header;
		bool want;
	} cases[] = {
		{ "C001: our List-Post", "List-Post: <mailto:staff@l.x>\r\n", true },
		{ "C002: the second of three",
		  "List-Post: <mailto:a@l.x>\r\nList-Post: <mailto:STAFF@L.X>\r\nList-Post: NO\r\n", true },
		{ "C003: another list's", "List-Post: <mailto:stuff@l.x>\r\n", false },
		{ "several in one", "List-Post: <https://x/>, <mailto:staff@l.x>\r\n", true },
		{ "folded", "List-Post:\r\n <mailto:staff@l.x>\r\n", true },
		{ "our List-Id", "List-Id: Staff (all) <staff.l.x>\r\n", true },
		{ "bare List-Id", "List-Id: staff.l.x\r\n", true },
		{ "a List-Id with ours in its phrase", "List-Id: \"staff.l.x\" <other.l.x>\r\n", false },
		{ "C015: only our trace is left",
		  "Received: from b by c with SMTP; x\r\nReceived: from mx by h (rollcall) with LMTP\r\n"
		  "\tid abc for <staff@l.x>;\r\n\tSat, 21 Nov 2026 12:00:00 +0000\r\n",
		  true },
		{ "our trace for another list",
		  "Received: from mx by h (rollcall) with LMTP id abc for <stuff@l.x>; x\r\n", false },
		{ "somebody else's trace for us",
		  "Received: from mx by h (Postfix) with ESMTP id abc for <staff@l.x>; x\r\n", false },
		{ "in the body", "\r\nList-Post: <mailto:staff@l.x>\r\n", false },
		{ "nothing", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].what,
		            trace_passed(cases[i].header, strlen(cases[i].header), "staff@l.x"),
		            cases[i].want);
}

static void
our_own_trace_is_known_again(void **state)
{
	struct bytes out = { 0 };

	(void)state;
	trace_received(&out, "mx.x", "mail.x", "abc", "staff-owner@l.x", 1795262400000);
	same_text("field", out.data,
	          "Received: from mx.x by mail.x (rollcall) with LMTP\r\n\tid abc for "
	          "<staff-owner@l.x>;\r\n\tSat, 21 Nov 2026 12:00:00 +0000\r\n");
	assert_true(trace_passed(out.data, out.length, "staff-owner@l.x"));
	assert_false(trace_passed(out.data, out.length, "staff@l.x"));
	assert_int_equal(trace_hops(out.data, out.length), 1);
	bytes_clear(&out);
	trace_received(&out, NULL, "mail.x", "abc", "\"a>b\"@l.x", 0);
	assert_true(trace_passed(out.data, out.length, "\"a>b\"@l.x"));
	bytes_free(&out);
}

static void
queue_ids(void **state)
{
	static const struct {
		const char *header, *want;
	} cases[] = {
		{ "Received: from a (b [1.2.3.4])\r\n\tby c (Postfix) with ESMTP id 4Xn5bT2k;\r\n\tSat\r\n",
		  "4Xn5bT2k" },
		{ "Received: by c (Postfix, from userid 0)\r\n\tid 93BFAA72315; Sat\r\n", "93BFAA72315" },
		{ "Received: from x by y (8.17.1.9/8.17.1.9) with ESMTP id 5ALMtuQo012345\r\n\tfor <a@b>; Sat\r\n",
		  "5ALMtuQo012345" },
		{ "Received: from x by y; Sat\r\n", NULL },
		{ "Received: from x (a id 7) by y; Sat\r\n", NULL },
		{ "Received: by y id <a@b>; Sat\r\n", NULL },
		{ "Subject: id 5\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char id[32] = "";
		bool found = trace_queue_id(cases[i].header, strlen(cases[i].header), id, sizeof(id));

		same_text(cases[i].header, found ? id : NULL, cases[i].want);
	}
}

static void
automatic(void **state)
{
	static const struct {
		const char *header, *want;
	} cases[] = {
		{ "Auto-Submitted: auto-replied\r\n", "Auto-Submitted" },
		{ "Auto-Submitted: (x) Auto-Replied (vacation); owner=x\r\n", "Auto-Submitted" },
		{ "Auto-Submitted: no\r\n", NULL },
		{ "Auto-Submitted: auto-generated\r\n", NULL },
		{ "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n", NULL },
		{ "X-Autoreply: yes\r\n", "X-Autoreply" },
		{ "X-Autoreply: no\r\n", NULL },
		{ "X-Autorespond: vacation\r\n", "X-Autorespond" },
		{ "Precedence: auto_reply\r\n", "Precedence" },
		{ "Precedence: bulk\r\n", NULL },
		{ "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n",
		  "Content-Type" },
		{ "Content-Type: multipart/report;\r\n\treport-type=\"disposition-notification\"\r\n",
		  "Content-Type" },
		{ "Content-Type: multipart/report; report-type=feedback-report\r\n", NULL },
		{ "Content-Type: text/plain\r\nSubject: Auto-Submitted: auto-replied\r\n", NULL },
		{ "\r\nAuto-Submitted: auto-replied\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_text(cases[i].header, automatic_reply(cases[i].header, strlen(cases[i].header)),
		          cases[i].want);
}

static void
values_that_are_text(void **state)
{
	static const struct {
		const char *value;
		size_t length;
		const char *want;
	} cases[] = {
		{ " a\r\n\tb \r\n", 9, "a\r\n\tb" },
		{ " \xc3\xa4", 3, "\xc3\xa4" },
		{ " \xe4", 2, NULL },
		{ " a\0b", 4, NULL },
		{ "\0", 1, NULL },
		{ " a\x1b[m", 5, NULL },
		{ " \t ", 3, NULL },
		{ "", 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct field f = { .value = cases[i].value, .value_length = cases[i].length };
		struct bytes out = { 0 };
		bool text = field_text(&f, &out);

		same_text(cases[i].value, text ? bytes_text(&out) : NULL, cases[i].want);
		assert_true(text || out.length == 0);
		bytes_free(&out);
	}
}

/* Which of what came with SMTPUTF8 needs it. */
static void
letters_that_need_smtputf8(void **state)
{
	static const char plain[] = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
	static const char parts[] = "CONTENT-TYPE: (of)\r\n\tMultipart/mixed; boundary=b\r\n\r\n";
	static const char within[] = "Content-Type: message/rfc822\r\n\r\n";
	static const char letters[] = "Subject: \xc3\xa4\r\n\r\n";

	(void)state;
	assert_false(header_needs_utf8(plain, strlen(plain), false));
	assert_false(header_needs_utf8(plain, strlen(plain), true));
	assert_false(header_needs_utf8(parts, strlen(parts), false));
	assert_true(header_needs_utf8(parts, strlen(parts), true));
	assert_true(header_needs_utf8(within, strlen(within), true));
	assert_true(header_needs_utf8(letters, strlen(letters), false));
	assert_false(header_needs_utf8("", 0, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),    cmocka_unit_test(odd_values),
		cmocka_unit_test(loops),     cmocka_unit_test(our_own_trace_is_known_again),
		cmocka_unit_test(queue_ids), cmocka_unit_test(automatic),
		cmocka_unit_test(odd_headers), cmocka_unit_test(values_that_are_text),
		cmocka_unit_test(letters_that_need_smtputf8),
	};

	return RUN(tests);
}
