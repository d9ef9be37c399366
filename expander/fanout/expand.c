/* From a list to its members. */
#include "expander/fanout/expand.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/fanout/handing.h"
#include "expander/fanout/later.h"
#include "expander/fanout/prepare.h"
#include "expander/fanout/refused.h"
#include "expander/let_go.h"
#include "expander/metrics.h"
#include "expander/pulse.h"
#include "expander/recipients.h"
#include "expander/service.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE = 60000 };                    /* ms: how long to wait at a time for something to do */

/* One entry being expanded. */
struct expansion {
	struct entry *entry;
	struct service *service;
	const struct destination *destination;
	struct list *list;
	enum role role;
	struct occasion occasion;         /* of the entry */
	int abandon;                      /* of the worker */
	struct freezing freezing;
	struct roster roster;
	size_t left_out;
	struct walk_report report;
	struct complaint why;
};

static void
log_expansion(const struct expansion *x, const char *id, size_t count, int64_t began)
{
	int64_t took = clock_ticks_us() - began;
	struct log_line l;

	metric_add(&expander_metrics[EXPANSIONS], EXPANDED_WHOLE, 0, 0, 1);
	metric_count(&expander_metrics[EXPANDED], (int64_t)count);
	metric_time(&expander_metrics[EXPANSION_SECONDS], took);
	log_begin(&l, LEVEL_INFO, "expand");
	log_text(&l, "id", id);
	log_text(&l, "list", x->list->address);
	log_text(&l, "role", role_word(x->role));
	log_number(&l, "recipients", (int64_t)count);
	log_number(&l, "groups", (int64_t)x->report.groups);
	if (x->left_out > 0)
		log_number(&l, "left_out", (int64_t)x->left_out);
	if (x->roster.apart.count > 0)
		log_number(&l, "nested", (int64_t)x->roster.apart.count);
	if (x->report.dangling > 0)
		log_number(&l, "dangling", (int64_t)x->report.dangling);
	if (x->report.without_address > 0)
		log_number(&l, "without_address", (int64_t)x->report.without_address);
	if (x->report.refused > 0)
		log_number(&l, "refused", (int64_t)x->report.refused);
	if (x->report.closed > 0)
		log_number(&l, "closed", (int64_t)x->report.closed);
	log_ms(&l, "ms", took);
	log_end(&l);
}

/* Finds the list afresh; what was known at RCPT may be over. */
static enum found
find_list(struct expansion *x, struct deadline by)
{
	const char *address = x->entry->envelope.list;
	size_t which;
	enum found found;

	x->destination = site_destination(x->service->site, address);
	if (x->destination == NULL) {
		(void)complain(&x->why, "%s is in no domain of lists any more", address);
		return FOUND_UNSURE;
	}
	found = source_find_list(x->destination->source, &address, 1, by, &x->list, &which, &x->why);
	if (found == FOUND_NO)
		(void)complain(&x->why, "there is no list %s any more", address);
	return found;
}

/* Whether somebody besides the list itself is a member. */
static bool
has_members(const struct roster *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->people[r->order[i]].out != OUT_LIST)
			return true;
	return false;
}

/* The same for all entries of a post. */
static char *
name_post(const struct envelope *e)
{
	return mem_format("%lld %lld %s %s %s", (long long)e->arrived, (long long)e->size,
	                  e->queue_id == NULL ? "-" : e->queue_id, e->sender,
	                  e->message_id == NULL ? "-" : e->message_id);
}

static enum found
walk_members(struct expansion *x, struct deadline by)
{
	const struct envelope *e = &x->entry->envelope;
	char *post = name_post(e);
	const struct preparing p = { x->service->site, &x->occasion, &e->before, { by.at, x->abandon }, post,
		                     e->before.count + e->behind.count > 0 || e->through != NULL };
	struct roster *r = &x->roster;
	enum found found = prepare_members(&p, x->destination, x->list, x->entry->envelope.list, r,
	                                   &x->report, &x->why);

	/* Whoever posted took it for a list of people: not done without a word. */
	if (found == FOUND_YES && !has_members(r) && r->apart.count == 0) {
		(void)complain(&x->why, "the list has no members to send to");
		found = FOUND_UNSURE;
	}
	for (size_t i = 0; found == FOUND_YES && i < r->count; i++)
		if (r->people[r->order[i]].out != OUT_NOT)
			x->left_out++;
		else if (!freezing_put(&x->freezing, roster_canonical(r, r->order[i]),
		                       roster_spelling(r, r->order[i])))
			found = FOUND_UNSURE;
	/*
	 * Of a list that was handed the post itself they were found together with it. Before the list is
	 * whole: after a crash there is nothing to be made good.
	 */
	if (found == FOUND_YES && r->apart.count > 0 && x->entry->envelope.through == NULL)
		found = handing_run(x->entry, x->service, &p, &r->apart, &x->why);
	free(post);
	return found;
}

