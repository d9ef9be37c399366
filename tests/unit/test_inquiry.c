/* The engine: same answers, same verdicts, whatever the order; what is settled is over. */
#include "tests/unit/site_text.h"

#include "mail/verdict.h"
#include "policies/admit.h"
#include "policies/metrics.h"

static char *dir;

/* A site with two domains and these checks. */
static struct site *
load(const char *first, const char *second, const char *workers)
{
	return site_of(dir, mem_format("state: %s\nworkers: { fail: %s }\n"
	                               "sources: { s: { kind: file, path: tests/fixtures/contract.json } }\n"
	                               "destinations:\n"
	                               "  a.example: { sources: s, check: [ %s ] }\n"
	                               "  b.example: { sources: s, check: [ %s ] }\n",
	                               dir, workers, first, second));
}

enum { LISTS = 3 };                       /* two of the first domain, one of the second */

struct asked {
	struct target targets[LISTS];
	struct subject subjects[LISTS];
	int64_t took;
};

static void
ask(struct asked *a, const struct site *s, enum moment moment, int64_t wait, bool everything)
{
	static const char *const addresses[LISTS] = { "x@a.example", "y@a.example", "z@b.example" };
	const struct facts facts = { .session = true, .client = "192.0.2.1", .sender = "ann@example.com",
		                     .login = "ann", .recipients = 5, .header = "Subject: x\r\n",
		                     .header_length = 12, .size = 5000, .announced = 5000, .most_hops = 50 };
	const struct terms terms = { .moment = moment, .facts = &facts, .by = deadline_in(wait),
		                     .everything = everything };

	for (size_t i = 0; i < LISTS; i++) {
		struct list *l = list_new(mem_text(addresses[i]), NULL, mem_text("k"), NULL);

		a->targets[i] = (struct target){ .destination = &s->destinations[i / 2], .list = l,
		                  .role = ROLE_POST, .recipient = l->address };
		a->subjects[i] = admit_subject(&a->targets[i]);
	}
	a->took = clock_ticks();
	inquiry_run(s->bulkheads, &terms, a->subjects, LISTS);
	a->took = clock_ticks() - a->took;
}

static void
forget(struct asked *a)
{
	for (size_t i = 0; i < LISTS; i++) {
		subject_free(&a->subjects[i]);
		list_drop(&a->targets[i].list);
	}
}

/* How many answers of this kind there have been of a check; NULL: of any. */
static int64_t
counted(const char *check, const char *answer)
{
	struct js *all = js_object();
	const struct js *family, *samples;
	int64_t n = 0;

	metric_gather(all, "test", policy_metrics);
	family = js_at(js_get(all, "metrics"), 0);
	samples = js_get(family, "samples");
	for (size_t i = 0; i < js_count(samples); i++) {
		const struct js *labels = js_get(js_at(samples, i), "labels");

		assert_string_equal(js_text(labels, "daemon"), "test");
		if (strcmp(js_text(labels, "check"), check) == 0 &&
		    (answer == NULL || strcmp(js_text(labels, "answer"), answer) == 0))
			n += strtoll(js_text(js_at(samples, i), "value"), NULL, 10);
	}
	js_drop(&all);
	return n;
}

/* How many answers of a check were timed. */
static int64_t
timings(const char *check)
{
	struct js *all = js_object();
	const struct js *samples;
	int64_t n = 0;

	metric_gather(all, "test", policy_metrics);
	samples = js_get(js_at(js_get(all, "metrics"), 1), "samples");
	for (size_t i = 0; i < js_count(samples); i++) {
		const struct js *one = js_at(samples, i);

		if (strcmp(js_text(js_get(one, "labels"), "check"), check) == 0 &&
		    strcmp(js_text(one, "suffix"), "_count") == 0)
			n += strtoll(js_text(one, "value"), NULL, 10);
	}
	js_drop(&all);
	return n;
}

/* ---- the same, in any order ---- */

static unsigned seed = 1;

static unsigned
draw(unsigned below)
{
	seed = seed * 1103515245U + 12345U;
	return (seed >> 16) % below;
}

static const char *const says[] = { "pass", "fail", "unsure" };
static const char *const becomes[] = { "", ", on_fail: defer", ", on_unsure: reject",
	                               ", on_fail: log-only", ", on_fail: hold", ", on_fail: tag",
	                               ", on_fail: tag, on_unsure: tag" };

