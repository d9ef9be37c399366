/* Batches in doubt. */
#include "expander/fanout/doubts.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/fanout/smtp_client.h"
#include "expander/metrics.h"
#include "expander/pulse.h"
#include "expander/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST_DOUBTFUL = 256,              /* posts that are kept open; more are put off */
	LOOK = 250,                       /* ms between looks for receipts, at most */
	ASK = 10000,                      /* ms between questions to the MTA, at most */
	ASK_LEAST = 100,
	IDLE = 60000                      /* ms */
};

struct doubts {
	struct work *work;
	void (*back)(void *, struct post *);
	void *arg;
	struct monitor monitor;           /* over what follows */
	struct post *posts;
	size_t count;                     /* of them, and of those that the worker looks at */
	bool stopping;

	struct answers *answers;          /* of the worker */
};

/* An MTA, and since when and until when it has been answering; ticks, 0: not. */
struct answers {
	struct answers *next;
	char *mta;
	int64_t since, until;
	int64_t asked;                    /* ticks, when it was asked last */
	struct complaint silence;         /* why it does not answer */
};

struct doubts *
doubts_open(struct work *work, void (*back)(void *, struct post *), void *arg)
{
	struct doubts *d = mem_new(sizeof(*d));

	*d = (struct doubts){ .work = work, .back = back, .arg = arg };
	monitor_init(&d->monitor);
	return d;
}

void
doubts_close(struct doubts **doubts)
{
	struct doubts *d = *doubts;

	*doubts = NULL;
	if (d == NULL)
		return;
	while (d->posts != NULL) {
		struct post *p = d->posts;

		d->posts = p->next;
		post_close(&p);
	}
	monitor_destroy(&d->monitor);
	while (d->answers != NULL) {
		struct answers *a = d->answers;

		d->answers = a->next;
		free(a->mta);
		free(a);
	}
	free(d);
}

static void
put(struct doubts *d, struct post *p)
{
	p->next = d->posts;
	d->posts = p;
}

/* Until a later time; its batches stay in doubt. */
static void
put_off(struct post *p, const char *reason)
{
	struct service *s = service_current();

	log_say(LEVEL_WARN, "inject", "%s: %zu recipients are in doubt: %s", p->entry->id, p->tally.doubt,
	        reason);
	metric_add(&expander_metrics[POSTS], POST_LATER, 0, 0, 1);
	queue_defer(&p->entry, &s->outbound.retry, reason);
	post_close(&p);
	service_drop(&s);
}

void
doubts_add(struct doubts *d, struct post *p)
{
	bool room;

	p->entry->queues->ops->rest(p->entry);
	monitor_enter(&d->monitor);
	room = d->count < MOST_DOUBTFUL;
	if (room) {
		put(d, p);
		d->count++;
		monitor_wake(&d->monitor);
	}
	monitor_leave(&d->monitor);
	if (!room)
		put_off(p, "too many posts wait for receipts");
}

void
doubts_stop(struct doubts *d)
{
	monitor_enter(&d->monitor);
	d->stopping = true;
	monitor_wake(&d->monitor);
	monitor_leave(&d->monitor);
}

/* ---- the MTA ---- */

static struct answers *
answers_of(struct doubts *d, const struct mta *m)
{
	struct answers *a = d->answers;

	while (a != NULL && strcmp(a->mta, m->name) != 0)
		a = a->next;
	if (a == NULL) {
		a = mem_new(sizeof(*a));
		a->mta = mem_text(m->name);
		a->next = d->answers;
		d->answers = a;
	}
	return a;
}

/* Where a batch was sent to; the first MTA, where nobody knows or that one is configured no more. */
static const struct mta *
mta_of(const struct service *s, const struct open_batch *b)
{
	for (size_t i = 0; i < s->mta_count && b->mta != NULL; i++)
		if (strcmp(s->mtas[i].name, b->mta) == 0)
			return &s->mtas[i];
	return &s->mtas[0];
}

/* Whether it answers is asked now and then; that also makes it deliver receipts that it had put off. */
static void
ask_mta(struct doubts *d, const struct service *s, const struct mta *m)
{
	const struct smtp_config c = { .mta = &m->at, .hostname = s->site->hostname,
		                       .connect = s->outbound.connect, .reply = s->outbound.reply,
		                       .abandon = d->work->abandon, .access = &s->access };
	int64_t every = s->outbound.settle / 6, now = clock_ticks();
	struct answers *a = answers_of(d, m);
	struct complaint why;

	every = every > ASK ? ASK : every < ASK_LEAST ? ASK_LEAST : every;
	if (a->since != 0 && now - a->asked < every)
		return;
	pulse_step(s->outbound.connect + s->outbound.reply * 3);
	if (smtp_hurry(&c, s->receipts, &why) < 0) {
		a->since = 0;
		a->silence = why;
	} else if (a->since == 0) {
		a->since = clock_ticks();
	}
	pulse_step(0);
	a->asked = a->until = clock_ticks();
}

/* Those that posts wait for. */
static void
ask_mtas(struct doubts *d, const struct service *s, const struct post *posts)
{
	for (size_t i = 0; i < s->mta_count; i++) {
		bool needed = false;

		for (const struct post *p = posts; p != NULL; p = p->next)
			for (const struct open_batch *b = p->tally.open; b != NULL && !needed; b = b->next)
				needed = mta_of(s, b) == &s->mtas[i];
		if (needed)
			ask_mta(d, s, &s->mtas[i]);
		else
			answers_of(d, &s->mtas[i])->since = 0;
	}
}