/*
 * The moderators, where they are meant and there are some, or the owners; for a list without any the
 * site's address for such things.
 */
static enum found
walk_keepers(struct expansion *x, struct deadline by)
{
	const struct site *site = x->service->site;
	enum people whom = x->entry->envelope.moderators ? PEOPLE_MODERATORS : PEOPLE_OWNERS;
	enum found found = freezing_add_keepers(&x->freezing, site, x->destination->source, x->list, whom, by,
	                                        &x->why);

	if (found == FOUND_YES && x->freezing.count == 0 && whom == PEOPLE_MODERATORS)
		found = freezing_add_keepers(&x->freezing, site, x->destination->source, x->list,
		                             PEOPLE_OWNERS, by, &x->why);
	if (found != FOUND_YES || x->freezing.count > 0)
		return found;
	if (site->errors == NULL) {
		(void)complain(&x->why, "the list has no owner, and the site names no errors address");
		return FOUND_UNSURE;
	}
	(void)freezing_add(&x->freezing, site->errors, site->errors);
	return FOUND_YES;
}

/* What was refused is counted and told; where that cannot be stored the next post tells. */
static void
tell_refused(struct expansion *x)
{
	struct complaint why;

	if (x->report.refused == 0)
		return;
	metric_count(&expander_metrics[REFUSED], (int64_t)x->report.refused);
	if (report_refused(x->entry, x->service->site, &x->report, &why) < 0)
		log_say(LEVEL_ERROR, "report", "%s: %s", x->entry->id, why.text);
}

/* Freezes the recipients and moves the entry on. False with x->why. */
static bool
expand(struct expansion *x)
{
	struct deadline by = deadline_in(x->service->outbound.expand);
	int64_t began = clock_ticks_us();
	char id[DIGEST_NAME + 1];
	enum found found;
	size_t count;

	if (find_list(x, by) != FOUND_YES ||
	    freezing_begin(&x->freezing, x->entry, &x->why) < 0)
		return false;
	found = x->role == ROLE_OWNER ? walk_keepers(x, by) : walk_members(x, by);
	if (found != FOUND_YES || x->freezing.failed) {
		freezing_abandon(&x->freezing);
		return false;
	}
	tell_refused(x);
	memcpy(id, x->entry->id, sizeof(id));
	count = x->freezing.count;
	if (freezing_finish(&x->freezing, &x->why) < 0)
		return false;
	log_expansion(x, id, count, began);
	return true;
}

static void
work_on(struct entry *entry, int abandon)
{
	struct expansion x = { .entry = entry, .service = service_current(),
		               .role = role_of_word(entry->envelope.role), .abandon = abandon };
	const struct queue_ops *ops = entry->queues->ops;
	struct distribution frozen = { 0 };
	int whole = entry->damage != NULL ? complain(&x.why, "%s", entry->damage)
	                                  : ops->recipients(entry, &frozen, &x.why);

	if (whole == 0 && let_go_before(x.service->site->state, &entry->envelope, &x.why) < 0)
		whole = -1;
	x.occasion = (struct occasion){ .sender = entry->envelope.sender,
		                        .queue_id = entry->envelope.queue_id,
		                        .message_id = entry->envelope.message_id,
		                        .size = entry->envelope.size };
	roster_open(&x.roster);
	pulse_step(x.service->outbound.expand);
	distribution_close(&frozen);
	/* A crash after the freezing and before the move leaves a whole list: it stands. */
	if (whole < 0 || (whole == 1 && ops->move(&x.entry, QUEUE_OUTBOUND, &x.why) < 0) ||
	    (whole == 0 && !expand(&x)))
		metric_add(&expander_metrics[EXPANSIONS],
		           put_off(&x.entry, x.service, "expand", x.why.text) ? EXPANSION_EXPIRED
		                                                              : EXPANSION_LATER,
		           0, 0, 1);
	else
		ops->release(&x.entry, 0);
	roster_close(&x.roster);
	list_drop(&x.list);
	service_drop(&x.service);
}

void
expand_worker(struct work *w)
{
	const struct queue_ops *ops = w->queues->ops;

	while (!work_stopping(w)) {
		struct entry *entry;

		pulse_step(0);
		entry = ops->claim(w->queues, QUEUE_PENDING);
		if (entry != NULL)
			work_on(entry, w->abandon);
		else
			ops->wait(w->queues, QUEUE_PENDING, deadline_in(pulse_rest(IDLE)));
	}
}
