/* The content of DATA, and the fields that are put before a post. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/json.h"
#include "base/file.h"
#include "base/mem.h"
#include "expander/intake/content.h"
#include "expander/heading.h"

#include <fcntl.h>

static void
collect(void *arg, const char *bytes, size_t length)
{
	bytes_add(arg, bytes, length);
}

/* Scans the wire in pieces of so many bytes; the message comes back in `out`. How much was used. */
static size_t
scan(struct content *c, const char *wire, size_t length, size_t piece, struct bytes *out)
{
	size_t used = 0;

	*c = (struct content){ 0 };
	bytes_clear(out);
	while (used < length && !c->ended) {
		size_t n = length - used < piece ? length - used : piece;

		used += content_scan(c, wire + used, n, collect, out);
	}
	return used;
}

/* C274: dots are taken off once. */
static void
wires(void **state)
{
	static const struct {
		const char *wire;
		size_t length;                 /* of what is used; the rest belongs to the next command */
		bool ended, bare;
		const char *message;
	} cases[] = {
		{ ".\r\n", 3, true, false, "" },
		{ "a\r\n.\r\nQUIT\r\n", 6, true, false, "a\r\n" },
		{ "a\r\n..b\r\n.\r\n", 11, true, false, "a\r\n.b\r\n" },
		{ "..\r\n.\r\n", 7, true, false, ".\r\n" },
		{ ".a\r\n.\r\n", 7, true, false, "a\r\n" },
		{ "a.b\r\n.\r\n", 8, true, false, "a.b\r\n" },
		{ "a\n.\nb\r\n.\r\n", 10, true, true, "a\n.\nb\r\n" },
		{ "a\r.\rb\r\n.\r\n", 10, true, true, "a\r.\rb\r\n" },
		{ "a\r\n.\rb\r\n.\r\n", 11, true, true, "a\r\n\rb\r\n" },
		{ "a\r\n.\nb\r\n.\r\n", 11, true, true, "a\r\n\nb\r\n" },
		{ "a\r\r\n.\r\n", 7, true, true, "a\r\r\n" },
		{ "a\r\n.\r\r\n.\r\n", 10, true, true, "a\r\n\r\r\n" },
		{ "a\r\n", 3, false, false, "a\r\n" },
		{ "a\r\n.\r", 5, false, false, "a\r\n" },
	};
	struct bytes out = { 0 };
	struct content c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 20; piece++) {
			size_t used = scan(&c, cases[i].wire, strlen(cases[i].wire), piece, &out);

			same_number(cases[i].wire, (long long)used, (long long)cases[i].length);
			same_number(cases[i].wire, c.ended, cases[i].ended);
			same_number(cases[i].wire, c.bare_newline, cases[i].bare);
			same_text(cases[i].wire, bytes_text(&out), cases[i].message);
		}
	bytes_free(&out);
}

static void
nul_and_high_bytes(void **state)
{
	struct bytes out = { 0 };
	struct content c;

	(void)state;
	assert_int_equal(scan(&c, "a\0b\r\n.\r\n", 8, 3, &out), 8);
	assert_int_equal(out.length, 5);
	assert_memory_equal(out.data, "a\0b\r\n", 5);
	assert_false(c.eight_bit);
	assert_int_equal(scan(&c, "0123456789abcdef\xc3\r\n.\r\n", 22, 100, &out), 22);
	assert_true(c.eight_bit);
	bytes_free(&out);
}

static int
digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/*
 * C273: byte sequences that some program takes for the end of data: for us they are not, and the message
 * is refused.
 */