/* ---- one post ---- */

static void
log_settled(const struct post *p, const struct open_batch *b, const char *state)
{
	struct log_line l;

	log_begin(&l, LEVEL_WARN, "doubt");
	log_text(&l, "id", p->entry->id);
	log_number(&l, "batch", b->batch);
	log_text(&l, "list", p->entry->envelope.list);
	log_text(&l, "state", state);
	log_end(&l);
}

/* A result is on disk, or at least it was tried. */
static bool
note_result(const struct post *p, const struct open_batch *b, int code, const char *text)
{
	const struct record r = { .kind = RECORD_RESULT, .at = clock_wall(), .batch = b->batch, .code = code,
		                  .text = text };
	struct complaint why;

	if (p->entry->queues->ops->note(p->entry, &r, false, &why) == 0)
		return true;
	log_say(LEVEL_ERROR, "inject", "%s.%" PRId64 ": %s", p->entry->id, b->batch, why.text);
	return false;
}

static void
hear(void *arg, int64_t batch, const char *token)
{
	struct post *p = arg;
	const struct open_batch *b = p->tally.open;

	while (b != NULL && (b->batch != batch || strcmp(b->receipt, token) != 0))
		b = b->next;
	if (b == NULL)
		return;
	/* Without the record the receipt says the same the next time. */
	(void)note_result(p, b, 250, "its receipt was heard");
	log_settled(p, b, "queued");
	metric_add(&expander_metrics[DOUBTS], DOUBT_QUEUED, 0, 0, 1);
	post_settle(p, b, true);
}

/* No receipt came: not queued. What cannot be written down stays in doubt. */
static void
give_up(struct post *p, const struct open_batch *b, const char *text)
{
	if (!note_result(p, b, 0, text))
		return;
	log_settled(p, b, "again");
	metric_add(&expander_metrics[DOUBTS], DOUBT_AGAIN, 0, 0, 1);
	post_settle(p, b, false);
}

/* Looks for its receipts, and how long the MTA of each batch has been answering. -1 with a complaint. */
static int
settle_post(struct doubts *d, struct post *p, const struct service *s, struct complaint *why)
{
	int rc = 0;

	if (p->entry->queues->ops->receipts(p->entry, hear, p, why) < 0)
		return -1;
	for (const struct open_batch *b = p->tally.open, *next; b != NULL; b = next) {
		const struct answers *a = answers_of(d, mta_of(s, b));
		int64_t since = a->since > p->doubt_since ? a->since : p->doubt_since;

		next = b->next;
		if (a->since == 0)
			rc = complain(why, "%s", a->silence.text);
		else if (a->until - since >= s->outbound.settle)
			give_up(p, b, "no receipt was heard");
	}
	return rc;
}

/*
 * The MTA does not answer, or receipts cannot be read: the post waits as others do, and is given up when
 * its time is over.
 */
static bool
give_way(struct post *p, const struct service *s, const char *reason)
{
	if (queue_expired(p->entry, &s->outbound.retry)) {
		p->doubt_later = true;
		for (const struct open_batch *b = p->tally.open, *next; b != NULL; b = next) {
			next = b->next;
			give_up(p, b, reason);
		}
		(void)snprintf(p->reason, sizeof(p->reason), "%s", reason);
	}
	if (p->tally.open == NULL)
		return true;
	put_off(p, reason);
	return false;
}

/* ---- the worker ---- */

static struct post *
take_all(struct doubts *d)
{
	struct post *all;

	monitor_enter(&d->monitor);
	all = d->posts;
	d->posts = NULL;
	monitor_leave(&d->monitor);
	return all;
}

static void
look_at(struct doubts *d, struct post *p, const struct service *s)
{
	struct complaint why;
	bool can_tell = settle_post(d, p, s, &why) == 0, settled = p->tally.open == NULL;
	bool kept = !settled && can_tell;

	if (!settled && !can_tell)
		settled = give_way(p, s, why.text);
	monitor_enter(&d->monitor);
	if (kept)
		put(d, p);
	else
		d->count--;
	monitor_leave(&d->monitor);
	if (settled)
		d->back(d->arg, p);
}

/* How long until there is something to do. */
static int64_t
look_at_all(struct doubts *d)
{
	struct post *p = take_all(d), *next;
	struct service *s;
	int64_t wait;

	s = service_current();
	ask_mtas(d, s, p);
	if (p == NULL) {
		service_drop(&s);
		return IDLE;
	}
	for (; p != NULL; p = next) {
		next = p->next;
		look_at(d, p, s);
	}
	wait = s->outbound.settle / 6;
	service_drop(&s);
	return wait > LOOK ? LOOK : wait;
}

void
doubts_worker(struct doubts *d)
{
	bool stopping = false;

	while (!stopping) {
		int64_t wait = look_at_all(d);
		struct deadline by = deadline_in(pulse_rest(wait));

		monitor_enter(&d->monitor);
		while (!d->stopping && (d->posts == NULL || wait < IDLE) &&
		       monitor_wait_until(&d->monitor, by))
			;
		stopping = d->stopping;
		monitor_leave(&d->monitor);
		pulse_step(0);
	}
}
