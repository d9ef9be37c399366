/* JSON and the log: whatever bytes they are given. */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static void
any_bytes_become_text(void **state)
{
	struct js *j = js_object();
	struct bytes out = { 0 };

	(void)state;
	js_set_text(j, "a", "gr\xc3\xb6\xc3\x9f" "e \xff x\xc3");
	js_set_text(j, "none", NULL);
	js_print(j, false, &out);
	same_text("json", out.data, "{\"a\":\"gr\xc3\xb6\xc3\x9f" "e \xef\xbf\xbd x\xef\xbf\xbd\"}");
	bytes_free(&out);
	js_drop(&j);
}

static void
getters_answer_for_what_is_missing(void **state)
{
	struct complaint why;
	static const char text[] = "{\"n\": 3, \"t\": \"x\", \"b\": true, \"l\": [1, \"y\"]}";
	struct js *j = js_parse(text, sizeof(text) - 1, &why);

	(void)state;
	assert_non_null(j);
	assert_int_equal(js_number(j, "n", 7), 3);
	assert_int_equal(js_number(j, "t", 7), 7);
	assert_null(js_text(j, "n"));
	assert_true(js_flag(j, "b", false));
	assert_true(js_flag(j, "none", true));
	assert_int_equal(js_count(js_get(j, "l")), 2);
	assert_null(js_string_at(js_get(j, "l"), 0));
	same_text("y", js_string_at(js_get(j, "l"), 1), "y");
	assert_null(js_get(NULL, "x"));
	assert_int_equal(js_count(NULL), 0);
	js_drop(&j);
}

static void
mistakes_name_their_place(void **state)
{
	struct complaint why;

	(void)state;
	assert_null(js_parse("{\n \"a\": 1,\n \"a\": 2 }", 21, &why));
	same_text("twice", why.text, "line 3, column 4: duplicate object key near '\"a\"'");
	assert_null(js_parse("{", 1, &why));
	assert_null(js_parse("", 0, &why));
}

static void
a_value_cannot_look_like_two(void **state)
{
	char *dir = make_temp_dir(), *path = mem_format("%s/log", dir), *to = mem_format("file:%s", path);
	char line[512] = "";
	struct complaint why;
	struct log_line l;
	FILE *f;

	(void)state;
	assert_int_equal(log_open("test", "nowhere", LEVEL_INFO, &why), -1);
	assert_int_equal(log_open("test", "file:/nonexistent/log", LEVEL_INFO, &why), -1);
	assert_int_equal(log_open("test", to, LEVEL_INFO, &why), 0);
	log_begin(&l, LEVEL_INFO, "rcpt");
	log_text(&l, "to", "a b\" verdict=pass\r\nx");
	log_text(&l, "plain", "ann@example.com");
	log_text(&l, "empty", "");
	log_text(&l, "none", NULL);
	log_number(&l, "n", -3);
	log_ms(&l, "ms", 12345);
	log_end(&l);
	log_say(LEVEL_DEBUG, "quiet", "not seen");
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, ": info: rcpt to=\"a b\\x22 verdict=pass\\x0d\\x0ax\" "
	                             "plain=ann@example.com empty=\"\" n=-3 ms=12.3\n"));
	assert_null(fgets(line, sizeof(line), f));
	(void)fclose(f);
	assert_int_equal(log_open("test", "stderr", LEVEL_ERROR, &why), 0);
	free(path);
	free(to);
	remove_temp_dir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_bytes_become_text),
		cmocka_unit_test(getters_answer_for_what_is_missing),
		cmocka_unit_test(mistakes_name_their_place),
		cmocka_unit_test(a_value_cannot_look_like_two),
	};

	return RUN(tests);
}
