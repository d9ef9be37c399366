/* Bounces and reports on their way to a person. */
#include "expander/bounces/handover.h"

#include "base/log.h"
#include "expander/bounces/suspicion.h"
#include "expander/metrics.h"
#include "expander/pulse.h"
#include "expander/recipients.h"
#include "expander/service.h"
#include "mail/address.h"
#include "mail/verp.h"

#include <string.h>

enum { IDLE = 60000, KEPT_AGAIN = 3600000 };      /* ms */

struct handover {
	struct entry *entry;
	struct service *service;
	struct list *list;
	struct source *source;
	struct freezing freezing;
	struct complaint why;
};

/* One address to go to, unless it is a list. */
static enum found
add_person(struct handover *h, const char *address, struct deadline by)
{
	enum found found = FOUND_NO;

	if (address != NULL)
		found = address_is_person(h->service->site, address, by, &h->why);
	if (found == FOUND_YES && !freezing_add(&h->freezing, address, address))
		found = FOUND_UNSURE;
	return found;
}

/*
 * The list's errors address; for a report of ours also its owners; then the site's address.
 * FOUND_NO: there is nobody. What is for one person goes to nobody else.
 */
static enum found
choose(struct handover *h, struct deadline by)
{
	const struct site *site = h->service->site;
	const char *to = h->entry->envelope.to;
	enum found found = add_person(h, to != NULL ? to : h->list == NULL ? NULL : h->list->errors, by);

	if (to != NULL)
		return found;

	if (found == FOUND_NO)
		found = add_person(h, h->list == NULL ? NULL : h->list->errors, by);
	if (found == FOUND_NO && h->list != NULL && h->entry->envelope.report_of != NULL) {
		found = freezing_add_keepers(&h->freezing, site, h->source, h->list, PEOPLE_OWNERS, by,
		                             &h->why);
		if (found == FOUND_YES && h->freezing.count == 0)
			found = FOUND_NO;
	}
	if (found == FOUND_NO)
		found = add_person(h, site->errors, by);
	return found;
}

/* The list, to learn who looks after it. That it is gone is no reason to keep its bounces. */
static enum found
find_list(struct handover *h, struct deadline by)
{
	const char *address = h->entry->envelope.list;
	const struct destination *d = site_destination(h->service->site, address);
	size_t which;

	if (d == NULL)
		return FOUND_NO;
	h->source = d->source;
	return source_find_list(d->source, &address, 1, by, &h->list, &which, &h->why);
}

/* Whose copy a bounce is of, where its address tells: once, and never more than is known. */
static void
log_origin(const struct handover *h)
{
	static const char *const words[] = { [VERP_TRUE] = "true", [VERP_FALSE] = "false",
		                             [VERP_HINT] = "hint" };
	const struct entry *e = h->entry;
	struct complaint why = { "" };
	struct address a = { 0 };
	struct log_line l;
	struct verp v;
	int found = 0;

	if (address_parse_inner(&a, e->envelope.recipient, strlen(e->envelope.recipient), &why) < 0)
		return;
	verp_read(h->service->keys, a.canonical, e->envelope.list, &v);
	address_free(&a);
	if (v.form == VERP_TRUE)
		found = e->queues->ops->member(e->queues, v.post, e->envelope.list, v.line, &v.member, &why);
	if (v.form != VERP_NONE) {
		log_begin(&l, v.form == VERP_FALSE || found < 0 ? LEVEL_WARN : LEVEL_INFO, "verp");
		log_text(&l, "id", e->id);
		log_text(&l, "list", e->envelope.list);
		log_text(&l, "token", words[v.form]);
		log_text(&l, "member", v.member);
		log_text(&l, "post", v.form == VERP_TRUE ? v.post : NULL);
		if (v.form == VERP_TRUE)
			log_number(&l, "line", v.line);
		log_text(&l, "reason", found < 0 ? why.text : NULL);
		log_end(&l);
	}
	verp_free(&v);
}

