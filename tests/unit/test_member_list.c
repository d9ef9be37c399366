/* Member lists as other programs print them. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "mail/member_list.h"

static void
note(void *arg, size_t line, const struct address *a, const char *why)
{
	bytes_format(arg, "%zu:%s|", line, a == NULL ? why : a->spelling);
}

static void
check(const char *text, size_t length, const char *column, const char *want)
{
	struct bytes got = { 0 };
	struct complaint why;

	if (member_list_read("f", text, length, column, note, &got, &why) < 0) {
		bytes_clear(&got);
		bytes_add_text(&got, why.text);
	}
	same_text(text, bytes_text(&got), want);
	bytes_free(&got);
}

static void
what_is_read(void **state)
{
	static const struct {
		const char *text, *column, *want;
	} cases[] = {
		/* Lines. */
		{ "", NULL, "" },
		{ "ann@x\nBob@X\n", NULL, "1:ann@x|2:Bob@X|" },
		{ "\xef\xbb\xbf" "ann@x\r\n\r\n  bob@x \r\ncarl@x", NULL, "1:ann@x|3:bob@x|4:carl@x|" },
		{ "# of today\nAnn <ann@x>\n\"Doe, J <j>\" <j@x>\n<k@x>\n", NULL, "2:ann@x|3:j@x|4:k@x|" },
		{ "ann\n", NULL, "1:\"ann\" is no mailbox address|" },
		{ "ann@x>\n", NULL, "1:\"x>\" is no domain|" },
		{ "ann@x, bob@x\n", NULL, "1:\"x, bob@x\" is no domain|" },
		{ "\"a,b\"@x\n", NULL, "1:\"a,b\"@x|" },
		/* CSV. */
		{ "Name,Mail\nAnn,ann@x\n\"Doe, \"\"J\"\"\nof X\",j@x\nno mail,\nshort\nB,\"b@x\"\n", "mail",
		  "2:ann@x|4:j@x|7:b@x|" },
		{ "#TYPE X\r\n\"Name\";\"PrimarySmtpAddress\"\r\n\"A\";\"A <a@x>\"\r\n", "primarysmtpaddress",
		  "3:a@x|" },
		{ "a@x\tA\nb@x\tB\n", "1", "1:a@x|2:b@x|" },
		{ "Mail\na@x\n", "Mail", "2:a@x|" },
		{ "Name,Mail\nAnn,ann@x", "mial", "f:1: there is no column \"mial\"" },
		{ "", "mail", "f:1: there is no column \"mail\"" },
		{ "Name,Mail\nAnn,\"ann@x\n", "mail", "f:2: a quoted field has no end" },
		{ "Name,Mail\nAnn,ann\n", "mail", "2:\"ann\" is no mailbox address|" },
		{ "a@x\n", "0", "" },
		/* mbox. */
		{ "From a Thu\nReturn-Path: <x@y>\nX-Original-To: ann@x\nDelivered-To: ann@h\nReceived: by h\n"
		  "To: staff@l\n\n>From here\nX-Original-To: no@x\n\nFrom b Thu\nDelivered-To: bob@x\n"
		  "Delivered-To: old@x\nReceived: by h\n\nx\n", NULL, "1:ann@x|11:bob@x|" },
		{ "From a\r\nEnvelope-to: a@x,\r\n \"b,c\"@x , d@x\r\nReceived: x\r\n\r\n", NULL,
		  "1:a@x|1:\"b,c\"@x|1:d@x|" },
		/* Of an earlier way: the list's own, as likely as not. */
		{ "From a\nReceived: by h\nX-Original-To: staff@l\nTo: ann@x\n\n", NULL,
		  "1:the post does not say whom it was delivered to|" },
		{ "From a\n\nFrom b\n", NULL, "1:the post does not say whom it was delivered to|"
		  "3:the post does not say whom it was delivered to|" },
		{ "From a\nDelivered-To: ann\n\n", NULL, "1:\"ann\" is no mailbox address|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].text, strlen(cases[i].text), cases[i].column, cases[i].want);
	check("a\n\0b\n", 5, NULL, "f:2: a NUL byte: this is no text in UTF-8");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_read) };

	return RUN(tests);
}
