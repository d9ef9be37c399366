/* Pace: rates, and how many batches at a time. */
#include "tests/unit/unit.h"

#include "expander/fanout/farm.h"
#include "expander/fanout/paces.h"
#include "expander/pace.h"
#include "expander/fanout/throttle.h"

static const int64_t second = 1000000;

static void
rates(void **state)
{
	static const char *const wrong[] = { "", "50000", "/hour", "0/hour", "-1/hour", "5/week", "5/hours",
		                             "1.5/hour", "5 /hour", "99999999999/hour" };
	struct complaint why;
	struct rate r;

	(void)state;
	assert_int_equal(rate_parse("50000/hour", &r, &why), 0);
	assert_int_equal(r.count, 50000);
	assert_int_equal(r.us, 3600 * second);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (rate_check(wrong[i], &why) == 0)
			fail_msg("\"%s\" is taken", wrong[i]);
	same_text("complaint", (rate_check("5/week", &why), why.text),
	          "\"5/week\" is no rate, like 50000/hour; also day, minute, second");
}

/* Whoever takes all there is, always: in no stretch of the time more than the rate, and no less for long. */
static void
never_more_than_the_rate(void **state)
{
	static const char *const texts[] = { "1/second", "1/minute", "7/minute", "60/minute", "1000/minute",
		                             "50000/hour", "1000000/hour", "3/day", "100/second" };
	struct complaint why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		enum { STEPS = 2000 };
		static size_t taken[3 * STEPS];
		struct bucket b = { 0 };
		size_t in_time = 0, all = 0;
		struct rate r;

		assert_int_equal(rate_parse(texts[i], &r, &why), 0);
		for (size_t k = 0; k < 3 * STEPS; k++) {
			int64_t now = 5 * second + (int64_t)k * r.us / STEPS;

			taken[k] = bucket_has(&b, &r, now);
			bucket_take(&b, &r, taken[k], now);
			in_time += taken[k] - (k < STEPS ? 0 : taken[k - STEPS]);
			all += taken[k];
			if (in_time > (size_t)r.count)
				fail_msg("%s: %zu in the time", texts[i], in_time);
		}
		if (all < (size_t)(r.count * 3 / 4 * 3))
			fail_msg("%s: %zu in three times", texts[i], all);
	}
}

static void
buckets(void **state)
{
	const struct rate none = { 0, 0 }, r = { 60, 60 * second };
	struct bucket b = { 0 };

	(void)state;
	assert_true(bucket_has(&b, &none, 1) == SIZE_MAX);
	bucket_take(&b, &none, 1000, 1);
	assert_int_equal(b.full, 0);
	assert_int_equal(rate_burst(&r), 10);
	assert_int_equal(bucket_has(&b, &r, second), 10);
	assert_int_equal(bucket_wait(&b, &r, 10, second), 0);
	/* More than there is: those who come later wait for it. */
	bucket_take(&b, &r, 61, second);
	assert_int_equal(bucket_has(&b, &r, second), 0);
	assert_int_equal(bucket_has(&b, &r, 70 * second), 7);
	for (size_t want = 1; want <= 10; want++) {
		int64_t wait = bucket_wait(&b, &r, want, second);

		assert_true(bucket_has(&b, &r, second + wait) >= want);
		assert_true(bucket_has(&b, &r, second + wait - second / 10) < want);
	}
	assert_int_equal(bucket_wait(&b, &r, 1000, second), bucket_wait(&b, &r, 10, second));
}

/* What was taken by one rate is made up for by the other; a rate that was slow keeps nobody waiting for it. */
static void
another_rate(void **state)
{
	const struct rate none = { 0, 0 }, slow = { 10, 3600 * second }, fast = { 60, 60 * second };
	struct bucket b = { 0 };

	(void)state;
	bucket_fit(&b, &slow, second);
	bucket_take(&b, &slow, 100, second);
	assert_true(bucket_wait(&b, &slow, 1, second) > 3600 * second);
	bucket_fit(&b, &fast, second);
	assert_int_equal(bucket_has(&b, &fast, second), 0);
	assert_true(bucket_wait(&b, &fast, 10, second) <= 12 * second);
	/* The same one again, or something in between, changes nothing. */
	bucket_fit(&b, &fast, 2 * second);
	assert_int_equal(bucket_has(&b, &fast, second), 0);
	bucket_fit(&b, &none, 2 * second);
	assert_true(bucket_has(&b, &none, 2 * second) == SIZE_MAX);
	bucket_fit(&b, &fast, 2 * second);
	assert_int_equal(bucket_has(&b, &fast, 2 * second), 10);
}

