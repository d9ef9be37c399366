/*
 * The engine. A question is what is asked once, a part the place of a question in the verdict of
 * one subject. Workers know questions only, and the inquiry they belong to lives as long as any of
 * them: whoever asked may be gone.
 */
#include "policies/inquiry.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "policies/metrics.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct question {
	struct inquiry *inquiry;
	const struct link *link;
	const struct chain *chain;        /* of the link */
	struct list *list;                /* a reference */
	char *recipient;
	enum role role;
	bool apart;                       /* nobody waits for it */
	int64_t began, took;
	/* Under the monitor, once there are workers. */
	bool open;
	enum answer_kind how;
	struct verdict said;
};

struct inquiry {
	atomic_int references;            /* of the asker and of each job */
	enum moment moment;
	struct deadline by;
	struct facts facts;               /* the asker's; once there are workers, a copy */
	bool copied;
	int cancelled;                    /* an eventfd, where there are workers; or -1 */
	struct monitor monitor;
	/* Under the monitor. */
	bool over;
	bool refused;                     /* some answer was no pass: the rest may be of no use */
	size_t open;                      /* that are waited for */
	struct question *questions;
	size_t count;
};

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

/*
 * Whether the answer to a question will do for this link and list as well. A check that stands twice
 * in one chain is asked twice.
 */
static bool
is_alike(const struct question *q, const struct link *l, const struct subject *s)
{
	if (q->link != l && (q->chain == s->chain || q->link->policy != l->policy ||
	                     strcmp(q->link->settings, l->settings) != 0))
		return false;
	return q->role == s->role &&
	       (!(l->policy->needs & NEED_LIST) || (strcmp(q->list->address, s->list->address) == 0 &&
	                                            strcmp(q->recipient, s->recipient) == 0));
}

static size_t
find_question(struct inquiry *i, const struct link *l, const struct subject *s)
{
	size_t at = 0;

	while (at < i->count && !is_alike(&i->questions[at], l, s))
		at++;
	if (at < i->count)
		return at;
	i->questions = mem_resize(i->questions, (i->count + 1) * sizeof(*i->questions));
	i->questions[i->count++] = (struct question){
		.inquiry = i, .link = l, .chain = s->chain, .list = list_hold(s->list),
		.recipient = mem_text(s->recipient), .role = s->role, .open = true,
	};
	return at;
}

static void
collect(struct inquiry *i, struct parts *parts, const struct subject *subjects, size_t count)
{
	const unsigned lacking = facts_lacking(&i->facts);

	for (size_t s = 0; s < count; s++)
		for (size_t n = 0; n < subjects[s].chain->count; n++) {
			const struct link *l = &subjects[s].chain->links[n];

			if (!link_asks(l, i->moment, subjects[s].role, lacking))
				continue;
			parts->all = mem_resize(parts->all, (parts->count + 1) * sizeof(*parts->all));
			parts->all[parts->count++] =
				(struct part){ s, find_question(i, l, &subjects[s]), l };
		}
}

bool
inquiry_has(const struct chain *c, enum moment moment, enum role role, unsigned lacking)
{
	size_t i = 0;

	while (i < c->count && !link_asks(&c->links[i], moment, role, lacking))
		i++;
	return i < c->count;
}

/* ---- life ---- */

