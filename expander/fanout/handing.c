/* Lists within lists, which get a post of their own. */
#include "expander/fanout/handing.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/fanout/report.h"
#include "expander/judge.h"
#include "expander/treat.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/notice.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536 };

/* A list that the post reaches by another. */
struct reached {
	struct target target;
	struct judgement judgement;
	char *through;                    /* that one's address */
};

struct handing {
	struct entry *entry;
	const struct service *service;
	const struct preparing *p;
	const struct text_list *apart;    /* of the entry's own list */
	const char *message;
	char digest[DIGEST_NAME + 1];     /* of it; "" until somebody has to be told of a refusal */
	struct arrival arrival;
	struct address sender;
	struct credentials credentials;
	struct text_list lists;           /* those that get the post: whom it came for, in their order, … */
	size_t came_for;
	struct reached *taking;           /* … and these, as found; their entries by address */
	size_t taking_count;
	struct reached *refusing;
	size_t refusing_count;
	struct complaint *why;
};

/* ---- the message ---- */

static int
read_message(struct handing *h)
{
	const struct envelope *e = &h->entry->envelope;
	struct complaint *why = h->why;
	size_t length;

	if (h->entry->queues->ops->message(h->entry, &h->message, &length, why) < 0)
		return -1;
	if (*e->sender != '\0' && address_parse_inner(&h->sender, e->sender, strlen(e->sender), why) < 0)
		return -1;
	h->arrival = (struct arrival){ .sender = h->sender.canonical,
		                       .queue_id = e->queue_id == NULL ? "" : e->queue_id, .ident = "",
		                       .header = h->message,
		                       .header_length = header_length(h->message, length),
		                       .size = (int64_t)length, .taken = e->arrived };
	h->credentials.state = STAMP_NONE;
	if (e->stamp == NULL || strcmp(e->stamp, stamp_state_word(STAMP_VALID)) != 0)
		return 0;
	credentials_read(&h->credentials, h->service, &h->arrival);
	/* Without it the lists would be asked as if nobody knew who posted. */
	if (h->credentials.state != STAMP_VALID)
		return complain(why, "the stamp was valid, and is \"%s\" by now",
		                stamp_state_word(h->credentials.state));
	return 0;
}

/* ---- who takes it ---- */

static void
keep(struct reached **all, size_t *count, struct reached *one)
{
	*all = mem_resize(*all, (*count + 1) * sizeof(**all));
	(*all)[(*count)++] = *one;
}

static void
drop(struct reached *r)
{
	target_drop(&r->target);
	free(r->through);
}

static bool
is_refusing(const struct handing *h, const char *list)
{
	for (size_t i = 0; i < h->refusing_count; i++)
		if (strcmp(h->refusing[i].target.list->address, list) == 0)
			return true;
	return false;
}

static void
judge_reached(const struct handing *h, struct reached *r)
{
	const struct verdict rules = admit_rules(&r->target, h->arrival.sender);

	r->judgement.target = &r->target;
	if (rules.decision == DECISION_PASS)
		judge(h->service, &h->arrival, &h->credentials, h->p->by, &r->judgement, 1);
	else
		r->judgement.verdict = rules;
}

/* A list within the list of that number, whose settings count for itself. */
static enum found
consider(struct handing *h, const char *address, size_t number)
{
	const struct destination *d = site_destination(h->p->site, address);
	struct reached r = { .through = mem_text(h->lists.items[number]) };
	enum found found = FOUND_NO;

	if (d != NULL && !text_list_has(&h->lists, address) && !is_refusing(h, address))
		found = site_find(d, address, h->p->by, &r.target, h->why);
	if (found == FOUND_YES)
		judge_reached(h, &r);
	if (found != FOUND_YES) {
		drop(&r);
	} else if (r.judgement.verdict.decision == DECISION_DEFER) {
		(void)complain(h->why, "%s within %s: %s", address, r.through, r.judgement.verdict.reason);
		drop(&r);
		found = FOUND_UNSURE;
	} else if (r.judgement.verdict.decision == DECISION_REJECT) {
		keep(&h->refusing, &h->refusing_count, &r);
	} else {
		text_list_add(&h->lists, r.target.list->address, strlen(r.target.list->address));
		keep(&h->taking, &h->taking_count, &r);
	}
	return found == FOUND_UNSURE ? FOUND_UNSURE : FOUND_YES;
}

/* All lists within the one of that number. */
static enum found
look_into(struct handing *h, size_t number)
{
	const char *list = h->lists.items[number];
	struct text_list inner = { 0 };
	const struct text_list *all = &inner;
	enum found found = FOUND_YES;

	if (strcmp(list, h->entry->envelope.list) == 0)
		all = h->apart;
	else if (prepare_apart(h->p, list, &inner, h->why) == FOUND_UNSURE)
		found = FOUND_UNSURE;
	for (size_t i = 0; found == FOUND_YES && i < all->count; i++)
		found = consider(h, all->items[i], number);
	text_list_free(&inner);
	return found;
}