static void
what_goes_by(void **state)
{
	const int64_t minute = 60 * second;
	struct flow f = { 0 };

	(void)state;
	assert_int_equal(flow_minute(&f, 5), 0);
	flow_add(&f, 600, 1000 * minute);
	assert_int_equal(flow_minute(&f, 1000 * minute + 1), 600);
	assert_int_equal(flow_minute(&f, 1001 * minute - 1), 600);
	assert_int_equal(flow_minute(&f, 1001 * minute + 30 * second), 300);
	flow_add(&f, 10, 1001 * minute + 30 * second);
	assert_int_equal(flow_minute(&f, 1001 * minute + 30 * second), 310);
	assert_int_equal(flow_minute(&f, 1002 * minute), 10);
	assert_int_equal(flow_minute(&f, 1003 * minute), 0);
	flow_add(&f, 7, 2000 * minute);
	assert_int_equal(flow_minute(&f, 2000 * minute), 7);
}

/* What is set is there again, or an error says where it is not right. */
static void
set_by_an_operator(void **state)
{
	static const struct {
		const char *text, *want;
	} wrong[] = {
		{ "{", "" },
		{ "{\"version\":2,\"paces\":[]}", "it is of a newer version" },
		{ "{\"paces\":[]}", "it is damaged" },
		{ "{\"version\":1}", "it is damaged" },
		{ "{\"version\":1,\"paces\":[{\"of\":\"lists\",\"rate\":\"1/day\"}]}", "it is damaged" },
		{ "{\"version\":1,\"paces\":[{\"of\":\"list\"}]}", "it is damaged" },
		{ "{\"version\":1,\"paces\":[{\"of\":\"list\",\"rate\":\"1/week\"}]}",
		  "\"1/week\" is no rate" },
	};
	char *dir = make_temp_dir(), path[128];
	struct complaint why;
	struct paces *p, *q;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pace", dir);
	p = paces_open(dir, &why);
	assert_non_null(p);
	assert_null(paces_find(p, RATE_ALL, NULL));
	q = paces_with(p, RATE_LIST, "a@l.x", "5/minute", &why);
	paces_close(&p);
	p = paces_with(q, RATE_LIST, NULL, "none", &why);
	paces_close(&q);
	assert_null(paces_with(p, RATE_ALL, NULL, "quick", &why));
	q = paces_open(dir, &why);
	assert_int_equal(paces_find(q, RATE_LIST, "a@l.x")->rate.count, 5);
	assert_int_equal(paces_find(q, RATE_LIST, "b@l.x")->rate.count, 0);
	assert_null(paces_find(q, RATE_DOMAIN, "a@l.x"));
	paces_close(&p);
	p = paces_with(q, RATE_LIST, "a@l.x", "default", &why);
	same_text("for each", paces_find(p, RATE_LIST, "a@l.x")->text, "none");
	paces_close(&q);
	q = paces_without(p, &why);
	assert_int_equal(q->count, 0);
	paces_close(&p);
	paces_close(&q);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		write_file(path, wrong[i].text);
		assert_null(paces_open(dir, &why));
		if (strstr(why.text, path) == NULL || strstr(why.text, wrong[i].want) == NULL)
			fail_msg("%s: \"%s\"", wrong[i].text, why.text);
	}
	remove_temp_dir(dir);
}

/* An MTA that works on `cores` batches at a time: a recipient takes longer where there are more. */
struct server {
	double alone, cores;
	unsigned noise;
};

static int64_t
takes(struct server *m, size_t recipients, size_t beside)
{
	double each = m->alone * ((double)beside > m->cores ? (double)beside / m->cores : 1);

	m->noise = m->noise * 1103515245 + 12345;
	return (int64_t)((double)recipients * each * (0.9 + 0.2 * (m->noise >> 16 & 255) / 255));
}

/* So many batches; how often the limit changed. */
static size_t
run(struct throttle *t, struct server *m, size_t lanes, size_t batches, int64_t *now)
{
	size_t changes = 0, before = t->limit;

	for (size_t i = 0; i < batches; i++) {
		size_t beside = throttle_limit(t, lanes);
		struct sample s = { 1000, takes(m, 1000, beside), beside };

		*now += s.us / 1000 / (int64_t)beside + 1;
		throttle_heard(t, lanes, &s, *now);
		changes += t->limit != before;
		before = t->limit;
	}
	return changes;
}

