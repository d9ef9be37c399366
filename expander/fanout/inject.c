/* Lanes. */
#include "expander/fanout/inject.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "expander/fanout/backlog.h"
#include "expander/fanout/doubts.h"
#include "expander/fanout/ending.h"
#include "expander/fanout/farm.h"
#include "expander/fanout/lane.h"
#include "expander/fanout/later.h"
#include "expander/fanout/settle.h"
#include "expander/fanout/turns.h"
#include "expander/metrics.h"
#include "expander/pulse.h"
#include "expander/service.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MOST_POSTS = 64,                  /* under way at once: enough for small ones to pass a huge one */
	AFTER_FAILURE = 1000,             /* ms that a lane rests when the MTA is not there */
	IDLE = 60000,                     /* ms: how long a lane waits at a time for something to do */
	WHEN_FULL = 500,                  /* ms at most until a lane without work looks again */
	MOST_LARGE = 48,                  /* of those under way: others are put back … */
	PUT_BACK = 10000,                 /* … for so many ms */
	COUNT_AGAIN = 1000,               /* ms until the MTA's queue is looked at again */
	HELD_AGAIN = 500                  /* ms until it is looked again whether an operator holds a post */
};

struct injector {
	struct work *work;
	struct monitor monitor;           /* over what follows, and the posts */
	struct lane *lanes;               /* that were started */
	size_t taking;                    /* entries that are being opened */
	struct turns turns;
	struct farm farm;
	bool counting;                    /* the MTA's queue; … */
	int64_t counted;                  /* … it was counted last; ticks, 0: never */
	int64_t held;                     /* when it was looked last which posts are held; ticks */
	struct doubts *doubts;            /* posts that wait for receipts */
};

/* Lanes that have nothing to do look again. */
static void
wake_lanes(struct injector *in)
{
	in->work->queues->ops->wake(in->work->queues, QUEUE_OUTBOUND);
}

static void take_back(void *arg, struct post *);
static void hear(void *arg, const char *id, int64_t batch);

struct injector *
injector_open(struct work *work, struct paces *paces)
{
	struct injector *in = mem_new(sizeof(*in));

	in->work = work;
	in->turns.paces = paces;
	in->doubts = doubts_open(work, take_back, in);
	monitor_init(&in->monitor);
	queue_listen(work->queues, hear, in);
	return in;
}

void
injector_close(struct injector **injector)
{
	struct injector *in = *injector;

	*injector = NULL;
	if (in == NULL)
		return;
	queue_listen(in->work->queues, NULL, NULL);
	doubts_close(&in->doubts);
	turns_close(&in->turns);
	farm_close(&in->farm);
	monitor_destroy(&in->monitor);
	free(in);
}

/* ---- the end of a post ---- */

/*
 * Ends a post that has nothing left to do now. Called inside the lock, which it leaves meanwhile.
 */
