/* Counting by many threads, and what is said of it. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/metric.h"

#include <pthread.h>

enum { THREADS = 4, TIMES = 50000 };

static const char *
animal(size_t i)
{
	static const char *const words[] = { "cat", "dog", "" };

	return words[i];
}

/* Two numbers of one word. */
static const char *
colour(size_t i)
{
	return i == 0 ? "black" : "white";
}

static void
read_moon(struct metric_page *p)
{
	metric_sample_of(p, "of", metric_daemon(p), 0.25);
	metric_sample(p, (const char *const[]){ NULL }, 3);
}

enum { PLAIN, LABELLED, DURATIONS, MOON };

static const struct metric rows[] = {
	[PLAIN] = { .name = "plain_total", .kind = METRIC_COUNTER, .help = "h", .cells = METRIC_CELLS(1) },
	[LABELLED] = { .name = "animals", .kind = METRIC_GAUGE, .help = "h",
	               .labels = { { "animal", 3, animal }, { "colour", 3, colour } },
	               .cells = METRIC_CELLS(9) },
	[DURATIONS] = { .name = "seconds", .kind = METRIC_TIMES, .help = "h", .cells = METRIC_TIME_CELLS },
	[MOON] = { .name = "moon", .kind = METRIC_GAUGE, .help = "h", .read = read_moon },
	{ .kind = METRIC_END },
};

/* The value of the sample whose labels are these, as JSON on one line; NULL where there is none. */
static const char *
value(const struct js *answer, size_t row, const char *suffix, const char *labels)
{
	const struct js *family = js_at(js_get(answer, "metrics"), row), *samples = js_get(family, "samples");

	for (size_t i = 0; i < js_count(samples); i++) {
		const struct js *sample = js_at(samples, i);
		const char *s = js_text(sample, "suffix");
		struct bytes text = { 0 };
		bool same;

		js_print(js_get(sample, "labels"), false, &text);
		same = strcmp(bytes_text(&text), labels) == 0 && strcmp(s == NULL ? "" : s, suffix) == 0;
		bytes_free(&text);
		if (same)
			return js_text(sample, "value");
	}
	return NULL;
}

static void *
count(void *unused)
{
	for (int i = 0; i < TIMES; i++) {
		metric_count(&rows[PLAIN], 1);
		metric_add(&rows[LABELLED], 1, 0, 0, i % 2 == 0 ? 2 : -1);
		metric_time(&rows[DURATIONS], 700);
	}
	return unused;
}

static void
everybody_counts(void **state)
{
	pthread_t threads[THREADS];
	struct js *answer = js_object();
	int64_t began = clock_ticks_us();

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("%lld ns for each count\n",
	              (long long)((clock_ticks_us() - began) * 1000 / (THREADS * TIMES * 3)));
	metric_gather(answer, "me", rows);
	same_text("plain", value(answer, PLAIN, "", "{}"), "200000");
	same_text("gauge", value(answer, LABELLED, "", "{\"colour\":\"black\",\"animal\":\"dog\"}"), "100000");
	same_text("count", value(answer, DURATIONS, "_count", "{}"), "200000");
	same_text("sum", value(answer, DURATIONS, "_sum", "{}"), "140.000000");
	same_text("moon", value(answer, MOON, "", "{\"of\":\"me\"}"), "0.25");
	same_text("moon without", value(answer, MOON, "", "{}"), "3");
	js_drop(&answer);
}

static void
words_that_are_the_same_are_added_up(void **state)
{
	struct js *answer = js_object();

	(void)state;
	metric_add(&rows[LABELLED], 0, 1, 0, 3);
	metric_add(&rows[LABELLED], 0, 2, 0, 4);
	metric_add(&rows[LABELLED], 2, 0, 0, 5);
	metric_gather(answer, "me", rows);
	metric_gather(answer, "me", rows);        /* a second table goes behind the first */
	same_number("families", (long long)js_count(js_get(answer, "metrics")), 8);
	same_text("white cats", value(answer, LABELLED, "", "{\"colour\":\"white\",\"animal\":\"cat\"}"), "7");
	same_text("no animal", value(answer, LABELLED, "", "{\"colour\":\"black\"}"), "5");
	js_drop(&answer);
}

static const struct metric times[] = {
	{ .name = "t", .kind = METRIC_TIMES, .help = "h", .cells = METRIC_TIME_CELLS },
	{ .kind = METRIC_END },
};

static void
bounds_belong_to_their_bucket(void **state)
{
	static const int64_t took[] = { 0, 100, 101, 600000000, 600000001 };
	struct js *answer = js_object();

	(void)state;
	for (size_t i = 0; i < sizeof(took) / sizeof(*took); i++)
		metric_time(&times[0], took[i]);
	metric_gather(answer, "me", times);
	same_text("first", value(answer, 0, "_bucket", "{\"le\":\"0.0001\"}"), "2");
	same_text("second", value(answer, 0, "_bucket", "{\"le\":\"0.0005\"}"), "3");
	same_text("last", value(answer, 0, "_bucket", "{\"le\":\"600\"}"), "4");
	same_text("all", value(answer, 0, "_bucket", "{\"le\":\"+Inf\"}"), "5");
	same_text("sum", value(answer, 0, "_sum", "{}"), "1200.000202");
	js_drop(&answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_counts),
		cmocka_unit_test(words_that_are_the_same_are_added_up),
		cmocka_unit_test(bounds_belong_to_their_bucket),
	};

	return RUN(tests);
}
