/* Reading the queues for an operator. */
#include "console/listing.h"

#include "console/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum entry_state
listing_state(const struct entry_summary *sum)
{
	if (sum->held)
		return ENTRY_HELD;
	if (sum->envelope == NULL || sum->tally == NULL)
		return ENTRY_UNREADABLE;
	if (sum->queue == QUEUE_BOUNCE && sum->reason != NULL && strncmp(sum->reason, "kept", 4) == 0)
		return ENTRY_KEPT;
	return sum->tally->until > clock_wall() ? ENTRY_DEFERRED : ENTRY_WORK;
}

/* The spool, to look at; NULL in *queues_r where there is none yet. */
static int
open_spool(const struct site *s, struct queues **queues_r, struct complaint *why)
{
	struct spool_config config = { .path = site_spool(s), .read_only = true };
	int rc = 0;

	*queues_r = NULL;
	if (access(config.path, F_OK) == 0) {
		*queues_r = spool_open(&config, why);
		rc = *queues_r == NULL ? -1 : 0;
	}
	free(config.path);
	return rc;
}

int
listing_each(const struct site *s, enum queue_id first, enum queue_id last,
             void (*see)(void *, const struct entry_summary *), void *arg, struct complaint *why)
{
	struct queues *queues;
	int rc = open_spool(s, &queues, why);

	for (enum queue_id q = first; queues != NULL && q <= last && rc == 0; q++)
		rc = queues->ops->each(queues, q, see, arg, why);
	queues_close(&queues);
	return rc;
}

int
listing_count(const struct site *s, struct queue_count counts[QUEUE_COUNT], struct complaint *why)
{
	struct queues *queues;
	int rc = open_spool(s, &queues, why);

	memset(counts, 0, QUEUE_COUNT * sizeof(*counts));
	for (enum queue_id q = 0; queues != NULL && q < QUEUE_COUNT && rc == 0; q++)
		rc = queues->ops->count(queues, q, &counts[q], why);
	queues_close(&queues);
	return rc;
}

struct looking {
	const char *id;
	void (*see)(void *, const struct address *);
	void *arg;
	int found;
	struct complaint *why;
};

static void
look(void *arg, const struct entry_summary *sum)
{
	struct looking *l = arg;

	if (strcmp(sum->id, l->id) != 0 || sum->frozen == NULL || l->found != 0)
		return;
	l->found = 1;
	for (size_t i = 0; i < sum->frozen->count && l->found == 1; i++) {
		size_t length;
		const char *text = distribution_address(sum->frozen, i, &length);
		struct address a;

		if (address_parse(&a, text, length, l->why) < 0)
			l->found = complain_within(l->why, "line %zu of its recipients", i);
		else
			l->see(l->arg, &a);
		address_free(&a);
	}
}

int
listing_recipients(const struct site *s, const char *id, void (*see)(void *, const struct address *),
                   void *arg, struct complaint *why)
{
	struct looking l = { id, see, arg, 0, why };

	if (listing_each(s, QUEUE_PENDING, QUEUE_DONE, look, &l, why) < 0)
		return -1;
	return l.found;
}

struct pace_report
listing_pace(const struct entry_summary *sum, int64_t now)
{
	const struct tally *t = sum->tally;
	struct pace_report r = { .left = -1 };
	int64_t done;

	if (t == NULL)
		return r;
	for (size_t i = 0; i < t->count; i++)
		r.deferred += t->late[i] != 0 && t->lines[i] == LINE_WAITING;
	done = (int64_t)(t->sent + t->refused);
	if (sum->queue != QUEUE_OUTBOUND || sum->held || t->until > now || t->first == 0 || now <= t->first ||
	    done == 0)
		return r;
	r.rate = done * 60000 / (now - t->first);
	r.left = (int64_t)(t->waiting + t->doubt) * (now - t->first) / done;
	return r;
}

struct finding {
	const char *text;
	struct bytes ids;
	size_t count;
	char id[DIGEST_NAME + 1];
	enum queue_id queue;
};

static void
find(void *arg, const struct entry_summary *sum)
{
	struct finding *f = arg;
	const struct envelope *e = sum->envelope;

	if (strcmp(sum->id, f->text) != 0 &&
	    (e == NULL || ((e->queue_id == NULL || strcmp(e->queue_id, f->text) != 0) &&
	                   (e->message_id == NULL || strcmp(e->message_id, f->text) != 0))))
		return;
	f->queue = sum->queue;
	if (f->count > 0 && strcmp(sum->id, f->id) == 0)
		return;                   /* it moves on meanwhile */
	f->count++;
	memcpy(f->id, sum->id, sizeof(f->id));
	bytes_format(&f->ids, "%s%s (%s)", f->ids.length == 0 ? "" : ", ", sum->id,
	             e == NULL ? "cannot be read" : e->list);
}

int
listing_find(const struct site *s, const char *text, bool undecided, char id[DIGEST_NAME + 1])
{
	struct finding f = { .text = text };
	enum queue_id first = undecided ? QUEUE_MODERATION : QUEUE_PENDING;
	struct complaint why;
	int status = CTL_YES, rc = listing_each(s, first, QUEUE_DONE, find, &f, &why);

	if (rc == 0 && f.count == 0 && !undecided)
		rc = listing_each(s, QUEUE_MODERATION, QUEUE_MODERATION, find, &f, &why);
	if (rc < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	else if (f.count == 0)
		status = ctl_fail(CTL_NO, "there is no post \"%s\", nor was there one lately", text);
	else if (f.count > 1)
		status = ctl_fail(CTL_USAGE, "\"%s\" came for several lists: %s", text, bytes_text(&f.ids));
	else if (f.queue == QUEUE_MODERATION && !undecided)
		status = ctl_fail(CTL_NO, "%s waits in moderation: nobody is sent it before somebody accepts "
		                  "it; rollcallctl reject ends it", f.id);
	memcpy(id, f.id, sizeof(f.id));
	bytes_free(&f.ids);
	return status;
}

void
listing_age(int64_t milliseconds, char *text, size_t size)
{
	int64_t s = milliseconds / 1000;

	if (s < 120)
		(void)snprintf(text, size, "%llds", (long long)s);
	else if (s < 7200)
		(void)snprintf(text, size, "%lldm", (long long)s / 60);
	else if (s < 172800)
		(void)snprintf(text, size, "%lldh", (long long)s / 3600);
	else
		(void)snprintf(text, size, "%lldd", (long long)s / 86400);
}
