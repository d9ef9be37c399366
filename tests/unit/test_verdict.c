/* Verdicts, and what several recipients make of theirs: all there are, against what is promised. */
#include "tests/unit/unit.h"

#include "mail/verdict.h"

enum { PLACES = 3, CASES = 5 * PLACES };

/* Every verdict at every place; replies name them. */
static struct verdict
verdict_number(size_t i)
{
	return (struct verdict){ .decision = (enum decision)(i / PLACES),
		                 .place = (unsigned)(i % PLACES),
		                 .reply = (enum reply_id)i };
}

/* C234: the worst wins, ties go to the lower place; and that whatever the order. */
static void
every_merge_of_three(void **state)
{
	(void)state;
	for (size_t a = 0; a < CASES; a++)
		for (size_t b = 0; b < CASES; b++)
			for (size_t c = 0; c < CASES; c++) {
				const size_t orders[][3] = { { a, b, c }, { a, c, b }, { b, a, c },
					                     { b, c, a }, { c, a, b }, { c, b, a } };
				struct verdict want = verdict_number(a);

				for (size_t k = 1; k < 3; k++) {
					struct verdict v = verdict_number(orders[0][k]);

					if (v.decision > want.decision ||
					    (v.decision == want.decision && v.place < want.place))
						want = v;
				}
				for (size_t o = 0; o < 6; o++) {
					struct verdict v = verdict_number(orders[o][0]);

					for (size_t k = 1; k < 3; k++)
						v = verdict_merge(v, verdict_number(orders[o][k]));
					same_number("reply", v.reply, want.reply);
				}
			}
}

/* It yields if and only if an answer no worse than that changes something. */
static void
what_may_still_change(void **state)
{
	(void)state;
	for (size_t a = 0; a < CASES; a++)
		for (size_t b = 0; b < CASES; b++) {
			struct verdict v = verdict_number(a), worst = verdict_number(b);
			bool changes = false;

			for (enum decision d = DECISION_PASS; d <= worst.decision; d++) {
				struct verdict answer = worst;

				answer.decision = d;
				answer.reply = REPLY_COUNT;
				changes |= verdict_merge(v, answer).reply == REPLY_COUNT;
			}
			same_number("yields", verdict_yields(&v, worst.decision, worst.place), changes);
		}
}

/* ---- several recipients ---- */

enum { VOICES = 7 };

/* Pass; defer and reject, each told or quiet; hold; and tag. */
static struct voice
voice_number(size_t i, unsigned place)
{
	struct voice v = { .verdict = { .decision = i == 0   ? DECISION_PASS
		                                    : i == 5   ? DECISION_HOLD
		                                    : i == 6   ? DECISION_TAG
		                                    : i % 2 == 1 ? DECISION_DEFER
		                                                 : DECISION_REJECT,
		                        .place = place, .reply = (enum reply_id)(place * 10 + i) } };

	v.quiet = i > 2 && i < 5;
	return v;
}

static void
check_one(enum mixed mixed, const struct voice *v, size_t count, size_t others)
{
	struct verdict got = verdict_of_all(mixed, v, count, others);
	bool taken = others > 0, told = false;

	for (size_t i = 0; i < count; i++) {
		bool refused = v[i].verdict.decision > DECISION_HOLD;

		taken |= !refused;
		told |= refused && !v[i].quiet;
	}
	/* Nobody refuses: nobody is refused. Everybody does: so does the message. */
	if (count == 0 || (taken && !told)) {
		assert_int_equal(got.decision, DECISION_PASS);
		return;
	}
	if (!taken)
		assert_int_not_equal(got.decision, DECISION_PASS);
	/* Some would take it: it goes on if and only if it may be returned for the others. */
	if (taken && told)
		assert_int_equal(got.decision == DECISION_PASS, mixed == MIXED_BOUNCE);
	/* A refusal is somebody's own; never of one that stays silent while others speak. */
	if (got.decision != DECISION_PASS) {
		const struct voice *of = NULL;

		for (size_t i = 0; i < count; i++)
			if (v[i].verdict.reply == got.reply)
				of = &v[i];
		assert_non_null(of);
		assert_int_equal(of->verdict.decision, got.decision);
		assert_true(!told || !of->quiet);
	}
	/* Who is only unsure is not refused for good where the others can be returned by themselves. */
	for (size_t i = 0; i < count && !taken && mixed == MIXED_BOUNCE; i++)
		if (v[i].verdict.decision == DECISION_DEFER && !v[i].quiet)
			assert_int_equal(got.decision, DECISION_DEFER);
}

static void
every_three_recipients(void **state)
{
	(void)state;
	for (enum mixed mixed = MIXED_SPLIT; mixed <= MIXED_BOUNCE; mixed++)
		for (size_t i = 0; i < VOICES * VOICES * VOICES; i++)
			for (size_t others = 0; others < 2; others++) {
				const struct voice v[] = { voice_number(i % VOICES, 1),
					                   voice_number(i / VOICES % VOICES, 2),
					                   voice_number(i / VOICES / VOICES, 3) };

				for (size_t count = 0; count <= 3; count++)
					check_one(mixed, v, count, others);
			}
}

