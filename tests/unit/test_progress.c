/* The files of an entry: distribution lists, progress, envelopes, and the schedule. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "queues/distribution.h"
#include "queues/entry.h"
#include "queues/progress.h"
#include "queues/schedule.h"

static void
distribution_lists(void **state)
{
	static const struct {
		const char *text;
		int want;
		size_t count;
	} cases[] = {
		{ "recipients 1\nend 0\n", 1, 0 },
		{ "recipients 1\na@x\nb@x\tB@x\nend 2\n", 1, 2 },
		{ "", 0, 0 },
		{ "recipients 1\n", 0, 0 },
		{ "recipients 1\na@x\n", 0, 0 },
		{ "recipients 1\na@x\nend 1", 0, 0 },
		{ "recipients 1\na@x\nend x\n", 0, 0 },
		{ "recipients 1\na@x\nend \n", 0, 0 },
		{ "recipients 1\na@x\nend +1\n", 0, 0 },
		{ "recipients 1\na@x\nend 2\n", -1, 0 },
		{ "recipients 1\na@x\nb@x\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\nend 99999999\n", -1, 0 },
		{ "recipients 1\nax\nend 1\n", -1, 0 },
		{ "recipients 1\n\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\r\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\x01\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\x7f\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\t\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\tA\nend 1\n", -1, 0 },
		{ "recipients 1\na@x\tA@x\tB@x\nend 1\n", -1, 0 },
		{ "recipients 1\na@x>\rRCPT TO:<b@x\nend 1\n", -1, 0 },
		{ "recipients 2\na@x\nend 1\n", -1, 0 },
		{ "something else entirely\n", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why;
		struct distribution d;

		same_number(cases[i].text,
		            distribution_open(&d, cases[i].text, strlen(cases[i].text), &why),
		            cases[i].want);
		same_number(cases[i].text, (long long)d.count, (long long)cases[i].count);
		distribution_close(&d);
	}
}

/* A last line without a number, and nothing in memory behind it: `make asan` sees who looks there. */
static void
nothing_is_read_behind_the_end(void **state)
{
	static const char text[] = "recipients 1\na@x\nend \n";
	const size_t length = sizeof(text) - 1;
	char *copy = malloc(length);
	struct complaint why;
	struct distribution d;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, text, length);
	assert_int_equal(distribution_open(&d, copy, length, &why), 0);
	free(copy);
}

static void
no_nul_in_an_address(void **state)
{
	static const char text[] = "recipients 1\na@x\0y\nend 1\n";
	struct complaint why;
	struct distribution d;

	(void)state;
	assert_int_equal(distribution_open(&d, text, sizeof(text) - 1, &why), -1);
	same_text("complaint", why.text, "recipients: line 0 is no address");
}

static void
cut_anywhere_it_is_not_whole(void **state)
{
	struct bytes text = { 0 };
	struct distribution d;
	struct complaint why;

	(void)state;
	distribution_begin(&text);
	for (int i = 0; i < 20; i++) {
		char address[32];

		(void)snprintf(address, sizeof(address), "user%d@x.org", i);
		distribution_line(&text, address, address);
	}
	distribution_end(&text, 20);
	for (size_t n = 0; n < text.length; n++) {
		assert_true(distribution_open(&d, text.data, n, &why) <= 0);
		distribution_close(&d);
	}
	assert_int_equal(distribution_open(&d, text.data, text.length, &why), 1);
	assert_int_equal(d.count, 20);
	distribution_close(&d);
	bytes_free(&text);
}

/* The tally of some records as text. */
static struct tally
tally_of(const struct record *records, size_t count, size_t lines)
{
	struct bytes text = { 0 };
	struct complaint why;
	struct tally t;

	progress_head(&text);
	for (size_t i = 0; i < count; i++)
		progress_print(&records[i], &text);
	if (tally_read(&t, lines, text.data, text.length, &why) != (ptrdiff_t)text.length)
		fail_msg("%s", why.text);
	bytes_free(&text);
	return t;
}