static void
smuggled_ends(void **state)
{
	static const char path[] = "../shared/corpus/vectors/smtp/smuggling-end-of-data.json";
	struct bytes text = { 0 }, wire = { 0 }, out = { 0 };
	struct complaint why;
	const struct js *lists;
	struct js *j;
	size_t tried = 0;

	(void)state;
	if (file_read(AT_FDCWD, path, 1 << 20, &text, &why) != 1) {
		print_message("skipped: no corpus\n");
		return;
	}
	j = js_parse(text.data, text.length, &why);
	assert_non_null(j);
	lists = js_get(j, "lists");
	for (size_t i = 0; i < js_count(lists); i++) {
		const struct js *all = js_get(js_at(lists, i), "hex");

		for (size_t k = 0; k < js_count(all); k++, tried++) {
			const char *hex = js_string_at(all, k);
			struct content c;

			bytes_clear(&wire);
			bytes_add_text(&wire, "Subject: x\r\n\r\nfirst");
			for (; *hex != '\0'; hex += 2)
				bytes_add_char(&wire, (char)(digit(hex[0]) << 4 | digit(hex[1])));
			bytes_add_text(&wire, "MAIL FROM:<>\r\n");
			(void)scan(&c, wire.data, wire.length, 7, &out);
			assert_false(c.ended);
			/*
			 * With a NUL in it the sequence has whole line ends and a line that is not
			 * empty.
			 */
			assert_true(c.bare_newline || memchr(wire.data, 0, wire.length) != NULL);
		}
	}
	assert_true(tried > 10);
	js_drop(&j);
	bytes_free(&text);
	bytes_free(&wire);
	bytes_free(&out);
}

static struct envelope
compose(enum role role, const char *sender, const char *precedence, const char *name)
{
	struct site site = { .hostname = (char *)"mail.x" };
	struct list *l = list_new(mem_text("staff@l.x"), name == NULL ? NULL : mem_text(name),
	                          mem_text("k"), NULL);
	struct target t = { .list = l, .role = role,
		            .style = { [STYLE_LIST_ID] = "{local}.{domain}", [STYLE_LIST_POST] = "list", [STYLE_FROM] = "keep",
		                       [STYLE_PRECEDENCE] = precedence } };
	struct envelope e = { .sender = mem_text(sender), .arrived = 1795262400000 };

	heading_compose(&e, &site, &t, "abc", "mx.x", "", 0);
	list_drop(&l);
	return e;
}

static void
fields_of_a_post(void **state)
{
	struct envelope e = compose(ROLE_POST, "ann@x", "list", "The staff");
	char *want = mem_format("Received: from mx.x by mail.x (rollcall) with LMTP\r\n\tid abc for <%s>;\r\n"
	                        "\tSat, 21 Nov 2026 12:00:00 +0000\r\n"
	                        "List-Id: \"The staff\"\r\n <staff.l.x>\r\n"
	                        "List-Post: <mailto:staff@l.x>\r\nPrecedence: list\r\n", "staff@l.x");

	(void)state;
	same_text("add", e.inject_add, want);
	same_text("sender", e.inject_sender, "staff-bounces@l.x");
	assert_true(text_list_has(&e.inject_remove, "List-Id"));
	assert_true(text_list_has(&e.inject_remove, "List-Post"));
	assert_true(text_list_has(&e.inject_remove, "Precedence"));
	assert_true(text_list_has(&e.inject_remove, "Rollcall-Stamp"));
	free(want);
	envelope_free(&e);
	e = compose(ROLE_POST, "ann@x", NULL, NULL);
	assert_non_null(strstr(e.inject_add, "List-Id: <staff.l.x>\r\n"));
	assert_null(strstr(e.inject_add, "Precedence"));
	assert_false(text_list_has(&e.inject_remove, "Precedence"));
	envelope_free(&e);
}

static void
fields_of_other_roles(void **state)
{
	struct envelope e = compose(ROLE_OWNER, "ann@x", "list", "The staff");

	(void)state;
	assert_non_null(strstr(e.inject_add, "for <staff-owner@l.x>"));
	assert_null(strstr(e.inject_add, "List-Id"));
	same_text("owner", e.inject_sender, "staff-bounces@l.x");
	envelope_free(&e);
	e = compose(ROLE_OWNER, "", "list", NULL);
	same_text("owner, from nobody", e.inject_sender, "");
	envelope_free(&e);
	e = compose(ROLE_BOUNCES, "", "list", NULL);
	same_text("bounces", e.inject_sender, "");
	assert_int_equal(e.inject_remove.count, 1);
	envelope_free(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wires),
		cmocka_unit_test(nul_and_high_bytes),
		cmocka_unit_test(smuggled_ends),
		cmocka_unit_test(fields_of_a_post),
		cmocka_unit_test(fields_of_other_roles),
	};

	return RUN(tests);
}
