/* Leaving by one click: tokens of members, the fields that have them, and the forms that come back. */
#include "tests/unit/key_dir.h"

#include "mail/form.h"
#include "mail/leaving.h"

#include <ctype.h>

static const char list[] = "staff@l.x";

static bool
is_ours(struct keys *keys, const char *token, size_t length)
{
	char *l, *m;
	bool ours = leaving_read(keys, token, length, &l, &m);

	assert_true(ours == (l != NULL) && ours == (m != NULL));
	free(l);
	free(m);
	return ours;
}

static void
there_and_back(void **state)
{
	static const char *const members[] = { "a@b", "ann@example.com", "\"ann \\\"x\\\" lee\"@example.com",
		                               "j\xc3\xbcrgen@example.com" };

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		char *token = leaving_token(*state, list, members[i]), *again, *l, *m;

		again = leaving_token(*state, list, members[i]);
		same_text("the same each time", token, again);
		assert_true(strspn(token, "abcdefghijklmnopqrstuvwxyz234567") == strlen(token));
		for (char *c = token; *c != '\0'; c++)
			*c = (char)toupper(*c);
		assert_true(leaving_read(*state, token, strlen(token), &l, &m));
		same_text("list", l, list);
		same_text("member", m, members[i]);
		free(l);
		free(m);
		free(again);
		free(token);
	}
}

/* Every letter counts; so does whose it is, what it is for, and by whose keys. */
static void
what_is_not_ours(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	char *token = leaving_token(*state, list, "ann@example.com");
	char *other = leaving_token(*state, list, "bob@example.com");
	size_t length = strlen(token);
	char mark[KEYS_TOKEN + 1], long_one[2000];
	void *foreign = NULL;

	assert_true(is_ours(*state, token, length));
	for (size_t i = 0; i < length; i++) {
		char before = token[i];

		for (const char *c = letters; *c != '\0'; c++) {
			token[i] = *c;
			if (*c != before && is_ours(*state, token, length))
				fail_msg("%s: letter %zu", token, i);
		}
		token[i] = before;
	}
	for (size_t n = 0; n < length; n++)
		assert_false(is_ours(*state, token, n));
	/* The mark of another member, and one made for another purpose. */
	memcpy(other + strlen(other) - KEYS_TOKEN, token + length - KEYS_TOKEN, KEYS_TOKEN);
	assert_false(is_ours(*state, other, strlen(other)));
	keys_token(*state, "bounce", "staff@l.x\nann@example.com", 25, mark);
	memcpy(other, token, length);
	memcpy(other + length - KEYS_TOKEN, mark, KEYS_TOKEN);
	assert_false(is_ours(*state, other, length));
	assert_int_equal(begin_keys(&foreign), 0);
	assert_false(is_ours(foreign, token, length));
	(void)end_keys(&foreign);
	memset(long_one, 'a', sizeof(long_one));
	assert_false(is_ours(*state, long_one, sizeof(long_one)));
	free(token);
	free(other);
}

static void
fields(void **state)
{
	char *token = leaving_token(*state, list, "ann@example.com"), *want, *pattern, far[1000];
	struct bytes out = { 0 };

	leaving_fill("A:\r\n <https://x/{token}/>,\r\n <b>\r\n", *state, list, "ann@example.com", &out);
	want = mem_format("A:\r\n <https://x/%s/>,\r\n <b>\r\n", token);
	same_text("filled", bytes_text(&out), want);
	bytes_free(&out);
	free(want);
	/* A line of 998 octets is one, a longer one is none; the lines around it do not count. */
	memset(far, 'x', sizeof(far));
	pattern = mem_format("A: %.*s\r\n %.*s{token}\r\n B: %.*s\r\n", 900, far,
	                     (int)(997 - strlen(token)), far, 900, far);
	leaving_fill(pattern, *state, list, "ann@example.com", &out);
	assert_int_equal(out.length, strlen(pattern) - 7 + strlen(token));
	bytes_free(&out);
	free(pattern);
	pattern = mem_format(" %.*s{token}\r\n", (int)(998 - strlen(token)), far);
	leaving_fill(pattern, *state, list, "ann@example.com", &out);
	assert_int_equal(out.length, 0);
	bytes_free(&out);
	free(pattern);
	free(token);
}

static void
forms(void **state)
{
	static const char url[] = "application/x-www-form-urlencoded", parts[] = "multipart/form-data; boundary=x1",
	                  quoted[] = "Multipart/Form-Data; charset=utf-8; Boundary=\"x 1\"";
	static const struct {
		const char *type, *body;
		bool says;
	} cases[] = {
		{ url, "List-Unsubscribe=One-Click", true },
		{ "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "List-Unsubscribe=One-Click", true },
		{ url, "a=b&List-Unsubscribe=One-Click&c", true },
		{ url, "List%2dUnsubscribe=One%2DClick", true },
		{ url, "List-Unsubscribe=One-Click&", true },
		{ url, "List-Unsubscribe=one-click", false },
		{ url, "List-Unsubscribe=One-Click2", false },
		{ url, "List-Unsubscribe=One-Clic", false },
		{ url, "List-Unsubscribe", false },
		{ url, "xList-Unsubscribe=One-Click", false },
		{ url, "List-Unsubscribe=One-Click%0", false },
		{ url, "List-Unsubscribe=One-Click%00", false },
		{ url, "List-Unsubscribe=One%2-Click", false },
		{ url, "", false },
		{ "application/x-www-form-urlencodedx", "List-Unsubscribe=One-Click", false },
		{ "text/plain", "List-Unsubscribe=One-Click", false },
		{ "", "List-Unsubscribe=One-Click", false },
		{ parts, "--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x1--\r\n",
		  true },
		{ parts, "--x1\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x1\r\ncontent-disposition:form-data;"
		         "name=List-Unsubscribe\r\nContent-Type: text/plain\r\n\r\nOne-Click\r\n--x1--", true },
		{ parts, "to be passed over\r\n--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n"
		         "One-Click\r\n--x1--", true },
		{ quoted, "--x 1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x 1--",
		  true },
		{ parts, "--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Clicks\r\n--x1--",
		  false },
		{ parts, "--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click", false },
		{ parts, "--x1\r\nContent-Disposition: attachment; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x1--",
		  false },
		{ parts, "--x1\r\nContent-Disposition: form-data; name=\"List\"\r\n\r\nOne-Click\r\n--x1--", false },
		{ parts, "--x2\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x2--",
		  false },
		{ parts, "--x1--\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x1--",
		  false },
		{ parts, "--x1\r\n\r\nOne-Click\r\n--x1--", false },
		{ parts, "--x1\r\n", false },
		{ parts, "--x", false },
		{ parts, "", false },
		{ "multipart/form-data", "--\r\n", false },
		{ "multipart/form-data; boundary=", "--\r\n\r\n--", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* Without a NUL behind it: whoever reads too far is caught by the sanitizer. */
		size_t length = strlen(cases[i].body);
		char *body = malloc(length + (length == 0));

		memcpy(body, cases[i].body, length);
		if (form_says(cases[i].type, body, length, "List-Unsubscribe", "One-Click") != cases[i].says)
			fail_msg("%s: %s", cases[i].type, cases[i].body);
		free(body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_is_not_ours),
		cmocka_unit_test(fields),
		cmocka_unit_test(forms),
	};

	return cmocka_run_group_tests(tests, begin_keys, end_keys);
}