static void
a_life_in_records(void **state)
{
	static const uint32_t again[] = { 2, 4 };
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .at = 1, .batch = 1, .first = 0, .count = 3 },
		{ .kind = RECORD_INTENT, .at = 1, .batch = 2, .first = 3, .count = 2 },
		{ .kind = RECORD_LINE, .batch = 1, .line = 1, .code = 550, .text = "550 5.1.1 no" },
		{ .kind = RECORD_LINE, .batch = 1, .line = 2, .code = 450, .text = "450 later" },
		{ .kind = RECORD_RESULT, .at = 2, .batch = 1, .code = 250, .id = "4X" },
		{ .kind = RECORD_RESULT, .at = 3, .batch = 2, .code = 451, .text = "451 busy" },
		{ .kind = RECORD_DEFER, .at = 4, .until = 50, .tries = 1, .text = "451 busy" },
		{ .kind = RECORD_INTENT, .at = 60, .batch = 3, .count = 2, .lines = again },
	};
	struct tally t = tally_of(records, 7, 6);

	(void)state;
	assert_int_equal(t.lines[0], LINE_SENT);
	assert_int_equal(t.lines[1], LINE_REFUSED);
	assert_int_equal(t.waiting, 4);
	assert_int_equal(t.until, 50);
	assert_int_equal(t.tries, 1);
	assert_int_equal(t.batches, 2);
	assert_int_equal(t.last, 4);
	same_text("reason", t.reason, "451 busy");
	assert_int_equal(t.refusal_count, 1);
	assert_int_equal(t.refusals[0].line, 1);
	tally_free(&t);
	t = tally_of(records, 8, 6);
	assert_int_equal(t.lines[2], LINE_DOUBT);
	assert_int_equal(t.lines[3], LINE_WAITING);
	assert_int_equal(t.lines[4], LINE_DOUBT);
	assert_int_equal(t.until, 0);
	tally_free(&t);
}

static void
what_was_recalled(void **state)
{
	static const uint32_t lines[] = { 0, 3 }, beyond[] = { 1, 9 };
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .at = 5, .batch = 1, .first = 0, .count = 4 },
		{ .kind = RECORD_LINE, .batch = 1, .line = 2, .code = 450, .text = "450 later" },
		{ .kind = RECORD_RESULT, .at = 6, .batch = 1, .code = 250, .id = "4X" },
		{ .kind = RECORD_RECALL, .at = 7, .batch = 1, .count = 2, .lines = lines },
		{ .kind = RECORD_RECALL, .at = 8, .batch = 1, .count = 2, .lines = beyond },
		{ .kind = RECORD_INTENT, .at = 9, .batch = 2, .first = 2, .count = 1 },
	};
	struct tally t = tally_of(records, 4, 4);

	(void)state;
	assert_int_equal(t.first, 5);
	assert_int_equal(t.recalled, 2);
	assert_int_equal(t.sent, 1);
	assert_int_equal(t.lines[3], LINE_RECALLED);
	assert_int_equal(t.waiting, 1);
	assert_int_equal(t.late[2], 1);
	tally_free(&t);
	t = tally_of(records, 6, 4);
	assert_int_equal(t.recalled, 3);      /* a line that there is not counts for nothing */
	assert_int_equal(t.late[2], 0);
	tally_free(&t);
}

static void
a_batch_refused_as_a_whole(void **state)
{
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .batch = 1, .first = 0, .count = 5 },
		{ .kind = RECORD_RESULT, .batch = 1, .code = 554, .text = "554 no" },
		{ .kind = RECORD_RESULT, .batch = 9, .code = 250 },
		{ .kind = RECORD_LINE, .batch = 9, .line = 70, .code = 550 },
		{ .kind = RECORD_INTENT, .batch = 3, .first = 4, .count = 1000000 },
	};
	struct tally t = tally_of(records, 5, 5);

	(void)state;
	assert_int_equal(t.refused, 4);
	assert_int_equal(t.doubt, 1);
	assert_int_equal(t.refusal_count, 5);
	tally_free(&t);
}

