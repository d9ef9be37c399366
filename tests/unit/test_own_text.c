/* What of a mail a person wrote himself. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "mail/mime.h"
#include "mail/own_text.h"

struct case_of {
	const char *text, *want;
};

static void
each(const struct case_of *cases, size_t count, bool html)
{
	for (size_t i = 0; i < count; i++) {
		struct bytes own = { 0 };

		assert_true(own_text(cases[i].text, html, 1000, &own));
		same_text(cases[i].text, bytes_text(&own), cases[i].want);
		bytes_free(&own);
	}
}

static void
plain(void **state)
{
	static const struct case_of cases[] = {
		{ "", "" },
		{ "\r\n\r\n", "" },
		{ "one", "one" },
		{ "  Dear  all,\r\n\r\n\tplease   stop.\r\n\xc2\xa0\r\n", "Dear all, please stop." },
		{ "one\n> two\n>three\n >four\nfive\n", "one five" },
		{ "one\n-- \nAnn\n", "one" },
		{ "one\n--\nAnn\n", "one" },
		{ "one\n-----Original Message-----\ntwo\n", "one" },
		{ "one\n\nVon: Bob\nGesendet: heute\n", "one" },
		/* The line before a quote, in whatever language, and on two lines. */
		{ "one\n\nAm 3.7. schrieb Bob:\n> two\n", "one" },
		{ "one\nAm 3.7. schrieb Bob:\n\n> two\n\nthree\n", "one three" },
		{ "one\n\nOn Mon, 3 July at 10:00, Bob <\nbob@x.example> wrote:\n\n> two\n", "one" },
		{ "one\nOn Mon, 3 July at 10:00, Bob <\nbob@x.example> wrote:\n> two\n", "one" },
		{ "one\nBob wrote:\n> two\n", "one" },
		{ "On 3 July\nBob wrote:\n> two\n> three:\n> four", "" },
		/* A colon introduces something else, and a quote nothing. */
		{ "one:\ntwo\n", "one: two" },
		{ "one\n> two\n> three\n", "one" },
		{ "one:\n\ntwo\n> three\n", "one: two" },
		{ "a\nb\nc\nd\n1\n2:\n> x", "a b c d 1" },
	};

	(void)state;
	each(cases, sizeof(cases) / sizeof(*cases), false);
}

static void
html(void **state)
{
	static const struct case_of cases[] = {
		{ "", "" },
		{ "<p>one</p>", "one" },
		{ "one<br>two <b>th</b>ree", "one two three" },
		{ "<html><head><title>t</title><STYLE>p { x }</style></head><body>one\r\ntwo</body>", "one two" },
		{ "<script>if (a < b) x()</script>one", "one" },
		{ "a<!-- <p> --> b", "a b" },
		{ "a &lt;b&gt; &amp; c&nbsp;d&#228;&#xDF;&euml;&#8364;&#128512;&", "a <b> & c d\xc3\xa4\xc3\x9f&euml;\xe2\x82\xac &" },
		{ "one<blockquote>two</blockquote>three", "one" },
		{ "one<div>On 3 July Bob wrote:</div><blockquote>two", "one" },
		{ "one<div class=\"gmail_quote\">two", "one" },
		{ "one<hr>two", "one" },
		{ "one<p", "one" },
		{ "one<!-- two", "one" },
		{ "one<style>two", "one" },
		{ "<", "" },
		{ "&", "&" },
		{ "&#;&#x;", "" },
	};

	(void)state;
	each(cases, sizeof(cases) / sizeof(*cases), true);
}

/* What is quoted does not count, however long. */
static void
long_texts(void **state)
{
	struct bytes own = { 0 };

	(void)state;
	assert_true(own_text("12345\n67890", false, 11, &own));
	bytes_clear(&own);
	assert_false(own_text("12345\n678901", false, 11, &own));
	bytes_clear(&own);
	assert_true(own_text("12345\n\nOn 3 July somebody wrote:\n> long\n", false, 5, &own));
	same_text("own", bytes_text(&own), "12345");
	bytes_free(&own);
}

static void
first_texts(void **state)
{
	static const struct {
		const char *message, *want;
		bool html;
	} cases[] = {
		{ "A: b\r\n\r\nhello\r\n", "hello\n", false },
		{ "Content-Type: text/html\r\n\r\n<p>", "<p>", true },
		{ "Content-Type: image/png\r\n\r\nx", NULL, false },
		{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b\r\n\r\nplain\r\n--b--\r\n",
		  "plain", false },
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\ninner\r\n--b--\r\n",
		  NULL, false },
		/* Cut off in the middle. */
		{ "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8gd29", "hello ", false },
		{ "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe4\r\n", "\xc3\xa4\n", false },
		{ "Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\naABpAA==", "hi", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes message = { 0 };
		bool is_html = false;
		char *got, *end;

		bytes_add_text(&message, cases[i].message);
		got = mime_first_text(&message, &is_html);
		for (end = got == NULL ? NULL : strchr(got, '\r'); end != NULL; end = strchr(end, '\r'))
			memmove(end, end + 1, strlen(end));
		same_text(cases[i].message, got, cases[i].want);
		if (got != NULL)
			same_number(cases[i].message, is_html, cases[i].html);
		free(got);
		bytes_free(&message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(html),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(first_texts),
	};

	return RUN(tests);
}
