/* Lanes. */
#include "expander/fanout/inject.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "expander/fanout/doubts.h"
#include "expander/fanout/later.h"
#include "expander/fanout/post.h"
#include "expander/fanout/report.h"
#include "expander/fanout/sending.h"
#include "expander/fanout/settle.h"
#include "expander/metrics.h"
#include "expander/pulse.h"
#include "expander/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST_POSTS = 64,                  /* under way at once: enough for small ones to pass a huge one */
	AFTER_FAILURE = 1000,             /* ms that a lane rests when the MTA is not there */
	IDLE = 60000,                     /* ms: how long a lane waits at a time for something to do */
	WHEN_FULL = 1000,                 /* ms at most until a lane without work looks again */
	REPORT_AGAIN = 60000              /* ms until a report that could not be stored is tried again */
};

struct injector {
	struct work *work;
	size_t lanes;
	struct monitor monitor;           /* over what follows, and the posts */
	struct post *posts;               /* the next batch is cut from the first that has work */
	size_t count;
	struct learnt learnt;             /* of the MTA */
	struct doubts *doubts;            /* posts that wait for receipts */
};

/* What one lane has for itself. */
struct lane {
	struct injector *injector;
	struct smtp *smtp;
	char *mta;                        /* where it leads */
	bool used;                        /* a transaction has gone over it */
	int64_t last_used;                /* ticks */
};

static void take_back(void *arg, struct post *);

struct injector *
injector_open(struct work *work, size_t lanes)
{
	struct injector *in = mem_new(sizeof(*in));

	in->work = work;
	in->lanes = lanes;
	in->doubts = doubts_open(work, take_back, in);
	monitor_init(&in->monitor);
	return in;
}

void
injector_close(struct injector **injector)
{
	struct injector *in = *injector;

	*injector = NULL;
	if (in == NULL)
		return;
	doubts_close(&in->doubts);
	while (in->posts != NULL) {
		struct post *p = in->posts;

		in->posts = p->next;
		post_close(&p);
	}
	monitor_destroy(&in->monitor);
	free(in);
}

/* ---- posts under way; under the lock ---- */

static void
append(struct injector *in, struct post *p)
{
	struct post **at = &in->posts;

	while (*at != NULL)
		at = &(*at)->next;
	p->next = NULL;
	*at = p;
}

static void
unlink_post(struct injector *in, const struct post *p)
{
	struct post **at = &in->posts;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

/* The next batch: from the first post that has work, which goes to the end of the line. */
static struct batch *
next_batch(struct injector *in, size_t most)
{
	struct post *p = in->posts;

	while (p != NULL && !post_has_work(p))
		p = p->next;
	if (p == NULL)
		return NULL;
	unlink_post(in, p);
	append(in, p);
	return post_cut(p, learnt_most(&in->learnt, most, clock_ticks()), in->lanes);
}

/* ---- the end of a post ---- */

static void
log_post(const struct post *p, const char *state)
{
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "inject");
	log_text(&l, "id", p->entry->id);
	log_text(&l, "queue", p->entry->envelope.queue_id);
	log_text(&l, "list", p->entry->envelope.list);
	log_text(&l, "state", state);
	log_number(&l, "sent", (int64_t)p->tally.sent);
	log_number(&l, "refused", (int64_t)p->tally.refused);
	log_number(&l, "waiting", (int64_t)p->tally.waiting);
	log_number(&l, "seconds", (clock_wall() - p->entry->envelope.arrived) / 1000);
	if (p->reason[0] != '\0' && p->tally.waiting > 0)
		log_text(&l, "reason", p->reason);
	log_end(&l);
}

/* Reports what was refused, and lets the post go: done, or until the next time. */
static void
finish(struct post *p, const struct service *s)
{
	const struct queue_ops *ops = p->entry->queues->ops;
	bool expired = queue_expired(p->entry, &s->outbound.retry);
	const char *given_up = NULL;
	struct complaint why;

	if (p->tally.waiting > 0 && !expired) {
		metric_add(&expander_metrics[POSTS], POST_LATER, 0, 0, 1);
		log_post(p, "deferred");
		queue_defer(&p->entry, &s->outbound.retry, p->reason);
		return;
	}
	if (p->tally.waiting > 0)
		given_up = p->reason[0] == '\0' ? "the time is over" : p->reason;
	if (report_failures(p->entry, s->site, &p->list, &p->tally, given_up, &why) < 0) {
		log_say(LEVEL_ERROR, "inject", "%s: the report waits: %s", p->entry->id, why.text);
		ops->release(&p->entry, clock_wall() + REPORT_AGAIN);
		return;
	}
	metric_add(&expander_metrics[POSTS], given_up == NULL ? POST_DONE : POST_EXPIRED, 0, 0, 1);
	log_post(p, given_up == NULL ? "done" : "expired");
	if (ops->move(&p->entry, QUEUE_DONE, &why) < 0) {
		log_say(LEVEL_ERROR, "inject", "%s: %s", p->entry->id, why.text);
		ops->release(&p->entry, clock_wall() + REPORT_AGAIN);
	}
}