/* ---- their entries ---- */

static bool
is_held(const struct reached *r)
{
	return r->judgement.verdict.decision == DECISION_HOLD;
}

/* Those that hold it last, since they may never send it. */
static int
by_address(const void *a, const void *b)
{
	int later = (int)is_held(a) - (int)is_held(b);

	return later != 0 ? later : strcmp(((const struct reached *)a)->target.list->address,
	              ((const struct reached *)b)->target.list->address);
}

static int
fill(const struct handing *h, struct envelope *e, size_t number, const char *id)
{
	const struct envelope *from = &h->entry->envelope;
	const struct reached *r = &h->taking[number];
	const struct treat_terms terms = {
		h->p->by, h->p->by, clock_wall() - from->arrived > h->service->lmtp.dmarc_wait
	};

	*e = (struct envelope){
		.list = mem_text(r->target.list->address),
		.role = mem_text(role_word(ROLE_POST)),
		.recipient = mem_text(r->target.list->address),
		.sender = mem_text(from->sender),
		.arrived = from->arrived,
		.queue_id = mem_text(from->queue_id),
		.message_id = mem_text(from->message_id),
		.size = from->size,
		.utf8 = from->utf8,
		.eight_bit = from->eight_bit,
		.shadow = from->shadow || r->target.destination->shadow,
		.stamp = mem_text(from->stamp),
		.client = mem_text(from->client),
		.identity = mem_text(from->identity),
		.proof = mem_text(from->proof),
		.verdict = mem_text(decision_word(r->judgement.verdict.decision)),
		.reason = is_held(r) ? mem_text(r->judgement.verdict.reason) : NULL,
		.tags = r->judgement.verdict.tags[0] == '\0' ? NULL : mem_text(r->judgement.verdict.tags),
		.through = mem_text(r->through),
	};
	for (size_t i = 0; i < h->came_for; i++)
		text_list_add(&e->before, h->lists.items[i], strlen(h->lists.items[i]));
	for (size_t i = 0; i < number && !is_held(&h->taking[i]); i++) {
		const char *list = h->taking[i].target.list->address;

		text_list_add(&e->before, list, strlen(list));
	}
	return treat_compose(e, h->p->site, &r->target, id, h->p->site->hostname, h->arrival.header,
	                     h->arrival.header_length, &terms, h->why) == COMPOSED
	               ? 0
	               : -1;
}

/* Writes the message once more, for names that are the same as if it had come for these lists. */
static struct draft *
copy_message(const struct handing *h)
{
	const struct queue_ops *ops = h->entry->queues->ops;
	enum stored stored;
	struct draft *d = ops->draft(h->entry->queues, &stored, h->why);

	for (size_t at = 0, all = (size_t)h->arrival.size; d != NULL && stored == STORED && at < all;
	     at += PIECE)
		stored = ops->write(d, h->message + at, all - at < PIECE ? all - at : PIECE, h->why);
	if (d != NULL && stored != STORED)
		ops->discard(&d);
	return d;
}

static void
settle(const struct handing *h, struct reached *r, enum stored stored, const char *id)
{
	struct log_line l;

	r->judgement.target = &r->target;      /* it has moved */
	if (stored == STORED)
		judge_count(h->service, &h->arrival, &h->credentials, &r->judgement);
	log_begin(&l, LEVEL_INFO, "nested");
	log_text(&l, "id", id);
	log_text(&l, "list", r->target.list->address);
	log_text(&l, "through", r->through);
	log_text(&l, "from", h->entry->id);
	log_text(&l, "reason", stored == STORED_BEFORE ? "it has the post already" : NULL);
	log_end(&l);
}

static enum found
store(struct handing *h)
{
	const struct queue_ops *ops = h->entry->queues->ops;
	size_t count = h->taking_count;
	struct envelope *envelopes = mem_array(count, sizeof(*envelopes));
	struct commitment *all = mem_array(count, sizeof(*all));
	struct draft *d = copy_message(h);
	enum found found = d == NULL ? FOUND_UNSURE : FOUND_YES;
	char id[DIGEST_NAME + 1];

	qsort(h->taking, count, sizeof(*h->taking), by_address);
	for (size_t i = 0; found == FOUND_YES && i < count; i++) {
		ops->entry_name(d, h->taking[i].target.list->address, role_word(ROLE_POST), id);
		if (fill(h, &envelopes[i], i, id) < 0)
			found = FOUND_UNSURE;
		all[i] = (struct commitment){ .envelope = &envelopes[i] };
		all[i].queue = is_held(&h->taking[i]) ? QUEUE_MODERATION : QUEUE_PENDING;
	}
	if (found == FOUND_YES)
		ops->commit(d, all, count, h->why);
	for (size_t i = 0; found == FOUND_YES && i < count; i++) {
		ops->entry_name(d, envelopes[i].list, envelopes[i].role, id);
		if (all[i].result == STORED || all[i].result == STORED_BEFORE)
			settle(h, &h->taking[i], all[i].result, id);
		else
			found = FOUND_UNSURE;
	}
	for (size_t i = 0; i < count; i++)
		envelope_free(&envelopes[i]);
	if (d != NULL)
		ops->discard(&d);
	free(all);
	free(envelopes);
	return found;
}