struct check {
	unsigned says, becomes;
};

/* One domain's checks, each after a time of its own. */
static char *
write_checks(const struct check *checks, size_t count)
{
	struct bytes text = { 0 };

	for (size_t i = 0; i < count; i++)
		bytes_format(&text, "fail: { answer: %s, at: end, after: %ums%s }, ", says[checks[i].says],
		             draw(4), becomes[checks[i].becomes]);
	bytes_add_text(&text, "max-size: { limit: 4k, on_fail: log-only }");
	return bytes_take(&text);
}

/* By what they say. */
static const struct verdict answers[] = { { .decision = DECISION_PASS },
	                                  { .decision = DECISION_REJECT, .reply = REPLY_MAY_NOT_POST },
	                                  { .decision = DECISION_DEFER, .reply = REPLY_LATER } };

/* What they come to, one after the other. */
static struct verdict
expect(const struct chain *chain, const struct check *checks, size_t count)
{
	struct verdict all = verdict_pass();

	for (size_t i = 0; i < count; i++)
		all = verdict_merge(all, link_verdict(&chain->links[i], answers[checks[i].says]));
	return all;
}

/* Whether any of them tags it. */
static bool
is_tagged(const struct chain *chain, const struct check *checks, size_t count)
{
	bool tagged = false;

	for (size_t i = 0; i < count; i++)
		tagged |= link_verdict(&chain->links[i], answers[checks[i].says]).decision == DECISION_TAG;
	return tagged;
}

enum { INPUTS = 25, SHUFFLES = 40, MOST = 6 };

static void
a_thousand_shufflings(void **state)
{
	struct check checks[2][MOST];

	(void)state;
	for (size_t input = 0; input < INPUTS; input++) {
		size_t counts[] = { 1 + draw(MOST), 1 + draw(MOST) };
		enum mixed mixed = (enum mixed)draw(3);
		char reasons[LISTS][REASON_SIZE], tags[LISTS][TAGS_SIZE];

		for (size_t d = 0; d < 2; d++)
			for (size_t i = 0; i < counts[d]; i++)
				checks[d][i] = (struct check){ draw(3), draw(7) };
		for (size_t shuffle = 0; shuffle < SHUFFLES; shuffle++) {
			char *first = write_checks(checks[0], counts[0]);
			char *second = write_checks(checks[1], counts[1]);
			struct site *s = load(first, second, "30");
			struct voice got[LISTS] = { 0 }, want[LISTS] = { 0 };
			struct asked a;

			ask(&a, s, MOMENT_END, 60000, draw(8) == 0);
			for (size_t i = 0; i < LISTS; i++) {
				got[i].verdict = a.subjects[i].verdict;
				want[i].verdict = expect(s->destinations[i / 2].chain, checks[i / 2],
				                         counts[i / 2]);
				same_number("decision", got[i].verdict.decision,
				            want[i].verdict.decision);
				same_number("reply", got[i].verdict.reply, want[i].verdict.reply);
				same_number("place", got[i].verdict.place, want[i].verdict.place);
				/* Whoever gets it, or decides on it, is told the same each time. */
				if (!verdict_takes(&got[i].verdict))
					continue;
				if (shuffle > 0)
					same_text("tags", got[i].verdict.tags, tags[i]);
				(void)strcpy(tags[i], got[i].verdict.tags);
				assert_int_equal(tags[i][0] != '\0', is_tagged(s->destinations[i / 2].chain, checks[i / 2],
				                                              counts[i / 2]));
				if (got[i].verdict.decision != DECISION_HOLD)
					continue;
				if (shuffle > 0)
					same_text("reason", got[i].verdict.reason, reasons[i]);
				(void)strcpy(reasons[i], got[i].verdict.reason);
			}
			same_number("of all", verdict_of_all(mixed, got, LISTS, 1).reply,
			            verdict_of_all(mixed, want, LISTS, 1).reply);
			forget(&a);
			site_drop(&s);
			free(first);
			free(second);
		}
	}
}

/* ---- once, and counted ---- */