/* What people would ask, by name. */
static void
by_name(void **state)
{
	const struct voice pass = voice_number(0, 1), reject = voice_number(2, 2), defer = voice_number(1, 3);
	const struct voice dropped = voice_number(4, 2), held = voice_number(5, 2);
	const struct {
		const char *what;
		enum mixed mixed;
		struct voice first, second;
		size_t others;
		enum decision want;
	} cases[] = {
		{ "all refuse", MIXED_SPLIT, reject, reject, 0, DECISION_REJECT },
		{ "one would take it", MIXED_REFUSE_ALL, reject, pass, 0, DECISION_REJECT },
		{ "a person would", MIXED_REFUSE_ALL, reject, reject, 1, DECISION_REJECT },
		{ "a loop", MIXED_REFUSE_ALL, dropped, pass, 0, DECISION_PASS },
		{ "a loop, and nobody else", MIXED_REFUSE_ALL, dropped, dropped, 0, DECISION_REJECT },
		{ "a loop, and one unsure", MIXED_REFUSE_ALL, dropped, defer, 0, DECISION_DEFER },
		{ "held", MIXED_SPLIT, held, held, 0, DECISION_PASS },
		{ "held, and one refuses", MIXED_SPLIT, held, reject, 0, DECISION_REJECT },
		{ "held, and one is unsure", MIXED_SPLIT, defer, held, 0, DECISION_DEFER },
		{ "held, and to be returned", MIXED_BOUNCE, held, reject, 0, DECISION_PASS },
		{ "held, and dropped", MIXED_SPLIT, held, dropped, 0, DECISION_PASS },
		{ "to be returned", MIXED_BOUNCE, reject, pass, 0, DECISION_PASS },
		{ "to be returned, and nobody takes it", MIXED_BOUNCE, reject, reject, 0, DECISION_REJECT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct voice v[] = { cases[i].first, cases[i].second };

		same_number(cases[i].what, verdict_of_all(cases[i].mixed, v, 2, cases[i].others).decision,
		            cases[i].want);
	}
}

/* ---- what is held ---- */

/* All reasons, once each, in their order; cut off, and never glued together. */
static void
reasons(void **state)
{
	struct verdict v = { .decision = DECISION_HOLD }, later = v, reject = verdict_reject(REPLY_TOO_BIG, "big");
	char many[200];

	(void)state;
	verdict_also(&v, "authenticated", "no login; none");
	same_text("one", v.reason, "authenticated: no login, none");
	verdict_also(&v, "moderated", "");
	verdict_also(&v, "authenticated", "no login; none");
	verdict_also(&later, "moderated", "");
	verdict_also(&later, "max-size", "12 MB");
	v = verdict_join(v, later);
	same_text("joined", v.reason, "authenticated: no login, none; moderated; max-size: 12 MB");
	same_text("a pass before", verdict_join(verdict_pass(), later).reason, later.reason);
	same_text("a pass behind", verdict_join(later, verdict_pass()).reason, later.reason);
	same_text("worse behind", verdict_join(later, reject).reason, "big");
	same_text("worse before", verdict_join(reject, later).reason, "big");
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	verdict_also(&v, "program", many);
	verdict_also(&v, "rate", many);
	assert_int_equal(strlen(v.reason), REASON_SIZE - 1);
	assert_true(verdict_takes(&v) && !verdict_takes(&reject));
	same_text("word", decision_word(DECISION_HOLD), "hold");
}

/* Each once, with whether it was unsure, whole or not at all; and whatever else becomes of the posting. */
static void
tags(void **state)
{
	struct verdict v = { .decision = DECISION_TAG, .place = 2 }, now = { .decision = DECISION_HOLD, .place = 1 };

	(void)state;
	assert_true(verdict_tag(&v, "dkim", false));
	assert_true(verdict_tag(&v, "storm", true));
	assert_true(verdict_tag(&v, "dkim", false));
	same_text("three", v.tags, "dkim=fail, storm=unsure");
	assert_true(verdict_tag(&now, "dkim", true));
	assert_true(verdict_tag(&now, "storm", true));
	verdict_also(&now, "moderated", "");
	v = verdict_join(v, now);
	assert_int_equal(v.decision, DECISION_HOLD);
	same_text("reason", v.reason, "moderated");
	same_text("joined", v.tags, "dkim=fail, storm=unsure, dkim=unsure");
	v = verdict_join(v, verdict_pass());
	same_text("and passed", v.tags, "dkim=fail, storm=unsure, dkim=unsure");
	assert_true(verdict_tag(&v, "abcdefghijklmnopqrstuvwxyz0123", true));
	same_number("full", (long long)strlen(v.tags), 75);
	assert_false(verdict_tag(&v, "abc", false));
	same_number("full", (long long)strlen(v.tags), 75);
	assert_true(verdict_goes(DECISION_PASS) && verdict_goes(DECISION_TAG));
	assert_false(verdict_goes(DECISION_HOLD));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_merge_of_three),
		cmocka_unit_test(what_may_still_change),
		cmocka_unit_test(every_three_recipients),
		cmocka_unit_test(by_name),
		cmocka_unit_test(reasons), cmocka_unit_test(tags),
	};

	return RUN(tests);
}
