/* The engine: a part is the place of a question in the verdict of one subject. */
#include "policies/inquiry.h"

#include "base/log.h"
#include "base/mem.h"
#include "policies/metrics.h"
#include "policies/question.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* The asker's: which questions a subject's verdict is made of, each at its place. */
struct part {
	size_t subject, question;
	const struct link *link;          /* of the subject's own chain */
};

/* What the answers that have come make of a subject. */
struct standing {
	struct verdict verdict;
	const struct link *decided_by;
};

struct parts {
	struct part *all;
	size_t count;
	struct standing *standings;       /* one for each subject, as of the last look */
	size_t subjects;
};

/* ---- what is asked ---- */

static void
collect(struct inquiry *i, struct parts *parts, const struct subject *subjects, size_t count)
{
	const unsigned lacking = facts_lacking(&i->facts);

	for (size_t s = 0; s < count; s++)
		for (size_t n = 0; n < subjects[s].chain->count; n++) {
			const struct link *l = &subjects[s].chain->links[n];

			if (!link_asks(l, i->moment, subjects[s].role, lacking) ||
			    !link_concerns(l, subjects[s].list))
				continue;
			parts->all = mem_resize(parts->all, (parts->count + 1) * sizeof(*parts->all));
			parts->all[parts->count++] = (struct part){ s, question_for(i, l, &subjects[s]), l };
		}
}

/* ---- the answers ---- */

/* What is known, with the list. */
static struct facts
facts_of(const struct question *q)
{
	struct facts f = q->inquiry->facts;

	f.list = q->list;
	f.source = q->source;
	f.stale = q->stale;
	f.recipient = q->recipient;
	f.role = q->role;
	return f;
}

static struct verdict
ask(const struct question *q, int cancelled)
{
	const struct inquiry *i = q->inquiry;
	const struct facts f = facts_of(q);
	struct deadline by = { i->by.at, cancelled };

	return q->link->policy->at[i->moment](q->link->config, &f, by);
}

/* Whether it can be answered at once. If so it is. */
static bool
ask_at_once(struct question *q)
{
	const struct policy *p = q->link->policy;
	const struct facts f = facts_of(q);
	int64_t began = clock_ticks_us();

	if (p->resource == RESOURCE_NONE)
		q->said = ask(q, -1);
	else if (p->at_once == NULL || !p->at_once(q->link->config, &f, q->inquiry->moment, &q->said))
		return false;
	q->began = began;
	q->took = clock_ticks_us() - began;
	q->open = false;
	q->inquiry->refused |= q->said.decision != DECISION_PASS;
	return true;
}

static void
count_answer(const struct question *q, enum answer_kind how, struct verdict said, int64_t took)
{
	policy_count(q->link->policy, how, said.decision, link_verdict(q->link, said).decision, took);
}

/* The answer of a check that nobody waited for. */
static void
log_apart(const struct question *q, const struct verdict *said, int64_t took)
{
	const struct facts *f = &q->inquiry->facts;
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "trial");
	log_text(&l, "check", q->link->policy->name);
	log_text(&l, "list", q->list->address);
	log_text(&l, "from", f->sender == NULL ? "<>" : f->sender);
	log_text(&l, "client", f->client);
	log_text(&l, "verdict", decision_word(said->decision));
	log_text(&l, "reason", said->reason[0] == '\0' ? NULL : said->reason);
	log_ms(&l, "ms", took);
	log_end(&l);
}

/* An answer has come in time, or has not. */
static void
take_answer(struct question *q, const struct verdict *said, int64_t took)
{
	struct inquiry *i = q->inquiry;

	monitor_enter(&i->monitor);
	if (!i->over) {
		q->said = *said;
		q->took = took;
		q->open = false;
		i->open--;
		i->refused |= said->decision != DECISION_PASS;
		/* As long as all pass, whoever is missing is waited for. */
		if (i->refused || i->open == 0)
			monitor_wake_one(&i->monitor);
	}
	monitor_leave(&i->monitor);
}

static bool
is_over(struct inquiry *i)
{
	bool over;

	monitor_enter(&i->monitor);
	over = i->over;
	monitor_leave(&i->monitor);
	return over;
}

