/* Delivery status notifications: whom they are about. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "mail/returned.h"

#define TOP "From: MAILER-DAEMON@x\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" \
	    "--b\r\nContent-Type: text/plain\r\n\r\nFinal-Recipient: rfc822; no@x\r\nAction: failed\r\n\r\n"
#define PART "--b\r\nContent-Description: report\r\nContent-Type: message/delivery-status\r\n\r\n" \
	     "Reporting-MTA: dns; mx.x\r\nArrival-Date: x\r\n\r\n"
#define END "\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFinal-Recipient: rfc822; no@x\r\nAction: failed\r\n\r\n--b--\r\n"

static void
note(void *arg, const char *canonical)
{
	struct bytes *out = arg;

	bytes_format(out, "%s%s", out->length > 0 ? " " : "", canonical);
}

static void
whom(void **state)
{
	static const struct {
		const char *message, *want;
	} cases[] = {
		{ TOP PART "Original-Recipient: rfc822;Bob+2Bx@Example.com\r\nFinal-Recipient: rfc822; box17@far.x\r\n"
		  "Action: failed\r\nStatus: 5.1.1\r\n" END, "bob+x@example.com" },
		{ TOP PART "Final-Recipient: RFC822; box17@far.x (by way of somebody)\r\nAction: Failed\r\n" END,
		  "box17@far.x" },
		{ TOP PART "Final-Recipient: rfc822; a@x\r\nAction: failed\r\n\r\nFinal-Recipient: rfc822;b@x\r\n"
		  "Action: delayed\r\n\r\n\r\nAction: failed\r\nFinal-Recipient: utf-8; \xc3\xa9@x\r\n" END, "a@x \xc3\xa9@x" },
		{ TOP PART "Final-Recipient: x400; a@x\r\nAction: failed\r\n" END, "" },
		{ TOP PART "Final-Recipient: rfc822; nobody\r\nAction: failed\r\n" END, "" },
		{ TOP PART "Original-Recipient: rfc822; a+2\r\nFinal-Recipient: rfc822; c@x\r\nAction: failed", "c@x" },
		{ TOP PART "Original-Recipient: rfc822; a+zz@x\r\nAction: failed", "a+zz@x" },
		{ TOP END, "" },
		{ TOP "--b\r\nContent-Type: message/global-delivery-status\r\n\r\nFinal-Recipient: rfc822; a@x\r\n"
		      "Action: failed\r\n" END, "a@x" },
		{ "Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@x\r\nAction: failed\r\n", "a@x" },
		{ "Subject: away\r\n\r\nFinal-Recipient: rfc822; a@x\r\nAction: failed\r\n", "" },
		{ TOP "--b\r\nContent-Type: message/delivery-status", "" },
		{ "\r\n\r\n", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t length = strlen(cases[i].message);
		struct bytes got = { 0 };
		char *copy = malloc(length + (length == 0));

		/* Without a NUL behind it: whoever reads too far is caught by the sanitizer. */
		memcpy(copy, cases[i].message, length);
		returned_each(copy, length, note, &got);
		same_text(cases[i].message, bytes_text(&got), cases[i].want);
		bytes_free(&got);
		free(copy);
	}
}

/* A report on very many is looked at up to some of them. */
static void
very_many(void **state)
{
	struct bytes message = { 0 }, got = { 0 };
	size_t count = 0;

	(void)state;
	bytes_add_text(&message, PART);
	for (int i = 0; i < 1000; i++)
		bytes_format(&message, "Final-Recipient: rfc822; u%d@x\r\nAction: failed\r\n\r\n", i);
	returned_each(message.data, message.length, note, &got);
	for (size_t i = 0; i < got.length; i++)
		count += got.data[i] == '@';
	assert_int_equal(count, 100);
	bytes_free(&got);
	bytes_free(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whom), cmocka_unit_test(very_many) };

	return RUN(tests);
}
