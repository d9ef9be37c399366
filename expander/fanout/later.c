/* Later, or never. */
#include "expander/fanout/later.h"

#include "base/log.h"
#include "expander/fanout/report.h"

#include <string.h>

/* What it said of itself and cannot be read counts as nothing. */
static int
report(struct entry *entry, const struct service *s, const char *reason, struct complaint *why)
{
	const struct distribution none = { 0 };
	struct complaint what;
	struct tally t = { 0 };
	int rc = 0;

	if (entry->damage == NULL)
		rc = entry->queues->ops->progress(entry, 0, &t, why);
	(void)complain(&what, "%s%s", entry->damage != NULL && entry->queue == QUEUE_OUTBOUND
	                                      ? "what was sent cannot be read: " : "", reason);
	if (rc == 0)
		rc = report_failures(entry, s->site, &none, &t, what.text, why);
	tally_free(&t);
	return rc;
}

static bool
give_up(struct entry **entry, const struct service *s, const char *event, const char *reason)
{
	const struct queue_ops *ops = (*entry)->queues->ops;
	char id[DIGEST_NAME + 1];
	struct complaint why;

	memcpy(id, (*entry)->id, sizeof(id));
	/* Of a shadow nobody hears but the log. */
	if ((!(*entry)->envelope.shadow && report(*entry, s, reason, &why) < 0) ||
	    ops->move(entry, QUEUE_DONE, &why) < 0) {
		log_say(LEVEL_ERROR, event, "%s: %s", id, why.text);
		queue_defer(entry, &s->outbound.retry, why.text);
		return false;
	}
	log_say(LEVEL_ERROR, event, "%s: given up, sent to nobody: %s", id, reason);
	return true;
}

bool
put_off(struct entry **entry, const struct service *s, const char *event, const char *reason)
{
	const struct schedule *retry = &s->outbound.retry;
	const struct entry *e = *entry;
	struct log_line l;

	if (queue_expired(e, retry))
		return give_up(entry, s, event, reason);
	log_begin(&l, e->damage == NULL ? LEVEL_WARN : LEVEL_ERROR, event);
	log_text(&l, "id", e->id);
	log_text(&l, "list", e->envelope.list);
	log_text(&l, "verdict", "later");
	log_number(&l, "tries", e->tries + 1);
	log_text(&l, "reason", reason);
	log_end(&l);
	queue_defer(entry, retry, reason);
	return false;
}