/* It comes to what the MTA works on at the same time, and stays there. */
static void
no_more_than_helps(void **state)
{
	static const struct {
		double cores;
		size_t lanes, least, most;
	} cases[] = {
		{ 1, 4, 1, 2 }, { 2, 4, 2, 3 }, { 4, 4, 4, 4 }, { 4, 16, 4, 6 }, { 8, 16, 8, 10 }, { 64, 16, 16, 16 },
		{ 1, 1, 1, 1 }, { 0.5, 8, 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct server m = { 70, cases[i].cores, 1 };
		struct throttle t = { 0 };
		int64_t now = 1000;
		size_t changes;

		(void)run(&t, &m, cases[i].lanes, 10, &now);
		same_number("a short fan-out", (long long)throttle_limit(&t, cases[i].lanes),
		            (long long)cases[i].lanes);
		(void)run(&t, &m, cases[i].lanes, 400, &now);
		if (t.probing)
			(void)run(&t, &m, cases[i].lanes, 3, &now);
		if (throttle_limit(&t, cases[i].lanes) < cases[i].least ||
		    throttle_limit(&t, cases[i].lanes) > cases[i].most)
			fail_msg("%g cores, %zu lanes: %zu", cases[i].cores, cases[i].lanes,
			         throttle_limit(&t, cases[i].lanes));
		changes = run(&t, &m, cases[i].lanes, 4000, &now);
		if (changes > 40)
			fail_msg("%g cores, %zu lanes: %zu changes", cases[i].cores, cases[i].lanes, changes);
	}
}

static void
slower_and_faster_again(void **state)
{
	struct server m = { 70, 8, 1 };
	struct throttle t = { 0 };
	int64_t now = 1000;

	(void)state;
	(void)run(&t, &m, 8, 200, &now);
	assert_int_equal(t.limit, 8);
	m.cores = 2;                              /* it has other things to do */
	(void)run(&t, &m, 8, 300, &now);
	assert_true(t.limit <= 3);
	assert_int_equal(throttle_slowed(&t, 8), SLOWED_BY_ITSELF);
	m.cores = 8;
	(void)run(&t, &m, 8, 8000, &now);
	assert_true(t.limit >= 6);
	/* After a pause all is new. */
	now += 3600000;
	(void)run(&t, &m, 8, 1, &now);
	assert_int_equal(throttle_limit(&t, 8), 8);
}

/* Many short fan-outs, one after the other, are none that is long: each uses all lanes. */
static void
short_ones(void **state)
{
	struct server m = { 70, 1, 1 };
	struct throttle t = { 0 };
	int64_t now = 1000;
	size_t long_limit;

	(void)state;
	(void)run(&t, &m, 4, 100, &now);
	long_limit = throttle_limit(&t, 4);
	assert_true(long_limit <= 2);
	for (int i = 0; i < 20; i++) {
		throttle_over(&t);
		for (int k = 0; k < 12; k++) {
			same_number("lanes", (long long)throttle_limit(&t, 4), 4);
			(void)run(&t, &m, 4, 1, &now);
		}
	}
	/* What was found out holds for the next long one, though. */
	(void)run(&t, &m, 4, 4, &now);
	same_number("a long one again", (long long)throttle_limit(&t, 4), (long long)long_limit);
	/* An MTA that refused is spared by short ones as well. */
	throttle_refused(&t, 4, now += 2000);
	throttle_over(&t);
	assert_true(throttle_limit(&t, 4) < 4);
}

/*
 * A long fan-out whose batches are under way until their receipts are heard is known from the beginning. One
 * at a time; more only where they hardly wait for each other.
 */
static void
followed(void **state)
{
	static const struct {
		double cores;
		size_t want;
	} cases[] = { { 1, 1 }, { 1.5, 1 }, { 2, 2 }, { 2.2, 2 }, { 3, 3 }, { 64, 4 } };
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct server m = { 70, cases[i].cores, 1 };
		struct throttle t = { 0 };
		size_t other = 0;

		throttle_follow(&t, false, true);
		same_number("without receipts", (long long)throttle_limit(&t, 4), 4);
		throttle_follow(&t, true, false);
		same_number("a short one", (long long)throttle_limit(&t, 4), 4);
		same_number("sent at a time", (long long)throttle_sent(&t, 4), 4);
		throttle_follow(&t, true, true);
		same_number("sent alone", (long long)throttle_sent(&t, 1), 1);
		for (int k = 0; k < 3; k++) {
			same_number("alone", (long long)throttle_limit(&t, 4), 1);
			(void)run(&t, &m, 4, 1, &now);
		}
		same_number("then", (long long)throttle_limit(&t, 4), 1);
		same_number("of two one is sent", (long long)throttle_sent(&t, 2), 1);
		/* One more is tried now and then. */
		for (int k = 0; k < 1000; k++) {
			(void)run(&t, &m, 4, 1, &now);
			other += throttle_limit(&t, 4) != cases[i].want;
		}
		if (other > 50)
			fail_msg("%g cores: %zu times not %zu", cases[i].cores, other, cases[i].want);
		/* Receipts come no more: all is found out anew. */
		throttle_follow(&t, false, true);
		(void)run(&t, &m, 4, 1, &now);
		same_number("alone again", (long long)throttle_limit(&t, 4), 1);
	}
}

