/* The end of the work on a post: done, or until the next time. */
#include "expander/fanout/ending.h"

#include "base/log.h"
#include "expander/fanout/report.h"
#include "expander/metrics.h"

enum { REPORT_AGAIN = 60000 };            /* ms until a report that could not be stored is tried again */

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

/* It is done, or what is left of it is for the next time. */
static void
let_go(struct post *p)
{
	const struct queue_ops *ops = p->entry->queues->ops;
	struct complaint why;

	if (ops->move(&p->entry, QUEUE_DONE, &why) < 0) {
		log_say(LEVEL_ERROR, "inject", "%s: %s", p->entry->id, why.text);
		ops->release(&p->entry, clock_wall() + REPORT_AGAIN);
	}
}

void
ending(struct post *p, const struct service *s)
{
	const struct queue_ops *ops = p->entry->queues->ops;
	bool expired = queue_expired(p->entry, &s->outbound.retry);
	const char *given_up = NULL;
	struct complaint why;

	if (p->tally.waiting > 0 && ops->held(p->entry)) {
		log_post(p, "held");
		ops->release(&p->entry, 0);
		return;
	}
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
	let_go(p);
}

void
ending_shadow(struct post *p)
{
	metric_add(&expander_metrics[POSTS], POST_DONE, 0, 0, 1);
	log_post(p, "shadow");
	let_go(p);
}