/* A check that three lists in two domains have is asked as often as its answers may differ. */
static void
asked_once(void **state)
{
	static const struct {
		const char *check, *first, *second;
		int64_t want;                 /* answers */
	} cases[] = {
		{ "fail", "fail: { answer: pass }", "fail: { answer: pass }", 1 },
		{ "fail", "fail: { answer: pass, after: 5ms }", "max-size, fail: { answer: pass, after: 5ms }", 1 },
		{ "fail", "fail: { answer: pass }", "fail: { answer: pass, on_unsure: reject }", 2 },
		{ "fail", "fail: { answer: pass }, fail: { answer: pass }", "fail: { answer: pass }", 2 },
		{ "fail", "fail: { answer: pass }", "posters", 1 },
		{ "rdns", "rdns: { networks: no }", "rdns: { networks: no }", 1 },
		/* What the list is matters. */
		{ "posters", "posters", "posters", 3 },
		{ "rate", "rate: { posts: 9, in: 1h }", "rate: { posts: 9, in: 1h }", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].first, cases[i].second, "50");
		int64_t before = counted(cases[i].check, NULL), timed = timings(cases[i].check);
		struct asked a;

		ask(&a, s, MOMENT_RCPT, 60000, false);
		same_number(cases[i].second, counted(cases[i].check, NULL) - before, cases[i].want);
		/* Each of them with its time. */
		same_number(cases[i].second, timings(cases[i].check) - timed, cases[i].want);
		forget(&a);
		site_drop(&s);
	}
}

/* By what became of each answer. */
static void
each_is_counted(void **state)
{
	static const struct {
		const char *check, *answer;
		int64_t timed;
	} cases[] = {
		{ "fail: { answer: pass }", "pass", 1 },
		{ "fail: { answer: fail }", "reject", 1 },
		{ "fail: { answer: fail, on_fail: defer }", "defer", 1 },
		{ "fail: { answer: fail, on_fail: hold }", "hold", 1 },
		{ "fail: { answer: fail, on_fail: log-only }", "log-only", 1 },
		{ "fail: { answer: unsure }", "unsure", 1 },
		{ "fail: { answer: unsure, on_unsure: reject }", "unsure", 1 },
		{ "max-size: { limit: 4k }, fail: { answer: fail, after: 1h }", "cancelled", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].check, "posters", "50");
		int64_t all = counted("fail", NULL), one = counted("fail", cases[i].answer), timed = timings("fail");
		struct asked a;

		ask(&a, s, MOMENT_RCPT, 60000, false);
		forget(&a);
		site_drop(&s);            /* waits for what nobody else does */
		same_number(cases[i].check, counted("fail", cases[i].answer) - one, 1);
		same_number(cases[i].check, counted("fail", NULL) - all, 1);
		same_number(cases[i].check, timings("fail") - timed, cases[i].timed);
	}
}

/* ---- settled, late, busy ---- */

static const char hangs[] = "fail: { answer: fail, after: 1h }";

/* Of what is taken every tag is waited for, though it changes nothing about that; of what is not, none. */
static void
all_tags(void **state)
{
#define SLOW_TAG "fail: { answer: fail, after: 30ms, on_fail: tag, on_unsure: tag, tag: slow }"
	static const struct {
		const char *checks, *want;
		enum decision decision;
	} cases[] = {
		{ "max-size: { limit: 4k, on_fail: tag }, " SLOW_TAG, "max-size=fail, slow=fail", DECISION_TAG },
		{ "max-size: { limit: 4k, on_fail: hold }, " SLOW_TAG, "slow=fail", DECISION_HOLD },
		{ SLOW_TAG ", max-size: { limit: 4k, on_fail: hold }", "slow=fail", DECISION_HOLD },
		{ "max-size: { limit: 4k }, " SLOW_TAG, "", DECISION_REJECT },
		{ "fail: { answer: fail, after: 1h, on_fail: tag, on_unsure: tag }", "fail=unsure", DECISION_TAG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].checks, cases[i].checks, "50");
		struct asked a;

		ask(&a, s, MOMENT_RCPT, i == 4 ? 50 : 60000, false);
		same_number(cases[i].checks, a.subjects[0].verdict.decision, cases[i].decision);
		same_text(cases[i].checks, a.subjects[0].verdict.tags, cases[i].want);
		same_text(cases[i].checks, a.subjects[2].verdict.tags, cases[i].want);
		forget(&a);
		site_drop(&s);
	}
