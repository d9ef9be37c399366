/* The socketmap: its protocol, and what it answers. */
#include "tests/unit/site_text.h"

#include "milter/lookup.h"

static char *dir;

static void
questions(void **state)
{
	static const struct {
		const char *come;
		enum query_result want;
		const char *content;
		size_t used;
	} cases[] = {
		{ "3:a b,", QUERY_WHOLE, "a b", 6 },
		{ "3:a b,3:c d,", QUERY_WHOLE, "a b", 6 },
		{ "0:,", QUERY_WHOLE, "", 3 },
		{ "3:,:,,", QUERY_WHOLE, ",:,", 6 },
		{ "", QUERY_PART, NULL, 0 },
		{ "1", QUERY_PART, NULL, 0 },
		{ "3:", QUERY_PART, NULL, 0 },
		{ "3:a b", QUERY_PART, NULL, 0 },
		{ "1024:x", QUERY_PART, NULL, 0 },
		{ "1025:x", QUERY_TOO_LONG, NULL, 0 },
		{ "1025", QUERY_TOO_LONG, NULL, 0 },
		{ "99999999999999999999999:x", QUERY_TOO_LONG, NULL, 0 },
		{ "3:a bc", QUERY_NONE, NULL, 0 },
		{ "03:a b,", QUERY_NONE, NULL, 0 },
		{ "00:,", QUERY_NONE, NULL, 0 },
		{ ":,", QUERY_NONE, NULL, 0 },
		{ "-1:,", QUERY_NONE, NULL, 0 },
		{ " 3:a b,", QUERY_NONE, NULL, 0 },
		{ "3 :a b,", QUERY_NONE, NULL, 0 },
		{ "GET / HTTP/1.0\r\n", QUERY_NONE, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice come = { cases[i].come, strlen(cases[i].come) }, content;
		size_t used = 0;
		char *got;

		same_number(cases[i].come, query_read(come, &content, &used), cases[i].want);
		if (cases[i].want != QUERY_WHOLE)
			continue;
		got = mem_copy(content.at, content.length);
		same_text(cases[i].come, got, cases[i].content);
		same_number(cases[i].come, (long long)used, (long long)cases[i].used);
		free(got);
	}
}

/* A part is never longer than the room that a reader has to keep for one. */
static void
the_longest_question(void **state)
{
	struct bytes text = { 0 };
	struct slice content;
	size_t used;

	(void)state;
	bytes_format(&text, "%d:", QUERY_LONGEST);
	for (int i = 0; i < QUERY_LONGEST; i++)
		bytes_add_char(&text, 'x');
	assert_int_equal(text.length, QUERY_ROOM - 1);
	assert_int_equal(query_read((struct slice){ text.data, text.length }, &content, &used), QUERY_PART);
	bytes_add_char(&text, ',');
	assert_int_equal(query_read((struct slice){ text.data, text.length }, &content, &used), QUERY_WHOLE);
	assert_int_equal(content.length, QUERY_LONGEST);
	bytes_free(&text);
}

/* ---- answers ---- */

static struct service *
service_of(const char *source, const char *destination)
{
	char *text = mem_format("state: %s\nmilter: { deadline: 300ms }\n"
	                        "socketmap: { transport: \"lmtp:inet:[127.0.0.1]:24\" }\n"
	                        "sources: { corp: { %s } }\n"
	                        "destinations: { lists.example.com: { sources: corp%s } }\n",
	                        dir, source, destination);
	char *path = write_config(dir, text);
	struct complaint why;
	struct service *s = service_load(path, true, &why);

	if (s == NULL)
		fail_msg("%s", why.text);
	free(text);
	free(path);
	return s;
}

static void
same_answer(const struct service *s, const char *question, const char *want)
{
	struct bytes out = { 0 };
	struct slice content = { "", 0 };
	size_t used = 0;
	char *got;

	lookup_answer(s, (struct slice){ question, strlen(question) }, "unix", &out);
	assert_int_equal(query_read((struct slice){ out.data, out.length }, &content, &used), QUERY_WHOLE);
	assert_int_equal(used, out.length);
	got = mem_copy(content.at, content.length);
	same_text(question, got, want);
	free(got);
	bytes_free(&out);
}

static const char file_source[] = "kind: file, path: tests/fixtures/contract.json";

static void
answers(void **state)
{
	static const char transport[] = "OK lmtp:inet:[127.0.0.1]:24", none[] = "NOTFOUND ";
	static const char no_map[] = "PERM the maps are transport and recipient";
	static const struct {
		const char *question, *want;
	} cases[] = {
		{ "transport staff@lists.example.com", transport },
		{ "recipient staff@lists.example.com", "OK list" },
		{ "transport STAFF@Lists.Example.COM", transport },
		{ "transport staff+tag@lists.example.com", transport },
		{ "transport staff-bounces+u=x.org@lists.example.com", transport },
		{ "transport staff-owner@lists.example.com", transport },
		{ "transport everybody@lists.example.com", transport },
		{ "transport \"staff\"@lists.example.com", transport },
		{ "transport staff-request@lists.example.com", none },
		{ "transport bob@lists.example.com", none },
		{ "transport bob+staff@lists.example.com", none },
		{ "recipient st*@lists.example.com", none },
		{ "transport staff@example.com", none },
		{ "transport j doe@lists.example.com", none },
		{ "transport a@b@lists.example.com", none },
		/* What else maps are asked for. */
		{ "transport *", none },
		{ "transport lists.example.com", none },
		{ "transport .example.com", none },
		{ "transport @lists.example.com", none },
		{ "transport staff", none },
		{ "transport <>", none },
		{ "transport ", none },
		{ "transport  staff@lists.example.com", none },
		{ "transport staff@", none },
		{ "transport st\raff@lists.example.com", none },
		{ "virtual staff@lists.example.com", no_map },
		{ "transports staff@lists.example.com", no_map },
		{ "transport", no_map },
		{ " staff@lists.example.com", no_map },
		{ "", no_map },
	};

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		struct service *s = service_of(file_source, shared ? ", shared: yes" : "");

		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
			same_answer(s, cases[i].question, cases[i].want);
		service_drop(&s);
	}
}

static void
the_directory_is_unsure(void **state)
{
	static const char unsure[] = "TEMP the directory does not answer, try again later";
	struct service *s = service_of("kind: fail, answer: unsure", ", shared: yes");

	(void)state;
	same_answer(s, "transport staff@lists.example.com", unsure);
	same_answer(s, "recipient bob@lists.example.com", unsure);
	/* Nobody has to be asked about these. */
	same_answer(s, "transport *", "NOTFOUND ");
	same_answer(s, "transport lists.example.com", "NOTFOUND ");
	same_answer(s, "transport bob@example.com", "NOTFOUND ");
	service_drop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		cmocka_unit_test(the_longest_question),
		cmocka_unit_test(answers),
		cmocka_unit_test(the_directory_is_unsure),
	};

	dir = begin_in_dir();
	return end_in_dir(dir, RUN(tests));
}
