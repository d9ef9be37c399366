/* Settings: kinds, bounds, complaints, and what is printed of them. */
#include "tests/unit/unit.h"

#include "base/net.h"
#include "base/setting.h"

static const char *const colours[] = { "red", "green", NULL };

struct values {
	char *name;
	struct text_list many;
	int64_t number, size, time, share, colour;
	bool flag;
};

#define AT(f) offsetof(struct values, f)

static const struct setting rows[] = {
	{ .name = "name", .kind = KIND_TEXT, .offset = AT(name), .help = "x" },
	{ .name = "many", .kind = KIND_TEXTS, .offset = AT(many), .fallback = "a, b", .max = "3",
	  .help = "x" },
	{ .name = "number", .kind = KIND_NUMBER, .offset = AT(number), .fallback = "5", .min = "1",
	  .max = "10", .help = "x" },
	{ .name = "size", .kind = KIND_SIZE, .offset = AT(size), .fallback = "10M", .help = "x" },
	{ .name = "time", .kind = KIND_TIME, .offset = AT(time), .fallback = "2s", .max = "1h",
	  .help = "x" },
	{ .name = "share", .kind = KIND_PERCENT, .offset = AT(share), .fallback = "50%", .help = "x" },
	{ .name = "colour", .kind = KIND_WORD, .offset = AT(colour), .fallback = "red",
	  .words = colours, .help = "x" },
	{ .name = "flag", .kind = KIND_FLAG, .offset = AT(flag), .fallback = "no", .help = "x" },
	{ .name = "part", .kind = KIND_PART, .help = "x" },
	{ .kind = KIND_END },
};

static int
read_text(const char *text, struct values *v, struct effective_list *effective,
          struct complaint *why)
{
	struct node *root = config_parse("r.yaml", text, strlen(text), why);
	int rc;

	*v = (struct values){ 0 };
	assert_non_null(root);
	rc = setting_read(rows, v, root, "", effective, why);
	config_free(&root);
	return rc;
}

static void
fallbacks(void **state)
{
	struct complaint why;
	struct values v = { 0 };

	(void)state;
	assert_int_equal(setting_read(rows, &v, NULL, "", NULL, &why), 0);
	assert_null(v.name);
	assert_int_equal(v.many.count, 2);
	same_text("b", v.many.items[1], "b");
	assert_int_equal(v.size, 10 << 20);
	assert_int_equal(v.time, 2000);
	assert_int_equal(v.share, 50);
	setting_free(rows, &v);
}

static void
values(void **state)
{
	struct effective_list effective = { 0 };
	struct complaint why;
	struct values v;

	(void)state;
	assert_int_equal(read_text("name: x\nmany: [ c ]\nnumber: 10\nsize: 3k\ntime: 1h\nshare: 7\n"
	                           "colour: green\nflag: yes\npart: { what: ever }\n",
	                           &v, &effective, &why), 0);
	same_text("name", v.name, "x");
	assert_int_equal(v.many.count, 1);
	assert_int_equal(v.size, 3072);
	assert_int_equal(v.time, 3600000);
	assert_int_equal(v.share, 7);
	assert_int_equal(v.colour, 1);
	assert_true(v.flag);
	same_text("path", effective.items[1].path, "many");
	same_text("value", effective.items[1].value, "c");
	same_text("origin", effective.items[1].origin, "r.yaml:2");
	assert_int_equal(effective.count, 8);
	effective_list_free(&effective);
	setting_free(rows, &v);
}

static void
mistakes(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "nmae: x\n", "r.yaml:1:1: there is no setting \"nmae\"; did you mean \"name\"?" },
		{ "zzzzzzzz: x\n", "r.yaml:1:1: there is no setting \"zzzzzzzz\"" },
		{ "number: 11\n", "r.yaml:1:9: number: 11 is more than 10" },
		{ "number: 0\n", "r.yaml:1:9: number: 0 is less than 1" },
		{ "number: x\n", "r.yaml:1:9: number: \"x\" is not a whole number" },
		{ "number: [ 1 ]\n", "r.yaml:1:9: number takes one value, not a list" },
		{ "number: { a: 1 }\n", "r.yaml:1:9: number takes one value, not a block" },
		{ "size: 3T\n", "r.yaml:1:7: size: \"3T\" is not a size (512, 10k, 25M, 1G)" },
		{ "time: 3\n", "r.yaml:1:7: time: \"3\" is not a time (250ms, 5s, 2m, 1h, 5d)" },
		{ "time: 2h\n", "r.yaml:1:7: time: 2h is more than 1h" },
		{ "share: 101%\n", "r.yaml:1:8: share: \"101%\" is not a share (0% to 100%)" },
		{ "colour: gren\n",
		  "r.yaml:1:9: colour: \"gren\" is not one of red, green; did you mean \"green\"?" },
		{ "flag: maybe\n", "r.yaml:1:7: flag: \"maybe\" is not yes or no" },
		{ "many: { a: b }\n", "r.yaml:1:7: many takes a list of values" },
		{ "many: [ [ a ] ]\n", "r.yaml:1:9: many takes a list of plain values" },
		{ "many: [ a, b, c, d ]\n", "r.yaml:1:7: many takes 3 values at most, here are 4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why;
		struct values v;

		if (read_text(cases[i].text, &v, NULL, &why) == 0)
			fail_msg("%s was taken", cases[i].text);
		same_text(cases[i].text, why.text, cases[i].want);
		assert_null(v.name);
		assert_int_equal(v.many.count, 0);
	}
}

static void
endpoints(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "unix:/run/x", NULL },
		{ "inet:127.0.0.1:25", NULL },
		{ "inet:[::1]:25", NULL },
		{ "inet:mail.example.com:10026", NULL },
		{ "unix:x", "\"unix:x\": the path of a unix socket begins with /" },
		{ "inet:25", "\"inet:25\" is no address: inet:host:port" },
		{ "inet:::1:25", "\"inet:::1:25\" is no address: inet:host:port" },
		{ "inet:[::1]", "\"inet:[::1]\": an IPv6 address is written inet:[::1]:port" },
		{ "inet:x:0", "\"inet:x:0\": the port is a number from 1 to 65535" },
		{ "inet:x:70000", "\"inet:x:70000\": the port is a number from 1 to 65535" },
		{ "inet:x:y", "\"inet:x:y\": the port is a number from 1 to 65535" },
		{ "/run/x", "\"/run/x\" is no address: unix:/path or inet:host:port" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why = { "" };
		int rc = endpoint_check(cases[i].text, &why);

		same_number(cases[i].text, rc, cases[i].want == NULL ? 0 : -1);
		if (cases[i].want != NULL)
			same_text(cases[i].text, why.text, cases[i].want);
	}
}

static void
a_path_too_long_for_a_socket(void **state)
{
	struct complaint why;
	char text[256] = "unix:/";

	(void)state;
	memset(text + 6, 'x', 200);
	assert_int_equal(endpoint_check(text, &why), -1);
	assert_non_null(strstr(why.text, "at most 107 bytes"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fallbacks), cmocka_unit_test(values),    cmocka_unit_test(mistakes),
		cmocka_unit_test(endpoints), cmocka_unit_test(a_path_too_long_for_a_socket),
	};

	return RUN(tests);
}