#undef SLOW_TAG
}

/* What cannot change anything is not begun, or ends at once. */
static void
settled(void **state)
{
	static const struct {
		const char *what, *checks;
		int64_t cancelled;            /* of each domain */
	} cases[] = {
		{ "not begun", "max-size: { limit: 4k }, fail: { answer: fail, after: 1h }", 1 },
		{ "begun", "fail: { answer: fail, after: 20ms }, fail: { answer: pass, after: 1h }", 1 },
		{ "no worse", "fail: { answer: unsure, after: 20ms, on_fail: defer }, "
		              "fail: { answer: fail, after: 1h, on_fail: defer }", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].checks, cases[i].checks, "50");
		int64_t before = counted("fail", "cancelled"), began = clock_ticks();
		struct asked a;

		ask(&a, s, MOMENT_RCPT, 60000, false);
		assert_in_range(a.took, 0, 10000);
		assert_int_not_equal(a.subjects[0].verdict.decision, DECISION_PASS);
		same_number(cases[i].what, a.subjects[0].verdict.place, 1);
		/* Asked once for three lists in two domains. */
		same_number(cases[i].what, counted("fail", "cancelled") - before, cases[i].cancelled);
		forget(&a);
		site_drop(&s);            /* waits for all who work */
		assert_in_range(clock_ticks() - began, 0, 15000);
	}
}

/* An answer that could be worse, or come first, is waited for; at the deadline it is unsure. */
static void
late(void **state)
{
	static const struct {
		const char *what, *checks;
		enum decision want;
		unsigned place;
	} cases[] = {
		{ "alone", "fail: { answer: pass, after: 1h }", DECISION_DEFER, 1 },
		{ "before", "fail: { answer: pass, after: 1h }, max-size: { limit: 4k }", DECISION_REJECT, 2 },
		{ "worse", "fail: { answer: unsure }, fail: { answer: pass, after: 1h }", DECISION_DEFER, 1 },
		{ "closed", "fail: { answer: pass, after: 1h, on_unsure: reject }", DECISION_REJECT, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].checks, "posters", "50");
		int64_t before = counted("fail", "late") + counted("fail", "unsure");
		struct asked a;

		ask(&a, s, MOMENT_RCPT, 150, false);
		assert_in_range(a.took, 140, 10000);
		same_number(cases[i].what, a.subjects[0].verdict.decision, cases[i].want);
		same_number(cases[i].what, a.subjects[0].verdict.place, cases[i].place);
		same_number(cases[i].what, a.subjects[2].verdict.decision, DECISION_PASS);
		/* The check sees the deadline, too, and may be the first. */
		assert_in_range(counted("fail", "late") + counted("fail", "unsure") - before, 1, 2);
		forget(&a);
		site_drop(&s);
	}
}

/* Beyond the workers and as many that wait for one, nobody waits. */
static void
busy(void **state)
{
	char *checks = mem_format("%s, fail: { answer: pass, after: 1h }, fail: { answer: unsure, after: 1h }",
	                          hangs);
	struct site *s = load(checks, "posters", "1");
	int64_t before = counted("fail", "busy");
	struct asked a;

	(void)state;
	ask(&a, s, MOMENT_RCPT, 100, false);
	assert_int_equal(counted("fail", "busy") - before, 1);
	assert_int_equal(a.subjects[0].answers[2].how, ANSWER_BUSY);
	assert_int_equal(a.subjects[0].verdict.decision, DECISION_DEFER);
	assert_int_equal(a.subjects[0].verdict.place, 1);
	forget(&a);
	site_drop(&s);
	free(checks);
}

static void
wait_for(const char *answer, int64_t want)
{
	for (int i = 0; i < 1000 && counted("fail", answer) < want; i++)
		(void)usleep(10000);
	same_number(answer, counted("fail", answer), want);
}