/* Where a receipt takes long by itself, waiting for it would cost more than it is good for. */
static void
far_away(void **state)
{
	struct server m = { 200, 64, 1 };
	struct throttle t = { 0 };
	int64_t now = 1000;

	(void)state;
	throttle_follow(&t, true, true);
	(void)run(&t, &m, 4, 3, &now);            /* 200 ms each */
	assert_true(t.followed);
	throttle_follow(&t, true, true);
	assert_false(t.followed);
	(void)run(&t, &m, 4, 100, &now);
	throttle_follow(&t, true, true);
	assert_false(t.followed);
	same_number("lanes", (long long)throttle_limit(&t, 4), 4);
}

static struct batch
some_batch(struct post *p, int64_t number, size_t beside, bool is_followed)
{
	return (struct batch){ .post = p, .number = number, .count = 200, .beside = beside,
		               .followed = is_followed };
}

static void
echoes(void **state)
{
	struct entry one = { .id = "aaaaaaaaaaaaaaaaaaaaaaaaaa" }, other = { .id = "bbbbbbbbbbbbbbbbbbbbbbbbbb" };
	struct post p = { .entry = &one };
	struct batch a = some_batch(&p, 1, 1, true), b = some_batch(&p, 2, 2, true),
	             c = some_batch(&p, 3, 3, false);
	struct echoes e = { 0 };
	struct sample s;

	(void)state;
	echoes_await(&e, &a, 1000);
	echoes_await(&e, &b, 2000);
	echoes_await(&e, &c, 3000);
	assert_int_equal(e.news, ECHOES_HOPED_FOR);
	/* Others' are not ours. */
	assert_false(echoes_heard(&e, other.id, 1, 9000, &s));
	assert_false(echoes_heard(&e, one.id, 4, 9000, &s));
	assert_int_equal(e.news, ECHOES_HOPED_FOR);
	/* It may be heard before the MTA's reply. */
	assert_true(echoes_heard(&e, one.id, 1, 9000, &s));
	assert_int_equal(e.news, ECHOES_COME);
	same_number("time", s.us, 8000);
	same_number("recipients", (long long)s.recipients, 200);
	same_number("beside", (long long)s.beside, 1);
	assert_false(echoes_sent(&e, &a, true, true));
	assert_false(echoes_heard(&e, one.id, 1, 9000, &s));
	/* What was not queued has none; what was, is under way still. */
	assert_true(echoes_sent(&e, &b, false, false));
	assert_false(echoes_heard(&e, one.id, 2, 9000, &s));
	/* One that nobody follows says only that they come. */
	assert_false(echoes_sent(&e, &c, true, true));
	e.news = ECHOES_HOPED_FOR;
	assert_false(echoes_heard(&e, one.id, 3, 9000, &s));
	assert_int_equal(e.news, ECHOES_COME);
	assert_null(e.all);

	echoes_await(&e, &a, 1000000);
	echoes_await(&e, &c, 1000000);
	echoes_await(&e, &b, 2000000);
	same_number("late", (long long)echoes_late(&e, 2999999), 0);
	assert_int_equal(e.news, ECHOES_COME);
	same_number("late", (long long)echoes_late(&e, 3000000), 1);
	assert_int_equal(e.news, ECHOES_MISSED);
	same_number("not late", (long long)echoes_late(&e, 3999999), 0);
	/* The first ones are waited for less long. */
	e.news = ECHOES_HOPED_FOR;
	same_number("not late", (long long)echoes_late(&e, 2499999), 0);
	same_number("late", (long long)echoes_late(&e, 2500000), 1);
	assert_false(echoes_heard(&e, one.id, 2, 3000000, &s));
	echoes_await(&e, &b, 3000000);
	assert_true(echoes_heard(&e, one.id, 2, 3000000, &s));
	assert_int_equal(e.news, ECHOES_COME);
	/* An MTA that takes none is known as one from which none come. */
	echoes_await(&e, &b, 2000000);
	assert_int_equal(e.news, ECHOES_COME);
	assert_true(echoes_sent(&e, &b, true, false));
	assert_int_equal(e.news, ECHOES_MISSED);
	/* What was refused says nothing of receipts. */
	e.news = ECHOES_HOPED_FOR;
	echoes_await(&e, &b, 2000000);
	assert_true(echoes_sent(&e, &b, false, false));
	assert_int_equal(e.news, ECHOES_HOPED_FOR);
	echoes_await(&e, &a, 1);
	echoes_close(&e);
}