/*
 * Ends a post that has nothing left to do now. Called inside the lock, which it leaves meanwhile.
 */
static void
finish_if_idle(struct injector *in, struct post *p, const struct service *s)
{
	if (p->busy > 0 || post_has_work(p))
		return;
	unlink_post(in, p);
	in->count--;
	monitor_wake(&in->monitor);
	monitor_leave(&in->monitor);
	if (p->tally.open != NULL) {
		doubts_add(in->doubts, p);
	} else {
		finish(p, s);
		post_close(&p);
	}
	monitor_enter(&in->monitor);
}

/*
 * Nothing of the post is in doubt any more. What was not queued is sent again, once it is claimed again:
 * while it waited it was none that could end the process.
 */
static void
take_back(void *arg, struct post *p)
{
	struct injector *in = arg;
	struct service *s = service_current();

	p->halted = false;
	if (!post_has_work(p))
		finish(p, s);
	post_close(&p);
	in->work->queues->ops->wake(in->work->queues);
	service_drop(&s);
}

void
injector_doubts(struct injector *in)
{
	doubts_worker(in->doubts);
}

void
injector_stop(struct injector *in)
{
	doubts_stop(in->doubts);
}

/* ---- one batch ---- */

/* A connection that is there, or a complaint. */
static bool
connect_lane(struct lane *l, const struct service *s, struct complaint *why)
{
	const struct smtp_config c = { .mta = &s->mta, .hostname = s->site->hostname,
		                       .connect = s->outbound.connect, .reply = s->outbound.reply,
		                       .abandon = l->injector->work->abandon };

	char *mta = mem_format("%s port %s", s->mta.host, s->mta.port);

	/* A reload may have named another. */
	if (l->mta != NULL && strcmp(l->mta, mta) != 0) {
		smtp_close(&l->smtp);
		monitor_enter(&l->injector->monitor);
		l->injector->learnt = (struct learnt){ 0 };
		monitor_leave(&l->injector->monitor);
	}
	if (l->smtp == NULL) {
		pulse_step(s->outbound.connect);
		l->smtp = smtp_open(&c, why);
		l->used = false;
	}
	free(l->mta);
	l->mta = mta;
	return l->smtp != NULL;
}

/* Runs the transaction; a connection that died while it was idle is made again, once. */
static void
run(struct lane *l, const struct service *s, struct sending *g, struct outcome *o)
{
	struct transaction t = sending_transaction(g);
	struct complaint why;
	bool again = true;

	while (again) {
		bool fresh = l->smtp == NULL || !l->used;

		if (!connect_lane(l, s, &why)) {
			o->made = SMTP_NOT_SENT;
			(void)snprintf(o->text, sizeof(o->text), "%s", why.text);
			return;
		}
		t.utf8 = sending_needs_utf8(g, smtp_has_utf8(l->smtp), o);
		smtp_send(l->smtp, &t, o);
		l->used = true;
		l->last_used = clock_ticks();
		if (o->closing)
			smtp_close(&l->smtp);
		again = !fresh && o->made == SMTP_NOT_STARTED;
	}
}

/* Whether the MTA said anything at all. */
static bool
was_answered(const struct batch *b, const struct outcome *o)
{
	bool answered = o->code != 0;

	for (size_t i = 0; i < b->count && !answered; i++)
		answered = o->codes[i] != 0;
	return answered;
}

/* Injects one batch and writes down what became of it. True if the MTA could be reached. */
static bool
inject(struct lane *l, const struct service *s, struct batch *b)
{
	struct injector *in = l->injector;
	struct sending g = sending_begin(b, s->receipts);
	struct outcome o = { 0 };
	int64_t began = clock_ticks_us();
	enum fate fate;
	size_t sent;
	bool reached;

	o.codes = mem_array(b->count, sizeof(*o.codes));
	o.texts = mem_array(b->count, sizeof(*o.texts));
	run(l, s, &g, &o);
	monitor_enter(&in->monitor);
	fate = settle_judge(b, &o, &s->outbound);
	monitor_leave(&in->monitor);
	settle_note(b, &o, fate);
	monitor_enter(&in->monitor);
	sent = settle(b, &o, fate, &in->learnt);
	settle_log(b, &o, sent, began);
	b->post->busy--;
	reached = was_answered(b, &o);
	if (!reached)
		b->post->halted = true;   /* its other batches would fare no better now */
	finish_if_idle(in, b->post, s);
	monitor_leave(&in->monitor);
	for (size_t i = 0; i < b->count; i++)
		free(o.texts[i]);
	free(o.texts);
	free(o.codes);
	sending_end(&g);
	return reached;
}