/* What workers are told must outlive whoever asked. */
static void
prepare_for_workers(struct inquiry *i)
{
	struct facts *f = &i->facts;

	f->client = mem_text(f->client);
	f->login = mem_text(f->login);
	f->sender = mem_text(f->sender);
	f->state = mem_text(f->state);
	f->header = f->header == NULL ? NULL : mem_copy(f->header, f->header_length);
	if (f->filed)
		f->file = fcntl(f->file, F_DUPFD_CLOEXEC, 3);
	i->copied = true;
	i->cancelled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void
drop_inquiry(struct inquiry *i)
{
	if (atomic_fetch_sub(&i->references, 1) > 1)
		return;
	for (size_t q = 0; q < i->count; q++) {
		list_drop(&i->questions[q].list);
		free(i->questions[q].recipient);
	}
	free(i->questions);
	if (i->copied) {
		free((char *)i->facts.client);
		free((char *)i->facts.login);
		free((char *)i->facts.sender);
		free((char *)i->facts.header);
		free((char *)i->facts.state);
		if (i->facts.filed && i->facts.file >= 0)
			(void)close(i->facts.file);
	}
	if (i->cancelled >= 0)
		(void)close(i->cancelled);
	monitor_destroy(&i->monitor);
	free(i);
}

/* ---- the answers ---- */

static struct verdict
ask(const struct question *q, int cancelled)
{
	const struct inquiry *i = q->inquiry;
	struct facts f = i->facts;

	f.list = q->list;
	f.recipient = q->recipient;
	f.role = q->role;
	return q->link->policy->at[i->moment](q->link->config, &f, (struct patience){ i->by, cancelled });
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
	drop_inquiry(i);
}

static void
ask_inline(struct question *q)
{
	q->began = clock_ticks_us();
	q->said = ask(q, -1);
	q->took = clock_ticks_us() - q->began;
	q->open = false;
	q->inquiry->refused |= q->said.decision != DECISION_PASS;
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

/* Whether an answer that is missing could change any subject's verdict; or this one's, if not NULL. */
static bool
may_change(const struct inquiry *i, struct parts *parts, const struct question *only)
{
	merge(i, parts);
	for (size_t p = 0; p < parts->count; p++) {
		const struct part *part = &parts->all[p];
		const struct question *q = &i->questions[part->question];

		const struct verdict *now = &parts->standings[part->subject].verdict;
		enum decision worst = link_worst(part->link);

		/* Whoever decides on what is held is told all that speaks against it. */
		if (q->open && (only == NULL || q == only) &&
		    (verdict_yields(now, worst, part->link->place) ||
		     (worst == DECISION_HOLD && now->decision == DECISION_HOLD)))
			return true;
	}
	return false;
}

/* First what is answered at once: it may settle the rest. */
static void
start(struct bulkheads *b, struct inquiry *i, struct parts *parts, bool everything)
{
	for (size_t q = 0; q < i->count; q++)
		if (i->questions[q].link->policy->resource == RESOURCE_NONE)
			ask_inline(&i->questions[q]);
	for (size_t n = 0; n < i->count; n++) {
		struct question *q = &i->questions[n];
		bool wanted;

		if (q->link->policy->resource == RESOURCE_NONE)
			continue;
		monitor_enter(&i->monitor);
		wanted = everything || link_worst(q->link) == DECISION_PASS || may_change(i, parts, q);
		monitor_leave(&i->monitor);
		if (wanted && !i->copied)
			prepare_for_workers(i);
		if (wanted)
			hand_over(b, q, everything);
	}
}

/* Waits until it is settled; what has not come then is late or of no use. */
static void
settle(struct inquiry *i, struct parts *parts, const struct terms *t)
{
	bool in_time = true, cancel = false;

	monitor_enter(&i->monitor);
	while (in_time && (t->everything ? i->open > 0 : may_change(i, parts, NULL)))
		in_time = monitor_wait_until(&i->monitor, t->by);
	i->over = true;
	for (size_t n = 0; n < i->count; n++) {
		struct question *q = &i->questions[n];

		if (!q->open)
			continue;
		cancel = true;
		q->how = in_time ? ANSWER_CANCELLED : ANSWER_LATE;
		q->said = verdict_defer(REPLY_LATER, in_time ? "" : "no answer in time");
		q->took = q->began == 0 ? 0 : clock_ticks_us() - q->began;
		q->open = false;
	}
	monitor_leave(&i->monitor);
	if (cancel && i->cancelled >= 0)
		(void)eventfd_write(i->cancelled, 1);
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
		if (s->verdict.decision == DECISION_HOLD &&
		    s->answers[s->answer_count - 1].verdict.decision == DECISION_HOLD)
			verdict_also(&s->verdict, part->link->policy->name, q->said.reason);
	}
}

void
inquiry_run(struct bulkheads *b, const struct terms *t, struct subject *subjects, size_t count)
{
	struct inquiry *i = mem_new(sizeof(*i));
	struct parts parts = { 0 };
	bool wait;

	atomic_init(&i->references, 1);
	i->moment = t->moment;
	i->by = t->by;
	i->facts = *t->facts;
	i->cancelled = -1;
	monitor_init(&i->monitor);
	parts.subjects = count;
	parts.standings = mem_array(count, sizeof(*parts.standings));
	collect(i, &parts, subjects, count);
	start(b, i, &parts, t->everything);
	monitor_enter(&i->monitor);
	wait = t->everything ? i->open > 0 : may_change(i, &parts, NULL);
	monitor_leave(&i->monitor);
	if (wait) {
		if (t->around != NULL)
			t->around(t->arg, true);
		settle(i, &parts, t);
		if (t->around != NULL)
			t->around(t->arg, false);
	} else {
		settle(i, &parts, t);
	}
	for (size_t q = 0; q < i->count; q++)
		if (i->questions[q].how != ANSWER_APART)
			count_answer(&i->questions[q], i->questions[q].how, i->questions[q].said,
			             i->questions[q].took);
	merge(i, &parts);
	for (size_t s = 0; s < count; s++)
		fill_in(i, &parts, &subjects[s], s);
	free(parts.all);
	free(parts.standings);
	drop_inquiry(i);
}

void
subject_free(struct subject *s)
{
	free(s->answers);
	s->answers = NULL;
	s->answer_count = 0;
}

static const char *
answer_text(const struct answer *a)
{
	static const char *const otherwise[] = { [ANSWER_LATE] = "late", [ANSWER_BUSY] = "busy",
		                                 [ANSWER_CANCELLED] = "cancelled",
		                                 [ANSWER_APART] = "trial" };

	if (a->how != ANSWER_GIVEN)
		return otherwise[a->how];
	return a->said.decision == DECISION_PASS   ? "pass"
	       : a->said.decision == DECISION_DEFER ? "unsure"
	                                            : "fail";
}

void
subject_describe(const struct subject *s, struct bytes *out)
{
	enum { SHOWN = 1000 };            /* µs: what took less took nothing */

	for (size_t i = 0; i < s->answer_count; i++) {
		const struct answer *a = &s->answers[i];

		bytes_format(out, "%s%s=%s", i == 0 ? "" : " ", a->link->policy->name, answer_text(a));
		if (a->took >= SHOWN)
			bytes_format(out, "/%lld", (long long)(a->took / 1000));
	}
}