/* An MTA that was never asked for receipts is hoped to have them; one that had none for the last ones is not. */
static void
hope(void **state)
{
	struct service s = { .outbound.adapt = true };
	struct post with = { .proof = true }, without = { .proof = false };
	struct station st = { 0 };

	(void)state;
	same_number("none is long", (long long)farm_limit(&st, &s, 4, NULL), 4);
	same_number("no receipts", (long long)farm_limit(&st, &s, 4, &without), 4);
	same_number("one alone", (long long)farm_limit(&st, &s, 4, &with), 1);
	st.echoes.news = ECHOES_MISSED;
	same_number("they did not come", (long long)farm_limit(&st, &s, 4, &with), 4);
	st.echoes = (struct echoes){ .news = ECHOES_COME };
	same_number("they came", (long long)farm_limit(&st, &s, 4, &without), 1);
}

/* What the MTA was busy with before does not make all that comes look fast. */
static void
behind_others(void **state)
{
	struct throttle t = { 0 };
	int64_t now = 1000;

	(void)state;
	throttle_follow(&t, true, true);
	for (int k = 0; k < 3; k++)
		throttle_heard(&t, 4, &(struct sample){ 100, k == 0 ? 60000 : 6000 + 10 * k, 1 }, now++);
	assert_true(t.base > 60.15 && t.base < 60.25);
}

static void
refusals(void **state)
{
	struct server m = { 70, 64, 1 };
	struct throttle t = { 0 };
	int64_t now = 100000;

	(void)state;
	throttle_refused(&t, 8, now);
	assert_int_equal(throttle_limit(&t, 8), 4);
	assert_int_equal(throttle_slowed(&t, 8), SLOWED_BY_REFUSALS);
	(void)run(&t, &m, 8, 10, &now);
	assert_int_equal(throttle_limit(&t, 8), 4);      /* nor more, for a while */
	now = 100000;
	throttle_refused(&t, 8, now + 10);        /* the others of the same moment */
	assert_int_equal(throttle_limit(&t, 8), 4);
	for (int i = 0; i < 9; i++)
		throttle_refused(&t, 8, now += 2000);
	assert_int_equal(throttle_limit(&t, 8), 1);      /* and not less */
	(void)run(&t, &m, 8, 15, &now);
	assert_int_equal(throttle_limit(&t, 8), 1);      /* not tried again at once */
	now = t.ceiling_until;
	(void)run(&t, &m, 8, 100, &now);
	assert_int_equal(t.limit, 8);
	assert_int_equal(throttle_slowed(&t, 8), SLOWED_NOT);
}

static void
the_queue(void **state)
{
	struct throttle t = { 0 };

	(void)state;
	throttle_queue(&t, 100, 100);
	assert_int_equal(throttle_limit(&t, 4), 4);
	throttle_queue(&t, 101, 100);
	assert_int_equal(throttle_limit(&t, 4), 0);
	throttle_queue(&t, 76, 100);
	assert_int_equal(throttle_limit(&t, 4), 0);
	throttle_queue(&t, 75, 100);
	assert_int_equal(throttle_limit(&t, 4), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),
		cmocka_unit_test(never_more_than_the_rate),
		cmocka_unit_test(buckets),
		cmocka_unit_test(another_rate),
		cmocka_unit_test(what_goes_by),
		cmocka_unit_test(set_by_an_operator),
		cmocka_unit_test(no_more_than_helps),
		cmocka_unit_test(slower_and_faster_again),
		cmocka_unit_test(short_ones),
		cmocka_unit_test(followed),
		cmocka_unit_test(far_away),
		cmocka_unit_test(echoes),
		cmocka_unit_test(hope),
		cmocka_unit_test(behind_others),
		cmocka_unit_test(refusals),
		cmocka_unit_test(the_queue),
	};

	return RUN(tests);
}