static void
finish_if_idle(struct injector *in, struct post *p, const struct service *s)
{
	if (p->busy > 0 || post_has_work(p))
		return;
	turns_remove(&in->turns, p);
	if (in->turns.large == 0)
		farm_over(&in->farm);
	monitor_wake(&in->monitor);
	monitor_leave(&in->monitor);
	if (p->tally.open != NULL) {
		doubts_add(in->doubts, p);
	} else {
		ending(p, s);
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
		ending(p, s);
	post_close(&p);
	wake_lanes(in);
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

/* Whether the MTA said anything at all. */
static bool
was_answered(const struct batch *b, const struct outcome *o)
{
	bool answered = o->code != 0;

	for (size_t i = 0; i < b->count && !answered; i++)
		answered = o->codes[i] != 0;
	return answered;
}

/* Nothing goes out any more of a post that an operator holds. */
static void
halt(struct post *p)
{
	p->halted = true;
	(void)snprintf(p->reason, sizeof(p->reason), "held by an operator");
}

/* Takes a batch back that was cut and has not begun, since its post is held. */
static void
withdraw(struct injector *in, const struct service *s, struct station *st, struct batch *b)
{
	monitor_enter(&in->monitor);
	for (size_t i = 0; i < b->count; i++)
		post_again(b->post, b->lines[i]);
	b->post->busy--;
	if (b->beside > 0)
		(void)farm_end(st, b, NULL);
	halt(b->post);
	finish_if_idle(in, b->post, s);
	monitor_leave(&in->monitor);
}

/* Posts that are held are let go, also where no lane would begin a batch of them now. */
static void
look_at_held(struct injector *in, const struct service *s)
{
	int64_t now = clock_ticks();
	struct post *p;

	monitor_enter(&in->monitor);
	if (now - in->held >= HELD_AGAIN) {
		in->held = now;
		for (p = in->turns.posts; p != NULL && (p->halted || !p->entry->queues->ops->held(p->entry));
		     p = p->next)
			;
		if (p != NULL) {
			in->held = 0;     /* there may be others */
			halt(p);
			finish_if_idle(in, p, s);
		}
	}
	monitor_leave(&in->monitor);
}

/* Injects one batch and writes down what became of it. True if the MTA could be reached. */
static bool
inject(struct injector *in, struct lane *l, const struct service *s, struct station *st, struct batch *b)
{
	const struct mta *m = farm_mta(s, l->number);
	struct sending g = sending_begin(b, s);
	struct outcome o = { 0 };
	int64_t began = clock_ticks_us();
	bool elsewhere, reached, room;
	enum fate fate;
	size_t sent;

	o.codes = mem_array(b->count, sizeof(*o.codes));
	o.texts = mem_array(b->count, sizeof(*o.texts));
	lane_run(l, s, m, &g, &o);
	monitor_enter(&in->monitor);
	if (l->smtp != NULL)
		st->xverp = smtp_has_xverp(l->smtp);
	elsewhere = farm_is_free(&o) && farm_has_other(&in->farm, s, st, clock_ticks());
	fate = elsewhere ? FATE_ELSEWHERE : settle_judge(b, &o, &s->outbound);
	monitor_leave(&in->monitor);
	settle_note(b, &o, fate);
	monitor_enter(&in->monitor);
	sent = settle(b, &o, fate, &st->learnt);
	settle_log(b, &o, sent, began);
	b->post->busy--;
	l->under_way = 0;
	room = b->beside > 0 && farm_end(st, b, &o);
	if (farm_learn(st, b, &o) && s->mta_count > 1)
		farm_left(st, o.text, clock_ticks());
	reached = elsewhere || was_answered(b, &o);
	if (!reached)
		b->post->halted = true;   /* its other batches would fare no better now */
	finish_if_idle(in, b->post, s);
	monitor_leave(&in->monitor);
	/* What came back is for the lanes of others. */
	if (elsewhere || room)
		wake_lanes(in);
	for (size_t i = 0; i < b->count; i++)
		free(o.texts[i]);
	free(o.texts);
	free(o.codes);
	sending_end(&g);
	return reached;
}

/* A receipt was heard, by whatever thread. */
static void
hear(void *arg, const char *id, int64_t batch)
{
	struct injector *in = arg;
	bool room;

	monitor_enter(&in->monitor);
	room = farm_heard(&in->farm, id, batch);
	monitor_leave(&in->monitor);
	if (room)
		wake_lanes(in);
}

/* ---- a lane ---- */

/* Large posts that have to wait are not to keep small ones out. Under the lock; true: it was put back. */
static bool
put_back(struct injector *in, struct post *p)
{
	if (p->quick || in->turns.large < MOST_LARGE)
		return false;
	monitor_leave(&in->monitor);
	p->entry->queues->ops->release(&p->entry, clock_wall() + PUT_BACK);
	post_close(&p);
	monitor_enter(&in->monitor);
	return true;
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
	if (in->turns.count + in->taking >= MOST_POSTS) {
		monitor_leave(&in->monitor);
		return false;
	}
	in->taking++;
	monitor_leave(&in->monitor);
	entry = queues->ops->claim(queues, QUEUE_OUTBOUND);
	found = entry != NULL;
	p = found ? post_open(entry, &why) : NULL;
	if (p != NULL && p->entry->envelope.shadow) {
		ending_shadow(p);
		post_close(&p);
	} else if (p != NULL) {
		p->proof = turns_wants_proof(p, s);
		p->own = p->entry->envelope.inject_verp && sending_fits(p, s->keys);
		p->quick = turns_is_quick(p, s);
		sending_part(p, s);
	} else if (found) {
		metric_add(&expander_metrics[POSTS],
		           put_off(&entry, s, "inject", why.text) ? POST_EXPIRED : POST_LATER, 0, 0, 1);
	}
	monitor_enter(&in->monitor);
	in->taking--;
	if (p != NULL && !put_back(in, p)) {
		turns_add(&in->turns, p);
		finish_if_idle(in, p, s);
	}
	monitor_leave(&in->monitor);
	return found;
}

/* Until there may be work, `wait` ms at most. With too many posts under way no other helps. */
static void
rest(struct injector *in, struct lane *l, const struct service *s, int64_t wait)
{
	struct queues *queues = in->work->queues;
	int64_t end = l->last_used + s->outbound.idle, now = clock_ticks();
	struct deadline by = deadline_in(l->smtp == NULL ? wait : end > now ? end - now : 0);
	bool full;

	by = deadline_earlier(by, deadline_in(wait));
	by = deadline_in(pulse_rest(deadline_left(by)));
	monitor_enter(&in->monitor);
	full = in->turns.count >= MOST_POSTS;
	if (full)
		(void)monitor_wait_until(&in->monitor, deadline_earlier(by, deadline_in(WHEN_FULL)));
	monitor_leave(&in->monitor);
	if (!full)
		queues->ops->wait(queues, QUEUE_OUTBOUND, by);
	if (l->smtp != NULL && clock_ticks() >= end)
		smtp_close(&l->smtp);
}

/* Whether it has to be looked how long the MTA's queue is. Under the lock. */
static bool
is_count_old(const struct injector *in, const struct service *s)
{
	return s->outbound.queue != NULL &&
	       (in->counted == 0 || clock_ticks() - in->counted >= COUNT_AGAIN);
}

/* Looks now and then how long the queue of the MTAs of this host is. */
static void
look_at_queue(struct injector *in, const struct service *s)
{
	size_t count, most = (size_t)s->outbound.queue_most;
	bool due;

	monitor_enter(&in->monitor);
	due = !in->counting && is_count_old(in, s);
	in->counting = in->counting || due;
	monitor_leave(&in->monitor);
	if (!due)
		return;
	count = backlog_count(s->outbound.queue, most + 1);
	monitor_enter(&in->monitor);
	in->counting = false;
	in->counted = clock_ticks();
	for (size_t i = 0; i < s->mta_count; i++)
		throttle_queue(&farm_station(&in->farm, &s->mtas[i])->throttle, count, most);
	monitor_leave(&in->monitor);
	wake_lanes(in);
}

/* An MTA that was away gets no batch before it is there again, while others have them. Under the lock. */
static bool
is_left_alone(struct injector *in, const struct service *s, struct station *st, int64_t *wait)
{
	int64_t now = clock_ticks();

	if (st->away <= now || !farm_has_other(&in->farm, s, st, now))
		return false;
	*wait = st->away - now;
	return true;
}

/* The next batch for a lane; NULL: there may be one in *wait ms. */
static struct batch *
find_batch(struct injector *in, struct lane *l, const struct service *s, struct station *st, int64_t *wait)
{
	size_t limit = farm_limit(st, s, farm_lanes(s, farm_mta(s, l->number)),
	                          turns_long(&in->turns, (size_t)s->outbound.batch * THROTTLE_SHORT));
	struct wish w = { .service = s, .lane = &l->pace, .mta = &st->pace, .mta_name = st->name,
		                .lanes = (size_t)(s->outbound.lanes * s->weight),
		                .most = farm_most(st, (size_t)s->outbound.batch), .now = clock_ticks_us() };
	struct batch *b;

	if (is_left_alone(in, s, st, wait))
		return NULL;
	if (is_count_old(in, s))
		limit = 0;                /* another lane looks at it now */
	w.xverp = s->outbound.xverp && st->xverp;
	w.large = farm_has_room(st, limit);
	if (!w.large)
		*wait = WHEN_FULL;        /* whoever is done with a batch wakes the others */
	b = turns_next(&in->turns, &w, wait);
	l->under_way = b == NULL ? 0 : b->count;
	if (b == NULL)
		return NULL;
	b->mta = st->name;
	if (!b->post->quick)
		farm_begin(st, b);
	return b;
}

/* With others to send to, nothing is taken before there is a connection: they would have to wait for it. */
static bool
is_ready(struct injector *in, struct lane *l, const struct service *s, struct station *st, int64_t *wait)
{
	struct complaint why;
	bool idle;

	if (s->mta_count == 1 || l->smtp != NULL)
		return true;
	monitor_enter(&in->monitor);
	idle = !turns_have_work(&in->turns) || is_left_alone(in, s, st, wait) ||
	       !farm_has_other(&in->farm, s, st, clock_ticks());
	monitor_leave(&in->monitor);
	if (idle || lane_connect(l, s, farm_mta(s, l->number), &why))
		return true;
	monitor_enter(&in->monitor);
	farm_left(st, why.text, clock_ticks());
	monitor_leave(&in->monitor);
	*wait = AFTER_FAILURE;
	return false;
}

/* One step: a batch, or an entry, or a rest. */
static void
work(struct injector *in, struct lane *l, const struct service *s)
{
	int64_t wait = IDLE;
	/* What is due is taken up first: it may be small, and not wait. */
	bool took = take_entry(in, s);
	const struct mta *m = farm_mta(s, l->number);
	struct station *st;
	struct batch *b = NULL;
	bool more = false;

	look_at_queue(in, s);
	look_at_held(in, s);
	monitor_enter(&in->monitor);
	st = farm_station(&in->farm, m);
	monitor_leave(&in->monitor);
	if (is_ready(in, l, s, st, &wait)) {
		monitor_enter(&in->monitor);
		b = find_batch(in, l, s, st, &wait);
		more = turns_have_work(&in->turns);
		monitor_leave(&in->monitor);
	}
	/* What was taken may be enough for the others as well. */
	if (took && (b == NULL || more))
		wake_lanes(in);
	pulse_step(0);
	if (b == NULL && !took) {
		rest(in, l, s, wait);
	} else if (b != NULL && b->post->entry->queues->ops->held(b->post->entry)) {
		withdraw(in, s, st, b);
		batch_free(&b);
	} else if (b != NULL) {
		bool reached = inject(in, l, s, st, b);

		batch_free(&b);
		if (!reached)
			work_pause(in->work, AFTER_FAILURE);
	}
}

void
injector_lane(struct injector *in)
{
	struct lane lane = { .abandon = in->work->abandon };

	monitor_enter(&in->monitor);
	lane_join(&in->lanes, &lane);
	monitor_leave(&in->monitor);
	while (!work_stopping(in->work)) {
		struct service *s = service_current();

		work(in, &lane, s);
		service_drop(&s);
	}
	monitor_enter(&in->monitor);
	lane_part(&in->lanes, &lane);
	monitor_leave(&in->monitor);
	lane_close(&lane);
}

void
injector_pacing(struct injector *in, pacing_fn *look, void *arg)
{
	monitor_enter(&in->monitor);
	look(arg, &in->turns, &in->farm, in->lanes);
	monitor_wake(&in->monitor);
	monitor_leave(&in->monitor);
	wake_lanes(in);
}