static void
damaged_progress(void **state)
{
	static const struct {
		const char *text;
		ptrdiff_t want;
	} cases[] = {
		{ "", 0 },
		{ "{\"version\":1}\n", 14 },
		{ "{\"version\":1}\n{\"batch\":1,\"fi", 14 },
		{ "{\"vers", 0 },
		{ "{\"version\":2}\n", -1 },
		{ "{\"version\":\"1\"}\n", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why;
		struct tally t = { 0 };

		same_number(cases[i].text, tally_read(&t, 3, cases[i].text, strlen(cases[i].text), &why),
		            cases[i].want);
		tally_free(&t);
	}
}

static void
lines_that_are_no_records(void **state)
{
	static const char *const cases[] = {
		"{\"what\":1}", "x", "", "{\"batch\":1,\"fi{\"batch\":1,\"code\":250}",
		/* Numbers that would be another line, code or batch when cut to their type. */
		"{\"batch\":1,\"first\":-1,\"count\":3}",
		"{\"batch\":1,\"first\":0,\"count\":-1}",
		"{\"batch\":1,\"lines\":[4294967296]}",
		"{\"batch\":1,\"line\":-1,\"code\":550}",
		"{\"batch\":1,\"line\":1,\"code\":4294967846}",
		"{\"batch\":9223372036854775807,\"code\":250}",
		"{\"defer\":1,\"tries\":9223372036854775807}",
		/* What is no number is not line 0. */
		"{\"batch\":1,\"lines\":[\"2\"]}", "{\"batch\":1,\"lines\":[null]}",
		"{\"batch\":1,\"line\":\"2\",\"code\":550}", "{\"batch\":1,\"first\":\"1\",\"count\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = mem_format("{\"version\":1}\n"
		                        "{\"batch\":1,\"first\":0,\"count\":2}\n"
		                        "%s\n"
		                        "{\"batch\":1,\"code\":250}\n"
		                        "{\"batch\":2,\"first\":2,\"count\":1}\n"
		                        "{\"batch\":2,\"code\":250}\n", cases[i]);
		struct complaint why;
		struct tally t = { 0 };

		same_number(cases[i], tally_read(&t, 4, text, strlen(text), &why),
		            (long long)strlen(text));
		same_number(cases[i], (long long)t.damaged, 3);
		/* What was open stays in doubt, what began afterwards counts. */
		same_number(cases[i], t.lines[0], LINE_DOUBT);
		same_number(cases[i], t.lines[1], LINE_DOUBT);
		same_number(cases[i], t.lines[2], LINE_SENT);
		same_number(cases[i], t.lines[3], LINE_WAITING);
		tally_free(&t);
		free(text);
	}
}

static void
a_progress_without_its_head(void **state)
{
	static const char text[] = "{\"batch\":1,\"first\":0,\"count\":2}\n{\"batch\":1,\"code\":250}\n";
	struct complaint why;
	struct tally t;

	(void)state;
	assert_int_equal(tally_read(&t, 3, text, sizeof(text) - 1, &why), sizeof(text) - 1);
	assert_int_equal(t.damaged, 1);
	assert_int_equal(t.sent, 2);
	tally_free(&t);
}

static void
envelopes(void **state)
{
	struct envelope e = { .list = mem_text("staff@l.x"), .role = mem_text("post"),
		              .recipient = mem_text("Staff+x@l.x"), .sender = mem_text(""),
		              .arrived = 1795262400123, .size = 77, .utf8 = true,
		              .message_id = mem_text("<\"odd\"\t@x>"), .report_of = mem_text("abc"),
		              .inject_sender = mem_text(""),
		              .inject_add = mem_text("List-Id: \"x\"\r\n <y>\r\n") };
	struct envelope got;
	struct bytes text = { 0 };
	struct complaint why;

	(void)state;
	text_list_add(&e.inject_remove, "List-Id", 7);
	envelope_print(&e, &text);
	assert_non_null(strstr(text.data, "\"version\": 1"));
	assert_int_equal(envelope_parse(text.data, text.length, &got, &why), 0);
	same_text("list", got.list, e.list);
	same_text("sender", got.sender, "");
	same_text("message id", got.message_id, e.message_id);
	same_text("add", got.inject_add, e.inject_add);
	same_text("report", got.report_of, "abc");
	assert_null(got.queue_id);
	assert_int_equal(got.arrived, e.arrived);
	assert_true(got.utf8);
	assert_false(got.eight_bit);
	envelope_free(&got);
	for (size_t n = 0; n + 1 < text.length; n++)    /* all but the line end at the end */
		if (envelope_parse(text.data, n, &got, &why) == 0 && n < text.length - 1)
			fail_msg("cut at %zu it was taken", n);
	/* Programs that do not know what stands around a body must not work on it. */
	e.inject_before_body = mem_text("");
	e.inject_after_body = mem_text("\r\nbye\r\n");
	bytes_clear(&text);
	envelope_print(&e, &text);
	assert_non_null(strstr(text.data, "\"version\": 2"));
	assert_int_equal(envelope_parse(text.data, text.length, &got, &why), 0);
	same_text("before", got.inject_before_body, "");
	same_text("after", got.inject_after_body, "\r\nbye\r\n");
	assert_false(got.inject_verp || got.inject_suspects);
	envelope_free(&got);
	e.inject_below = mem_text("For {member.address}\n");
	e.inject_verp = e.inject_suspects = true;
	bytes_clear(&text);
	envelope_print(&e, &text);
	assert_non_null(strstr(text.data, "\"version\": 3"));
	assert_int_equal(envelope_parse(text.data, text.length, &got, &why), 0);
	assert_null(got.inject_above);
	same_text("below", got.inject_below, e.inject_below);
	assert_true(got.inject_verp && got.inject_suspects);
	assert_null(got.through);
	envelope_free(&got);
	/* Nor those that would send the same fields to all. */
	e.inject_each = mem_text("List-Unsubscribe: <https://x/{token}>\r\n");
	bytes_clear(&text);
	envelope_print(&e, &text);
	assert_non_null(strstr(text.data, "\"version\": 5"));
	assert_int_equal(envelope_parse(text.data, text.length, &got, &why), 0);
	same_text("each", got.inject_each, e.inject_each);
	envelope_free(&got);
	mem_drop(&e.inject_each);
	/* Nor those that would flatten what has entries of its own. */
	e.through = mem_text("all@lists.example.com");
	text_list_add(&e.before, "a@b", 3);
	text_list_add(&e.behind, "c@d", 3);
	bytes_clear(&text);
	envelope_print(&e, &text);
	assert_non_null(strstr(text.data, "\"version\": 4"));
	assert_int_equal(envelope_parse(text.data, text.length, &got, &why), 0);
	same_text("through", got.through, "all@lists.example.com");
	same_text("before", got.before.items[0], "a@b");
	same_text("behind", got.behind.items[0], "c@d");
	envelope_free(&got);
	bytes_free(&text);
	envelope_free(&e);
}

static void
schedules(void **state)
{
	const struct schedule s = { 5000, 60000, 600000 }, slow = { 5000, 3600000, 600000 };
	static const int64_t want[] = { 5000, 10000, 20000, 40000, 60000, 60000 };

	(void)state;
	for (int64_t i = 0; i < 6; i++)
		assert_int_equal(schedule_delay(&s, i + 1), want[i]);
	assert_int_equal(schedule_delay(&s, 1000000), 60000);
	assert_int_equal(schedule_next(&s, 1, 0, 1000), 6000);
	assert_int_equal(schedule_next(&s, 5, 590000, 7), 10007);       /* the last try is at the end */
	assert_int_equal(schedule_next(&s, 5, 600000, 7), 60007);
	assert_int_equal(schedule_next(&s, 5, 700000, 7), 60007);
	assert_false(schedule_expired(&s, 599999));
	assert_true(schedule_expired(&s, 600000));
	assert_int_equal(schedule_step(&s, 1000, 6000), 5000);
	assert_int_equal(schedule_step(&s, 6000, 1000), 0);             /* the clock went back */
	assert_int_equal(schedule_step(&s, 1000, 1LL << 50), 900000);   /* or ahead, or nothing ran */
	assert_int_equal(schedule_step(&slow, 1000, 1LL << 50), slow.most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distribution_lists),
		cmocka_unit_test(nothing_is_read_behind_the_end),
		cmocka_unit_test(no_nul_in_an_address),
		cmocka_unit_test(cut_anywhere_it_is_not_whole),
		cmocka_unit_test(a_life_in_records),
		cmocka_unit_test(what_was_recalled),
		cmocka_unit_test(a_batch_refused_as_a_whole),
		cmocka_unit_test(damaged_progress),
		cmocka_unit_test(lines_that_are_no_records),
		cmocka_unit_test(a_progress_without_its_head),
		cmocka_unit_test(envelopes),
		cmocka_unit_test(schedules),
	};

	return RUN(tests);
}