/* ---- those that refuse it ---- */

static void
print(const struct handing *h, const struct reached *r, const struct notice *n, struct bytes *out)
{
	const struct envelope *e = &h->entry->envelope;

	notice_head(n, out);
	bytes_format(out, "Your message to %s\r\n\r\n", e->list);
	if (e->message_id != NULL)
		bytes_format(out, "    Message-ID: %s\r\n\r\n", e->message_id);
	bytes_format(out, "was not handed over to this list, which is a member of %s:\r\n\r\n"
	                  "    %s\r\n        %s\r\n\r\n"
	                  "The other members get it.\r\n",
	             r->through, r->target.list->address, reply_of(r->judgement.verdict.reply)->text);
}

/* The same however often it is made, and by whichever of the lists that the message came for. */
static char *
report_key(struct handing *h)
{
	if (h->digest[0] == '\0')
		digest_of(h->message, (size_t)h->arrival.size, h->digest);
	return mem_format("refusal of %s", h->digest);
}

/* Tells whoever posted, who is proven. */
static void
report(struct handing *h, const struct reached *r)
{
	const char *list = r->target.list->address;
	char *key = report_key(h), id[DIGEST_NAME + 1] = "",
	     *message_id = mem_format("refusal.%s", h->entry->id),
	     *subject = mem_format("Your message was not handed over to %s", list);
	struct envelope e = { .list = r->target.list->address, .role = (char *)role_word(ROLE_BOUNCES),
		              .recipient = h->sender.canonical, .to = h->sender.canonical,
		              .sender = (char *)"", .report_of = h->entry->id,
		              .inject_sender = (char *)"", .inject_add = (char *)"", .eight_bit = true,
		              .arrived = clock_wall() };
	struct bytes text = { 0 };
	struct complaint why;

	print(h, r, &(struct notice){ h->p->site->hostname, message_id, h->sender.canonical, subject,
	                              e.arrived, "text/plain; charset=utf-8" }, &text);
	e.size = (int64_t)text.length;
	if (report_store(h->entry->queues, &text, &e, key, id, &why) < 0)
		log_say(LEVEL_ERROR, "report", "%s: %s", h->entry->id, why.text);
	bytes_free(&text);
	free(subject);
	free(message_id);
	free(key);
}

/*
 * A refusal is mail to whoever posted; where nobody is proven, or nobody is to be told, it is a word in
 * the log.
 */
static void
tell(struct handing *h, const struct reached *r)
{
	const struct envelope *e = &h->entry->envelope;
	bool told = e->proof != NULL && *e->sender != '\0' && !r->judgement.quiet && !e->shadow;
	struct log_line l;

	log_begin(&l, LEVEL_WARN, "nested");
	log_text(&l, "list", r->target.list->address);
	log_text(&l, "through", r->through);
	log_text(&l, "from", h->entry->id);
	log_text(&l, "verdict", decision_word(DECISION_REJECT));
	log_text(&l, "by", r->judgement.by);
	log_text(&l, "reason", r->judgement.verdict.reason);
	log_text(&l, "told", told ? e->sender : NULL);
	log_end(&l);
	if (told)
		report(h, r);
}

enum found
handing_run(struct entry *entry, const struct service *service, const struct preparing *p,
            const struct text_list *apart, struct complaint *why)
{
	struct handing h = { .entry = entry, .service = service, .p = p, .apart = apart, .why = why };
	const struct envelope *e = &entry->envelope;
	enum found found = read_message(&h) < 0 ? FOUND_UNSURE : FOUND_YES;

	text_list_add_all(&h.lists, &e->before);
	text_list_add(&h.lists, e->list, strlen(e->list));
	text_list_add_all(&h.lists, &e->behind);
	h.came_for = h.lists.count;
	for (size_t i = 0; found == FOUND_YES && i < h.lists.count; i++)
		found = look_into(&h, i);
	if (found == FOUND_YES && h.taking_count > 0)
		found = store(&h);
	for (size_t i = 0; found == FOUND_YES && i < h.refusing_count; i++)
		tell(&h, &h.refusing[i]);
	for (size_t i = 0; i < h.taking_count; i++)
		drop(&h.taking[i]);
	for (size_t i = 0; i < h.refusing_count; i++)
		drop(&h.refusing[i]);
	free(h.taking);
	free(h.refusing);
	text_list_free(&h.lists);
	credentials_free(&h.credentials);
	address_free(&h.sender);
	return found;
}
