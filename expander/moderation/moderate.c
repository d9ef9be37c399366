/* Working on what is held. */
#include "expander/moderation/moderate.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/let_go.h"
#include "expander/metrics.h"
#include "expander/moderation/notices.h"
#include "expander/pulse.h"
#include "expander/service.h"
#include "policies/moments.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE = 60000, LOOK_FIRST = 1000, LOOK_MOST = 3600000 };    /* ms */

struct moderation {
	struct entry *entry;
	struct service *service;
	struct notice_counts *counts;
	struct complaint why;
};

/* When it is looked at again: some times before its time is over, whatever that is. */
static struct schedule
schedule_of(const struct service *s)
{
	int64_t keep = s->moderation.keep, each = keep / 4;

	each = each < LOOK_FIRST ? LOOK_FIRST : each > LOOK_MOST ? LOOK_MOST : each;
	return (struct schedule){ each, each, keep };
}

/* The post is done with. -1 with a complaint: it is where it was. */
static int
end(struct moderation *m, enum moderation_result result, const char *what)
{
	char id[DIGEST_NAME + 1];

	memcpy(id, m->entry->id, sizeof(id));
	if (m->entry->queues->ops->move(&m->entry, QUEUE_DONE, &m->why) < 0)
		return -1;
	metric_add(&expander_metrics[MODERATIONS], result, 0, 0, 1);
	log_say(LEVEL_INFO, "moderation", "%s: %s", id, what);
	return 0;
}

/* It goes the way of every post, and is as young as one that comes now: to wait was no try. */
static int
accept_post(struct moderation *m)
{
	const struct queue_ops *ops = m->entry->queues->ops;
	const struct record fresh = { .kind = RECORD_DEFER, .at = clock_wall() };

	if (let_go_note(m->service->site->state, &m->entry->envelope, &m->why) < 0 ||
	    ops->note(m->entry, &fresh, true, &m->why) < 0 ||
	    ops->move(&m->entry, QUEUE_PENDING, &m->why) < 0)
		return -1;
	metric_add(&expander_metrics[MODERATIONS], MODERATION_ACCEPTED, 0, 0, 1);
	log_say(LEVEL_INFO, "moderation", "%s: is accepted", m->entry->id);
	return 0;
}

/* Without an address that is proven to be the poster's nobody is told: it might be somebody else. */
static int
reject(struct moderation *m)
{
	const struct envelope *e = &m->entry->envelope;
	struct tally t;
	int rc = 0;

	if (e->proof != NULL && *e->sender != '\0') {
		rc = m->entry->queues->ops->progress(m->entry, 0, &t, &m->why);
		if (rc == 0) {
			rc = notice_store(m->entry, m->service, NOTICE_REJECTED, t.decided_why, false,
			                  &m->why);
			tally_free(&t);
		}
	}
	return rc < 0 ? -1 : end(m, MODERATION_REJECTED, "is rejected");
}

/* Its owners hear of it, whatever was told them today. */
static int
expire(struct moderation *m)
{
	const struct record r = { .kind = RECORD_DECIDED, .decided = DECIDED_EXPIRE, .at = clock_wall() };

	if (m->entry->decided == DECIDED_NOT &&
	    m->entry->queues->ops->note(m->entry, &r, true, &m->why) < 0)
		return -1;
	if (m->service->moderation.notices > 0 &&
	    notice_store(m->entry, m->service, NOTICE_EXPIRED, m->entry->envelope.reason, false,
	                 &m->why) < 0)
		return -1;
	return end(m, MODERATION_EXPIRED, "thrown away: nobody has decided on it in time");
}

/* Whether the owners hear of it, and of no more today. Of a storm they hear once. */
static bool
is_told(struct moderation *m, bool *last)
{
	const struct envelope *e = &m->entry->envelope;
	bool storm = e->reason != NULL && strncmp(e->reason, "storm: ", 7) == 0;
	int64_t most = m->service->moderation.notices;
	char *key = mem_format("%s%s", storm ? "storm " : "", e->list);
	bool told = notice_counts_take(m->counts, key, storm && most > 1 ? 1 : most, clock_wall(), last);

	*last = *last && !storm;
	free(key);
	return told;
}

/* Nobody has decided. */
static int
keep(struct moderation *m)
{
	const struct schedule kept = schedule_of(m->service);
	bool last;

	if (queue_expired(m->entry, &kept))
		return expire(m);
	if (m->entry->tries == 0) {
		metric_add(&expander_metrics[MODERATIONS], MODERATION_HELD, 0, 0, 1);
		if (is_told(m, &last) &&
		    notice_store(m->entry, m->service, NOTICE_HELD, m->entry->envelope.reason, last,
		                 &m->why) < 0)
			return -1;
	}
	queue_defer(&m->entry, &kept, "waits for somebody to decide: rollcallctl accept, reject or discard");
	return 0;
}

static int
work_on(struct moderation *m)
{
	if (m->entry->damage != NULL)
		return complain(&m->why, "%s", m->entry->damage);
	switch (m->entry->decided) {
	case DECIDED_ACCEPT:
		return accept_post(m);
	case DECIDED_REJECT:
		return reject(m);
	case DECIDED_DISCARD:
		return end(m, MODERATION_DISCARDED, "is discarded");
	case DECIDED_EXPIRE:
		return expire(m);
	default:
		return keep(m);
	}
}

/*
 * What one list has let go, others may for as long as they hold it; and they hold it from when the MTA
 * has brought it to them, by which time its stamp is no older than this.
 */
static void
sweep(int64_t *swept)
{
	struct service *s = service_current();
	int64_t now = clock_wall();

	if (moments_due(swept, now))
		let_go_sweep(s->site->state, now - s->moderation.keep - s->site->stamp.lifetime);
	service_drop(&s);
}

void
moderation_worker(struct work *w)
{
	const struct queue_ops *ops = w->queues->ops;
	struct notice_counts *counts = notice_counts_open();
	int64_t swept = 0;

	while (!work_stopping(w)) {
		struct moderation m = { .counts = counts };

		pulse_step(0);
		sweep(&swept);
		m.entry = ops->claim(w->queues, QUEUE_MODERATION);
		if (m.entry == NULL) {
			ops->wait(w->queues, QUEUE_MODERATION, deadline_in(pulse_rest(IDLE)));
			continue;
		}
		m.service = service_current();
		if (work_on(&m) < 0) {
			log_say(LEVEL_ERROR, "moderation", "%s: later: %s", m.entry->id, m.why.text);
			queue_defer(&m.entry, &m.service->outbound.retry, m.why.text);
		} else if (m.entry != NULL) {
			ops->release(&m.entry, 0);
		}
		service_drop(&m.service);
	}
	notice_counts_close(&counts);
}