/* A check that is only tried out keeps nobody waiting, and is not cancelled either. */
static void
tried_out(void **state)
{
	struct site *s = load("posters: { allow: authenticated }, "
	                      "fail: { answer: fail, after: 300ms, on_fail: log-only }", "posters", "50");
	int64_t before = counted("fail", "log-only");
	struct bytes text = { 0 };
	struct asked a;

	(void)state;
	ask(&a, s, MOMENT_RCPT, 60000, false);
	assert_in_range(a.took, 0, 250);
	assert_int_equal(a.subjects[0].verdict.decision, DECISION_PASS);
	subject_describe(&a.subjects[0], &text);
	same_text("described", bytes_text(&text), "posters=pass fail=trial");
	forget(&a);
	wait_for("log-only", before + 1);
	/* Whoever wants to see everything waits for it. */
	ask(&a, s, MOMENT_RCPT, 60000, true);
	assert_in_range(a.took, 290, 10000);
	bytes_clear(&text);
	subject_describe(&a.subjects[0], &text);
	assert_non_null(strstr(bytes_text(&text), "fail=fail/3"));
	assert_int_equal(a.subjects[0].verdict.decision, DECISION_PASS);
	forget(&a);
	bytes_free(&text);
	site_drop(&s);
}

/* Behind the MTA, what needs the session or the envelope is not asked; nor is anything at another moment. */
static void
who_is_asked(void **state)
{
	struct site *s = load("max-recipients: { limit: 1 }, require-tls, header-match: { fields: \"Subject: x\" }",
	                      "posters", "50");
	const struct chain *c = s->destinations[0].chain, *plain = s->destinations[1].chain;

	const unsigned behind = NEED_SESSION | NEED_ENVELOPE;

	(void)state;
	assert_true(chain_asks(c, MOMENT_RCPT, ROLE_POST, 0));
	assert_true(chain_asks(c, MOMENT_RCPT, ROLE_POST, behind));     /* what the list itself sets */
	assert_false(chain_asks(c, MOMENT_RCPT, ROLE_OWNER, 0));
	assert_true(chain_asks(c, MOMENT_DATA, ROLE_POST, 0));
	assert_false(chain_asks(c, MOMENT_DATA, ROLE_POST, behind));
	assert_false(chain_asks(plain, MOMENT_DATA, ROLE_POST, 0));
	assert_true(chain_asks(c, MOMENT_END, ROLE_POST, behind));
	assert_true(chain_asks(plain, MOMENT_END, ROLE_OWNER, behind));  /* loops */
	site_drop(&s);
}

/* What could not be asked: the worst that the settings say of that, and the first of equals. */
static void
what_is_lacking(void **state)
{
	static const struct {
		const char *checks;
		unsigned lacking;
		enum role role;
		enum decision want;
		const char *by;
	} cases[] = {
		{ "require-tls, rate", NEED_SESSION, ROLE_POST, DECISION_PASS, NULL },
		{ "require-tls: { without_session: defer }, rate: { without_session: reject }", NEED_SESSION,
		  ROLE_POST, DECISION_REJECT, "rate" },
		{ "require-tls: { without_session: defer }, rate: { without_session: defer }", NEED_SESSION,
		  ROLE_POST, DECISION_DEFER, "require-tls" },
		{ "require-tls: { without_session: reject }", NEED_SESSION, ROLE_OWNER, DECISION_PASS, NULL },
		{ "require-tls: { without_session: reject }", NEED_FILE, ROLE_POST, DECISION_PASS, NULL },
		{ "require-tls: { without_session: reject, on_fail: log-only }", NEED_SESSION, ROLE_POST,
		  DECISION_PASS, NULL },
		{ "max-recipients: { without_session: reject }", NEED_ENVELOPE, ROLE_POST, DECISION_REJECT,
		  "max-recipients" },
		{ "posters: { without_session: reject }", NEED_SESSION, ROLE_POST, DECISION_REJECT, "posters" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].checks, "posters", "50");
		const struct link *by;
		struct verdict v = chain_lacking(s->destinations[0].chain, cases[i].role, cases[i].lacking, &by);

		same_number(cases[i].checks, v.decision, cases[i].want);
		if ((by == NULL) != (cases[i].by == NULL))
			fail_msg("%s: somebody decided, or nobody", cases[i].checks);
		if (by != NULL)
			same_text(cases[i].checks, by->policy->name, cases[i].by);
		site_drop(&s);
	}
}

