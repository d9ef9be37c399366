/* Texts above and below the body, by what the header says the body is. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "mail/footer.h"
#include "mail/mime.h"

#define UMLAUT "Gr\xc3\xbc\xc3\x9f" "e\n"
#define PART "--b\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\nbye\r\n\r\n"
#define QUOTED_PART                                                                                  \
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n"                                         \
	"Content-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n\r\n"         \
	"Gr=C3=BC=C3=9Fe\r\n\r\n"
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"b\"\r\n"

static const struct {
	const char *header, *above, *below;
	bool eight_bit;
	const char *remove, *add, *before, *after;       /* all NULL: left alone */
} cases[] = {
	{ "Subject: x\r\n", NULL, "bye\n", false, "", "", "", "\r\nbye\r\n" },
	{ "Subject: x\r\n", "hi\nho\n", "bye\n", false, "", "", "hi\r\nho\r\n\r\n", "\r\nbye\r\n" },
	{ "Subject: x\r\n", "hi\n", NULL, true, "", "", "hi\r\n\r\n", "" },
	{ "Content-Type: text/plain; charset=iso-8859-15\r\nContent-Transfer-Encoding: 8BIT\r\n", NULL, "bye\n", true,
	  "", "", "", "\r\nbye\r\n" },
	{ "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", NULL, UMLAUT, true, "",
	  "", "", "\r\nGr\xc3\xbc\xc3\x9f" "e\r\n" },
	{ "Content-Type: text/plain; charset=utf-8\r\n", NULL, UMLAUT, true, "", "", "", "\r\nGr\xc3\xbc\xc3\x9f" "e\r\n" },
	{ "Subject: \xc3\xbc\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", NULL,
	  UMLAUT, true, "", "", "", "\r\nGr\xc3\xbc\xc3\x9f" "e\r\n" },
	{ "Content-Type: TEXT/Plain (c);\r\n charset=\"UTF-8\"\r\nContent-Transfer-Encoding: Quoted-Printable\r\n",
	  UMLAUT, "a = b\n", false, "", "", "Gr=C3=BC=C3=9Fe\r\n\r\n", "\r\na =3D b\r\n" },
	{ "Content-Transfer-Encoding: quoted-printable\r\n", NULL, "bye\n", false, "", "", "", "\r\nbye\r\n" },
	{ "Content-Disposition: inline\r\n", NULL, "bye\n", false, "", "", "", "\r\nbye\r\n" },
	/* No way to say it in the body's own words: parts. */
	{ "Subject: x\r\n", NULL, UMLAUT, false, "MIME-Version", MIXED, "--b\r\n\r\n",
	  "\r\n" QUOTED_PART "--b--\r\n" },
	{ "Content-Type: text/plain; charset=utf-8\r\n", NULL, UMLAUT, false, "Content-Type MIME-Version", MIXED,
	  "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", "\r\n" QUOTED_PART "--b--\r\n" },
	/* What is above 127 may stand in the header alone. */
	{ "Subject: \xc3\xbc\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n", NULL,
	  UMLAUT, true, "Content-Type Content-Transfer-Encoding MIME-Version",
	  MIXED "Content-Transfer-Encoding: 8bit\r\n",
	  "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
	  "\r\n" QUOTED_PART "--b--\r\n" },
	{ "MIME-Version: 1.0\r\nContent-Type: text/html;\r\n charset=utf-8\r\nContent-transfer-encoding: base64\r\n",
	  "bye\n", "bye\n", true, "Content-Type Content-transfer-encoding MIME-Version",
	  MIXED "Content-Transfer-Encoding: 8bit\r\n",
	  PART "--b\r\nContent-Type: text/html;\r\n charset=utf-8\r\nContent-transfer-encoding: base64\r\n\r\n",
	  "\r\n" PART "--b--\r\n" },
	{ "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", "bye\n", NULL, false,
	  "Content-Type Content-Transfer-Encoding MIME-Version", MIXED,
	  PART "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n", "\r\n--b--\r\n" },
	{ "Content-Type: text/plain; charset=iso-2022-jp\r\n", NULL, "bye\n", false, "Content-Type MIME-Version",
	  MIXED, "--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n", "\r\n" PART "--b--\r\n" },
	{ "Content-Type: text/plain; charset=utf-80\r\n", NULL, "bye\n", false, "Content-Type MIME-Version", MIXED,
	  "--b\r\nContent-Type: text/plain; charset=utf-80\r\n\r\n", "\r\n" PART "--b--\r\n" },
	{ "Content-Disposition: attachment\r\n", NULL, "bye\n", false, "Content-Disposition MIME-Version", MIXED,
	  "--b\r\nContent-Disposition: attachment\r\n\r\n", "\r\n" PART "--b--\r\n" },
	{ "Content-Type: text\r\n", NULL, "bye\n", false, "Content-Type MIME-Version", MIXED,
	  "--b\r\nContent-Type: text\r\n\r\n", "\r\n" PART "--b--\r\n" },
	{ "Content-Type: multipart/alternative; boundary=x\r\n", NULL, "bye\n", false, "Content-Type MIME-Version",
	  MIXED, "--b\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n", "\r\n" PART "--b--\r\n" },
	/* What is signed, encrypted, or cannot be known. */
	{ "Content-Type: multipart/signed; boundary=x\r\n", "bye\n", "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type: Multipart/Encrypted; boundary=x\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type: application/pkcs7-mime; name=a\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type: application/x-pkcs7-mime\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type: message/partial; id=a\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Transfer-Encoding: binary\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type: text/plain\r\ncontent-type: text/html\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type: text/html; name=\xe4\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
	{ "Content-Type:\r\n", NULL, "bye\n", false, NULL, NULL, NULL, NULL },
};

static void
frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct footer f = { cases[i].above, cases[i].below, "b", cases[i].eight_bit };
		const char *header = cases[i].header;
		struct bytes names = { 0 };
		struct framing frame;
		bool framed = footer_frame(&f, header, strlen(header), &frame);

		for (size_t k = 0; k < frame.remove.count; k++)
			bytes_format(&names, "%s%s", k == 0 ? "" : " ", frame.remove.items[k]);
		same_text(header, framed ? bytes_text(&names) : NULL, cases[i].remove);
		same_text(header, framed ? bytes_text(&frame.add) : NULL, cases[i].add);
		same_text(header, framed ? bytes_text(&frame.before) : NULL, cases[i].before);
		same_text(header, framed ? bytes_text(&frame.after) : NULL, cases[i].after);
		assert_true(framed || frame.remove.count + frame.add.length + frame.before.length == 0);
		bytes_free(&names);
		framing_free(&frame);
	}
}