/* On a worker. */
static void
work(void *arg)
{
	struct question *q = arg;
	struct inquiry *i = q->inquiry;

	if (q->apart || !is_over(i)) {
		struct verdict said = ask(q, q->apart ? -1 : i->cancelled);
		int64_t took = clock_ticks_us() - q->began;

		if (q->apart) {
			count_answer(q, ANSWER_GIVEN, said, took);
			log_apart(q, &said, took);
		} else {
			take_answer(q, &said, took);
		}
	}
	inquiry_drop(i);
}

/* To a worker. Whoever is not waited for is not looked at again: its answer counts as a pass. */
static void
hand_over(struct bulkheads *b, struct question *q, bool everything)
{
	struct inquiry *i = q->inquiry;

	q->began = clock_ticks_us();
	q->apart = !everything && link_worst(q->link) == DECISION_PASS;
	monitor_enter(&i->monitor);
	if (q->apart) {
		q->how = ANSWER_APART;
		q->open = false;
	} else {
		i->open++;
	}
	monitor_leave(&i->monitor);
	(void)atomic_fetch_add(&i->references, 1);
	if (bulkhead_submit(b, q->link->policy->resource, work, q))
		return;
	(void)atomic_fetch_sub(&i->references, 1);
	monitor_enter(&i->monitor);
	i->open -= !q->apart;
	i->refused = true;
	q->how = ANSWER_BUSY;
	q->said = verdict_defer(REPLY_LATER, "all workers for such checks are busy");
	q->open = false;
	monitor_leave(&i->monitor);
}

/* ---- the verdicts. Under the monitor once there are workers. ---- */

/* Looks what the answers that have come make of each subject. */
static void
merge(const struct inquiry *i, struct parts *parts)
{
	for (size_t s = 0; s < parts->subjects; s++)
		parts->standings[s] = (struct standing){ .verdict = verdict_pass() };
	for (size_t p = 0; p < parts->count; p++) {
		const struct part *part = &parts->all[p];
		const struct question *q = &i->questions[part->question];
		struct standing *s = &parts->standings[part->subject];
		struct verdict one;

		if (q->open || q->how == ANSWER_APART || q->how == ANSWER_CANCELLED)
			continue;
		one = link_verdict(part->link, q->said);
		if (verdict_yields(&s->verdict, one.decision, one.place))
			*s = (struct standing){ one, part->link };
	}
}

/*
 * Whether an answer could change any subject's verdict: one that is missing of those that were asked
 * for, or the one to this question.
 */
static bool
may_change(const struct inquiry *i, struct parts *parts, const struct question *only)
{
	merge(i, parts);
	for (size_t p = 0; p < parts->count; p++) {
		const struct part *part = &parts->all[p];
		const struct question *q = &i->questions[part->question];

		const struct verdict *now = &parts->standings[part->subject].verdict;
		enum decision worst = link_worst(part->link);

		/* Whoever gets what is taken, or decides on it, is told all that speaks against it. */
		if (q->open && (only == NULL ? q->began != 0 : q == only) &&
		    (verdict_yields(now, worst, part->link->place) ||
		     (worst != DECISION_PASS && verdict_takes(now))))
			return true;
	}
	return false;
}

static void
start(struct bulkheads *b, struct inquiry *i, struct parts *parts, struct question *q, bool everything)
{
	bool wanted;

	monitor_enter(&i->monitor);
	wanted = everything || link_worst(q->link) == DECISION_PASS || may_change(i, parts, q);
	monitor_leave(&i->monitor);
	if (wanted && !i->copied)
		inquiry_share(i);
	if (wanted)
		hand_over(b, q, everything);
}

/* First what is answered at once: it may settle the rest. */
static void
start_first(struct bulkheads *b, struct inquiry *i, struct parts *parts, bool everything)
{
	for (size_t q = 0; q < i->count; q++)
		(void)ask_at_once(&i->questions[q]);
	for (size_t n = 0; n < i->count; n++) {
		const struct policy *p = i->questions[n].link->policy;

		if (i->questions[n].open && !p->last)
			start(b, i, parts, &i->questions[n], everything);
	}
}

/* Whether some list takes the message so far, and the answer is for that one. */
static bool
is_of_use(const struct inquiry *i, struct parts *parts, const struct question *q)
{
	merge(i, parts);
	for (size_t p = 0; p < parts->count; p++)
		if (&i->questions[parts->all[p].question] == q &&
		    verdict_goes(parts->standings[parts->all[p].subject].verdict.decision))
			return true;
	return false;
}