/* ---- a lane ---- */

/* Whether its batches are to ask for receipts: as its destination says, or always where that is gone. */
static bool
wants_proof(const struct post *p, const struct service *s)
{
	const struct destination *d = site_destination(s->site, p->entry->envelope.list);

	return d == NULL || (d->proof > 0 && p->list.count >= (size_t)d->proof);
}

/* The end of an entry that nothing may be sent of. It has its distribution list, to be compared. */
static void
finish_shadow(struct post *p)
{
	const struct queue_ops *ops = p->entry->queues->ops;
	struct complaint why;

	metric_add(&expander_metrics[POSTS], POST_DONE, 0, 0, 1);
	log_post(p, "shadow");
	if (ops->move(&p->entry, QUEUE_DONE, &why) < 0) {
		log_say(LEVEL_ERROR, "inject", "%s: %s", p->entry->id, why.text);
		ops->release(&p->entry, clock_wall() + REPORT_AGAIN);
	}
}

/* Takes another entry into work, if there is one and there are not too many. */
static bool
take_entry(struct injector *in, const struct service *s)
{
	struct queues *queues = in->work->queues;
	struct complaint why;
	struct entry *entry;
	struct post *p;
	bool found;

	monitor_enter(&in->monitor);
	if (in->count >= MOST_POSTS) {
		monitor_leave(&in->monitor);
		return false;
	}
	in->count++;
	monitor_leave(&in->monitor);
	entry = queues->ops->claim(queues, QUEUE_OUTBOUND);
	found = entry != NULL;
	p = found ? post_open(entry, &why) : NULL;
	if (p != NULL)
		p->proof = wants_proof(p, s);
	if (p != NULL && p->entry->envelope.shadow) {
		finish_shadow(p);
		post_close(&p);
	} else if (found && p == NULL) {
		metric_add(&expander_metrics[POSTS],
		           put_off(&entry, s, "inject", why.text) ? POST_EXPIRED : POST_LATER, 0, 0, 1);
	}
	monitor_enter(&in->monitor);
	if (p == NULL) {
		in->count--;
	} else {
		append(in, p);
		finish_if_idle(in, p, s);
	}
	monitor_leave(&in->monitor);
	/* There may be enough for the others as well. */
	if (p != NULL)
		queues->ops->wake(queues);
	return found;
}

/* Until there may be work. What is due does not help while there are too many posts under way. */
static void
rest(struct lane *l, const struct service *s)
{
	struct injector *in = l->injector;
	struct queues *queues = in->work->queues;
	int64_t end = l->last_used + s->outbound.idle, now = clock_ticks();
	struct deadline by = deadline_in(l->smtp == NULL ? IDLE : end > now ? end - now : 0);
	bool full;

	by = deadline_in(pulse_rest(deadline_left(by)));
	monitor_enter(&in->monitor);
	full = in->count >= MOST_POSTS;
	if (full)
		(void)monitor_wait_until(&in->monitor, deadline_earlier(by, deadline_in(WHEN_FULL)));
	monitor_leave(&in->monitor);
	if (!full)
		queues->ops->wait(queues, QUEUE_OUTBOUND, by);
	if (l->smtp != NULL && clock_ticks() >= end)
		smtp_close(&l->smtp);
}

/* The next batch for a lane, once what is due has been taken up: it may be small, and not wait. */
static struct batch *
find_work(struct injector *in, const struct service *s, bool *took)
{
	struct batch *b;

	*took = take_entry(in, s);
	monitor_enter(&in->monitor);
	b = next_batch(in, (size_t)s->outbound.batch);
	monitor_leave(&in->monitor);
	return b;
}

void
injector_lane(struct injector *in)
{
	struct lane lane = { .injector = in };

	while (!work_stopping(in->work)) {
		struct service *s = service_current();
		bool took;
		struct batch *b = find_work(in, s, &took);

		pulse_step(0);
		if (b != NULL) {
			bool reached = inject(&lane, s, b);

			batch_free(&b);
			if (!reached)
				work_pause(in->work, AFTER_FAILURE);
		} else if (!took) {
			rest(&lane, s);
		}
		service_drop(&s);
	}
	smtp_close(&lane.smtp);
	free(lane.mta);
}