static void
too_many_fields(void **state)
{
	const struct footer f = { NULL, "bye\n", "b", false };
	struct bytes header = { 0 };
	struct framing frame;

	(void)state;
	for (int i = 0; i < 32; i++)
		bytes_format(&header, "Content-%d: x\r\n", i);
	assert_true(footer_frame(&f, header.data, header.length, &frame));
	framing_free(&frame);
	bytes_add_text(&header, "Content-More: x\r\n");
	assert_false(footer_frame(&f, header.data, header.length, &frame));
	bytes_clear(&header);
	for (int i = 0; i < 2; i++)
		bytes_format(&header, "Content-%d: %040000d\r\n", i, 1);
	assert_false(footer_frame(&f, header.data, header.length, &frame));
	bytes_free(&header);
}

static void
quoting(void **state)
{
	struct bytes out = { 0 };
	char *line = mem_format("%0100d\n", 1);

	(void)state;
	mime_quote(&out, "-- \na\tb\t\n.\n");
	same_text("blanks at the end", bytes_text(&out), "--=20\r\na\tb=09\r\n.\r\n");
	bytes_clear(&out);
	mime_quote(&out, line);
	assert_non_null(strstr(bytes_text(&out), "=\r\n"));
	assert_in_range(strcspn(bytes_text(&out), "\r"), 60, 76);
	bytes_clear(&out);
	mime_base64(&out, "a\0\xff", 3);
	same_text("base64", bytes_text(&out), "YQD/");
	bytes_clear(&out);
	mime_base64(&out, line, strlen(line));
	assert_int_equal(out.length, 136);
	bytes_free(&out);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(frames), cmocka_unit_test(too_many_fields),
		                    cmocka_unit_test(quoting) };

	return RUN(tests);
}
