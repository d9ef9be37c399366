/* What is the same for all back ends. */
#include "queues/queue.h"

#include "base/log.h"

#include <pthread.h>
#include <string.h>

enum { FEWEST_TRIES = 3 };                /* before an entry is given up */

static pthread_mutex_t telling = PTHREAD_MUTEX_INITIALIZER;

static const char *const words[QUEUE_COUNT] = {
	[QUEUE_MODERATION] = "moderation",
	[QUEUE_PENDING] = "pending",
	[QUEUE_BOUNCE] = "bounce",
	[QUEUE_OUTBOUND] = "outbound",
	[QUEUE_DONE] = "done",
};

const char *
queue_word(enum queue_id q)
{
	return words[q];
}

const char *
receipt_word(enum receipt_fate f)
{
	static const char *const fates[RECEIPT_FATES] = { "failed", "noted", "late", "unknown" };

	return fates[f];
}

void
queue_listen(struct queues *q, void (*told)(void *, const char *, int64_t), void *arg)
{
	(void)pthread_mutex_lock(&telling);
	q->told = told;
	q->told_arg = arg;
	(void)pthread_mutex_unlock(&telling);
}

enum receipt_fate
queue_receipt(struct queues *q, const char *id, int64_t batch, const char *token, struct complaint *why)
{
	enum receipt_fate fate = q->ops->receipt(q, id, batch, token, why);

	(void)pthread_mutex_lock(&telling);
	if (q->told != NULL && (fate == RECEIPT_NOTED || fate == RECEIPT_LATE))
		q->told(q->told_arg, id, batch);
	(void)pthread_mutex_unlock(&telling);
	return fate;
}

void
queues_close(struct queues **queues)
{
	struct queues *q = *queues;

	*queues = NULL;
	if (q != NULL)
		q->ops->close(q);
}

void
queue_defer(struct entry **entry, const struct schedule *schedule, const char *reason)
{
	const struct queue_ops *ops = (*entry)->queues->ops;
	int64_t now = clock_wall(), tries = (*entry)->tries + 1, spent = queue_spent(*entry, schedule);
	int64_t until = schedule_next(schedule, tries, spent, now);
	const struct record r = { .kind = RECORD_DEFER, .at = now, .until = until, .tries = tries,
		                  .spent = spent, .text = reason };
	struct complaint why;

	/* Without the record it will be tried again as well, only sooner after a restart. */
	if ((*entry)->damage != NULL)
		until = now + schedule->most;     /* how often it was tried already nobody can say */
	else if (ops->note(*entry, &r, true, &why) < 0)
		log_say(LEVEL_WARN, "queue", "%s: %s", (*entry)->id, why.text);
	/* The clock may have jumped while that was synced. */
	ops->release(entry, clock_wall() + (until - now));
}

int64_t
queue_spent(const struct entry *entry, const struct schedule *schedule)
{
	int64_t now = clock_wall();

	if (entry->damage != NULL)
		return now - entry->envelope.arrived;
	return entry->spent + schedule_step(schedule, entry->since, now);
}

bool
queue_expired(const struct entry *entry, const struct schedule *schedule)
{
	return (entry->damage != NULL || entry->tries + 1 >= FEWEST_TRIES) &&
	       schedule_expired(schedule, queue_spent(entry, schedule));
}

enum stored
queue_put(struct queues *queues, enum queue_id queue, const struct envelope *envelope, const char *key,
          const struct bytes *text, char id[DIGEST_NAME + 1], struct complaint *why)
{
	struct commitment c = { .queue = queue, .envelope = envelope };
	enum stored result;
	struct draft *d = queues->ops->draft(queues, &result, why);

	if (d == NULL)
		return result;
	result = queues->ops->write(d, text->data, text->length, why);
	if (result == STORED) {
		queues->ops->name_by(d, key);
		queues->ops->entry_name(d, envelope->list, envelope->role, id);
		queues->ops->commit(d, &c, 1, why);
		result = c.result;
	}
	queues->ops->discard(&d);
	return result;
}
