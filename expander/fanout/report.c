/* Reports to those who look after a list. */
#include "expander/fanout/report.h"

#include "base/log.h"
#include "base/mem.h"
#include "mail/dsn.h"

#include <stdlib.h>
#include <string.h>

struct failures {
	const struct distribution *list;
	const struct tally *tally;
	const char *reason;
	uint32_t *waiting;                /* lines that were never sent to */
	size_t waiting_count;
};

static void
get_failure(void *arg, size_t i, struct dsn_failure *f)
{
	const struct failures *all = arg;
	size_t line;

	if (i < all->tally->refusal_count) {
		const struct refusal *r = &all->tally->refusals[i];

		line = r->line;
		f->code = r->code;
		f->text = r->text;
	} else {
		line = all->waiting[i - all->tally->refusal_count];
		f->code = 0;
		f->text = all->reason;
	}
	f->address = distribution_address(all->list, line, &f->length);
}

/* The lines that are neither sent nor refused. */
static void
collect_waiting(struct failures *f)
{
	f->waiting = mem_array(f->tally->count, sizeof(*f->waiting));
	for (size_t i = 0; i < f->tally->count; i++)
		if (f->tally->lines[i] == LINE_WAITING || f->tally->lines[i] == LINE_DOUBT)
			f->waiting[f->waiting_count++] = (uint32_t)i;
}

int
report_store(struct queues *queues, const struct bytes *text, const struct envelope *envelope,
             const char *key, char id[DIGEST_NAME + 1], struct complaint *why)
{
	enum stored result = queue_put(queues, QUEUE_BOUNCE, envelope, key, text, id, why);

	return result == STORED ? 0 : result == STORED_BEFORE ? 1 : -1;
}

/*
 * Named by the entry that it reports: made again after a crash, with another date or in other words,
 * it is still the same report.
 */
static int
store(struct queues *queues, const struct bytes *text, const struct envelope *envelope, char *id,
      struct complaint *why)
{
	char *key = mem_format("report of %s", envelope->report_of);
	int rc = report_store(queues, text, envelope, key, id, why);

	free(key);
	return rc < 0 ? -1 : 0;
}

/*
 * What is reported must be on disk before: after a loss of power a batch would be sent again, and
 * fare otherwise than the report says.
 */
static int
settle_facts(struct entry *entry, struct complaint *why)
{
	const struct record r = { .kind = RECORD_DEFER, .at = clock_wall(), .tries = entry->tries,
		                  .spent = -1 };

	return entry->damage != NULL ? 0 : entry->queues->ops->note(entry, &r, true, why);
}

int
report_failures(struct entry *entry, const struct site *site, const struct distribution *list,
                const struct tally *tally, const char *reason, struct complaint *why)
{
	struct failures f = { .list = list, .tally = tally, .reason = reason };
	char *to = list_role_address(entry->envelope.list, ROLE_OWNER), id[DIGEST_NAME + 1] = "";
	struct envelope report = { .list = entry->envelope.list, .role = (char *)role_word(ROLE_BOUNCES),
		                   .recipient = to, .sender = (char *)"", .report_of = entry->id,
		                   .inject_sender = (char *)"", .inject_add = (char *)"",
		                   .eight_bit = true };
	struct dsn dsn = { .hostname = site->hostname, .id = entry->id, .list = entry->envelope.list,
		           .to = to, .arrived = entry->envelope.arrived,
		           .now = clock_wall(), .anonymous = !entry->envelope.disclose,
		           .members = tally->count, .sent = tally->sent, .reason = reason,
		           .failure = get_failure, .arg = &f };
	struct bytes text = { 0 };
	int rc;

	if (*entry->envelope.inject_sender == '\0' ||
	    (reason == NULL && tally->refusal_count == 0)) {
		if (tally->refusal_count > 0 || reason != NULL)
			log_say(LEVEL_ERROR, "report", "%s: a report or bounce for %s found no taker",
			        entry->id, entry->envelope.list);
		free(to);
		return 0;
	}
	if (reason != NULL)
		collect_waiting(&f);
	dsn.failures = tally->refusal_count + f.waiting_count;
	/* Of a message that cannot be read at least that is reported. */
	if (entry->queues->ops->message(entry, &dsn.header, &dsn.header_length, why) < 0) {
		log_say(LEVEL_ERROR, "report", "%s: %s", entry->id, why->text);
		dsn.header = "";
		dsn.header_length = 0;
	}
	dsn_print(&dsn, &text);
	report.arrived = clock_wall();
	report.size = (int64_t)text.length;
	rc = settle_facts(entry, why);
	if (rc == 0)
		rc = store(entry->queues, &text, &report, id, why);
	if (rc == 0)
		log_say(LEVEL_INFO, "report", "%s: %zu failures of %zu recipients reported as %s",
		        entry->id, dsn.failures, tally->count, id);
	bytes_free(&text);
	free(f.waiting);
	free(to);
	return rc;
}