static enum found
hand_over(struct handover *h)
{
	struct deadline by = deadline_in(h->service->outbound.expand);
	char id[DIGEST_NAME + 1], list[512];
	enum found found = h->entry->damage != NULL ? FOUND_UNSURE : find_list(h, by);

	if (found != FOUND_UNSURE)
		suspicion_raise(h->entry, h->service, h->list);
	if (found == FOUND_UNSURE || freezing_begin(&h->freezing, h->entry, &h->why) < 0)
		return FOUND_UNSURE;
	found = choose(h, by);
	if (found != FOUND_YES) {
		freezing_abandon(&h->freezing);
		return found;
	}
	memcpy(id, h->entry->id, sizeof(id));
	(void)strncpy(list, h->entry->envelope.list, sizeof(list) - 1);
	list[sizeof(list) - 1] = '\0';
	if (freezing_finish(&h->freezing, &h->why) < 0)
		return FOUND_UNSURE;
	metric_add(&expander_metrics[BOUNCES], BOUNCE_HANDED, 0, 0, 1);
	log_say(LEVEL_INFO, "bounce", "%s: for %s, handed over", id, list);
	return FOUND_YES;
}

/* Nobody is named: it waits until somebody is, or until it is too old. */
static void
keep(struct handover *h)
{
	struct schedule kept = { KEPT_AGAIN, KEPT_AGAIN, h->service->outbound.keep_bounces };
	const struct queue_ops *ops = h->entry->queues->ops;
	const char *list = h->entry->envelope.list;

	if (!queue_expired(h->entry, &kept) && h->entry->envelope.to == NULL) {
		if (h->entry->tries == 0)
			log_say(LEVEL_WARN, "bounce",
			        "%s: kept: neither %s nor the site names an errors address",
			        h->entry->id, list);
		metric_add(&expander_metrics[BOUNCES], BOUNCE_KEPT, 0, 0, 1);
		queue_defer(&h->entry, &kept, "kept: there is no errors address");
		return;
	}
	metric_add(&expander_metrics[BOUNCES], BOUNCE_DROPPED, 0, 0, 1);
	log_say(LEVEL_WARN, "bounce", "%s: for %s, thrown away: %s", h->entry->id, list,
	        h->entry->envelope.to == NULL ? "nobody was named in time" : "it would go to a list");
	if (ops->move(&h->entry, QUEUE_DONE, &h->why) < 0)
		queue_defer(&h->entry, &kept, h->why.text);
}

static void
work_on(struct entry *entry)
{
	struct handover h = { .entry = entry, .service = service_current() };

	(void)complain(&h.why, "%s", entry->damage == NULL ? "" : entry->damage);
	pulse_step(h.service->outbound.expand);
	if (entry->tries == 0 && entry->damage == NULL)
		log_origin(&h);
	switch (hand_over(&h)) {
	case FOUND_YES:
		entry->queues->ops->release(&h.entry, 0);
		break;
	case FOUND_NO:
		keep(&h);
		break;
	case FOUND_UNSURE:
		metric_add(&expander_metrics[BOUNCES], BOUNCE_LATER, 0, 0, 1);
		log_say(entry->damage == NULL ? LEVEL_WARN : LEVEL_ERROR, "bounce", "%s: later: %s",
		        entry->id, h.why.text);
		queue_defer(&h.entry, &h.service->outbound.retry, h.why.text);
		break;
	}
	list_drop(&h.list);
	service_drop(&h.service);
}

void
handover_worker(struct work *w)
{
	const struct queue_ops *ops = w->queues->ops;

	while (!work_stopping(w)) {
		struct entry *entry;

		pulse_step(0);
		entry = ops->claim(w->queues, QUEUE_BOUNCE);
		if (entry != NULL)
			work_on(entry);
		else
			ops->wait(w->queues, QUEUE_BOUNCE, deadline_in(pulse_rest(IDLE)));
	}
}