/* What is to be asked last, of the lists that take the message so far. */
static void
start_last(struct bulkheads *b, struct inquiry *i, struct parts *parts)
{
	for (size_t n = 0; n < i->count; n++) {
		struct question *q = &i->questions[n];
		bool wanted;

		if (!q->link->policy->last)
			continue;
		monitor_enter(&i->monitor);
		wanted = is_of_use(i, parts, q);
		monitor_leave(&i->monitor);
		if (wanted)
			start(b, i, parts, q, false);
	}
}

/* Waits for the answers that matter. False at the deadline. */
static bool
wait_for_answers(struct inquiry *i, struct parts *parts, const struct terms *t)
{
	bool in_time = true, waits = false;

	monitor_enter(&i->monitor);
	while (in_time && (t->everything ? i->open > 0 : may_change(i, parts, NULL))) {
		if (!waits && t->around != NULL) {
			waits = true;
			monitor_leave(&i->monitor);
			t->around(t->arg, true);
			monitor_enter(&i->monitor);
			continue;
		}
		in_time = monitor_wait_until(&i->monitor, t->by);
	}
	monitor_leave(&i->monitor);
	if (waits)
		t->around(t->arg, false);
	return in_time;
}

/* It is settled; what has not come by now is late or of no use. */
static void
settle(struct inquiry *i, bool in_time)
{
	bool cancel = false;

	monitor_enter(&i->monitor);
	i->over = true;
	for (size_t n = 0; n < i->count; n++) {
		struct question *q = &i->questions[n];

		if (!q->open)
			continue;
		cancel = true;
		q->how = in_time || q->began == 0 ? ANSWER_CANCELLED : ANSWER_LATE;
		q->said = verdict_defer(REPLY_LATER, q->how == ANSWER_LATE ? "no answer in time" : "");
		q->took = q->began == 0 ? 0 : clock_ticks_us() - q->began;
		q->open = false;
	}
	monitor_leave(&i->monitor);
	if (cancel && i->cancelled >= 0)
		(void)eventfd_write(i->cancelled, 1);
}

/* What one answer adds to a verdict beside its being the worst. */
static void
add_words(struct verdict *v, const struct answer *a)
{
	if (v->decision == DECISION_HOLD && a->verdict.decision == DECISION_HOLD)
		verdict_also(v, a->link->policy->name, a->said.reason);
	if (verdict_takes(v) && a->verdict.decision == DECISION_TAG)
		(void)verdict_tag(v, a->link->tag, a->said.decision == DECISION_DEFER);
}

static void
fill_in(const struct inquiry *i, const struct parts *parts, struct subject *s, size_t which)
{
	s->verdict = parts->standings[which].verdict;
	s->decided_by = parts->standings[which].decided_by;
	if (s->verdict.decision == DECISION_HOLD)
		s->verdict.reason[0] = '\0';
	s->answers = mem_array(s->chain->count, sizeof(*s->answers));
	s->answer_count = 0;
	for (size_t p = 0; p < parts->count; p++) {
		const struct part *part = &parts->all[p];
		const struct question *q = &i->questions[part->question];

		if (part->subject != which)
			continue;
		s->answers[s->answer_count++] =
			q->how == ANSWER_APART
				? (struct answer){ .link = part->link, .how = q->how }
				: (struct answer){ part->link, q->how, q->said,
				                   link_verdict(part->link, q->said), q->took };
		add_words(&s->verdict, &s->answers[s->answer_count - 1]);
	}
}

void
inquiry_run(struct bulkheads *b, const struct terms *t, struct subject *subjects, size_t count)
{
	struct inquiry *i = inquiry_new(t);
	struct parts parts = { 0 };
	bool in_time;

	parts.subjects = count;
	parts.standings = mem_array(count, sizeof(*parts.standings));
	collect(i, &parts, subjects, count);
	start_first(b, i, &parts, t->everything);
	in_time = wait_for_answers(i, &parts, t);
	if (in_time) {
		start_last(b, i, &parts);
		in_time = wait_for_answers(i, &parts, t);
	}
	settle(i, in_time);
	for (size_t q = 0; q < i->count; q++)
		if (i->questions[q].how != ANSWER_APART)
			count_answer(&i->questions[q], i->questions[q].how, i->questions[q].said,
			             i->questions[q].took);
	merge(i, &parts);
	for (size_t s = 0; s < count; s++)
		fill_in(i, &parts, &subjects[s], s);
	free(parts.all);
	free(parts.standings);
	inquiry_drop(i);
}