/* What is asked later, for those who are to fare the same. */
static void
later(void **state)
{
	static const struct {
		const char *what, *first, *second;
		bool same;                    /* two lists of the first domain */
		bool across;                  /* one of each */
	} cases[] = {
		{ "nothing", "posters", "authenticated", true, true },
		{ "alike", "max-size: { limit: 5k }", "authenticated, max-size: { limit: 5k }", true, true },
		{ "otherwise", "max-size: { limit: 5k }", "max-size: { limit: 6k }", true, false },
		{ "another action", "max-size: { limit: 5k }", "max-size: { limit: 5k, on_fail: defer }", true,
		  false },
		{ "only tried out", "max-size: { limit: 5k, on_fail: log-only }", "posters", true, true },
		{ "of the list", "implicit-dest", "implicit-dest", false, false },
		{ "at another moment", "fail: { at: rcpt }", "posters", true, true },
		{ "at DATA", "fail: { at: data }", "posters", true, false },
	};
	struct list *x = list_new(mem_text("x@a.example"), NULL, mem_text("k"), NULL);
	struct list *y = list_new(mem_text("y@a.example"), NULL, mem_text("k"), NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site *s = load(cases[i].first, cases[i].second, "50");
		struct bytes texts[3] = { 0 };

		chain_later(s->destinations[0].chain, x, ROLE_POST, &texts[0]);
		chain_later(s->destinations[0].chain, y, ROLE_POST, &texts[1]);
		chain_later(s->destinations[1].chain, y, ROLE_POST, &texts[2]);
		same_number(cases[i].what, strcmp(bytes_text(&texts[0]), bytes_text(&texts[1])) == 0,
		            cases[i].same);
		same_number(cases[i].what, strcmp(bytes_text(&texts[0]), bytes_text(&texts[2])) == 0,
		            cases[i].across);
		for (size_t k = 0; k < 3; k++)
			bytes_free(&texts[k]);
		site_drop(&s);
	}
	list_drop(&x);
	list_drop(&y);
}

/* What a list sets itself is asked of it alone, and tells it from others. */
static void
sizes_of_lists(void **state)
{
	struct site *s = load("posters: { allow: anyone }", "posters", "50");
	const struct chain *c = s->destinations[0].chain;
	struct list *plain = list_new(mem_text("x@a.example"), NULL, mem_text("k"), NULL);
	struct list *small = list_new(mem_text("y@a.example"), NULL, mem_text("k"), NULL);
	static const struct {
		int64_t size;
		enum decision want;
	} cases[] = { { 100, DECISION_PASS }, { 101, DECISION_REJECT } };
	struct bytes texts[2] = { 0 };

	(void)state;
	small->max_size = 100;
	chain_later(c, plain, ROLE_POST, &texts[0]);
	chain_later(c, small, ROLE_POST, &texts[1]);
	assert_null(strstr(bytes_text(&texts[0]), "own-size"));
	assert_non_null(strstr(bytes_text(&texts[1]), "own-size"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct facts f = { .session = true, .client = "192.0.2.1", .announced = cases[i].size,
			           .size = cases[i].size, .header = "", .most_hops = 50 };

		for (enum moment m = MOMENT_RCPT; m <= MOMENT_END; m += MOMENT_END - MOMENT_RCPT) {
			struct terms terms = { .moment = m, .facts = &f, .by = deadline_in(1000) };
			struct subject subjects[] = {
				{ .chain = c, .list = plain, .recipient = plain->address },
				{ .chain = c, .list = small, .recipient = small->address },
			};

			inquiry_run(s->bulkheads, &terms, subjects, 2);
			same_number("plain", subjects[0].verdict.decision, DECISION_PASS);
			same_number("small", subjects[1].verdict.decision, cases[i].want);
			subject_free(&subjects[0]);
			subject_free(&subjects[1]);
		}
	}
	bytes_free(&texts[0]);
	bytes_free(&texts[1]);
	list_drop(&plain);
	list_drop(&small);
	site_drop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_shufflings), cmocka_unit_test(all_tags), cmocka_unit_test(settled),
		cmocka_unit_test(asked_once),            cmocka_unit_test(each_is_counted),
		cmocka_unit_test(late),                  cmocka_unit_test(busy),
		cmocka_unit_test(tried_out),
		cmocka_unit_test(who_is_asked),          cmocka_unit_test(what_is_lacking),
		cmocka_unit_test(later),                 cmocka_unit_test(sizes_of_lists),
	};

	dir = begin_in_dir();
	return end_in_dir(dir, RUN(tests));
}
