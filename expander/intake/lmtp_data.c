/* From the end of DATA to the replies. */
#include "expander/intake/lmtp_data.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/judge.h"
#include "expander/treat.h"
#include "expander/metrics.h"
#include "mail/header.h"
#include "mail/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message on its way. */
struct reception {
	const struct service *service;
	struct queues *queues;
	struct content content;
	struct draft *draft;
	enum stored stored;               /* STORED while all is well */
	struct complaint why;
	int64_t size;
	struct bytes header;
	bool header_whole, too_big, header_too_big;
	char queue_id[64];                /* of the MTA */
	char *message_id;
	struct credentials credentials;
};

void
mail_reset(struct mail *m)
{
	free(m->sender);
	free(m->sender_canonical);
	for (size_t i = 0; i < m->count; i++) {
		target_drop(&m->recipients[i].target);
		free(m->recipients[i].spelling);
	}
	free(m->recipients);
	*m = (struct mail){ 0 };
}

void
mail_add(struct mail *m, struct target *t, const char *spelling, size_t length)
{
	struct recipient *r;
	size_t same = 0;

	while (same < m->count && (m->recipients[same].same_as != same ||
	                           m->recipients[same].target.role != t->role ||
	                           strcmp(m->recipients[same].target.list->address,
	                                  t->list->address) != 0))
		same++;
	m->recipients = mem_resize(m->recipients, (m->count + 1) * sizeof(*m->recipients));
	r = &m->recipients[m->count++];
	*r = (struct recipient){ .same_as = same, .spelling = mem_copy(spelling, length) };
	if (same == m->count - 1) {
		r->target = *t;
		*t = (struct target){ 0 };
	} else {
		target_drop(t);
	}
}

/* ---- the content ---- */

static void
take_header(struct reception *r, const char *bytes, size_t length)
{
	size_t limit = (size_t)r->service->site->limits.header, from = r->header.length;

	if (r->header_whole)
		return;
	if (length > limit + 1 - from)
		length = limit + 1 - from;
	bytes_add(&r->header, bytes, length);
	from = from > 3 ? from - 3 : 0;
	if (memmem(r->header.data + from, r->header.length - from, "\r\n\r\n", 4) != NULL)
		r->header_whole = true;
	if (r->header.length > limit) {
		/* It may have ended before, with a line that is no field. */
		r->header_too_big = header_length(r->header.data, r->header.length) == r->header.length;
		r->header_whole = true;
	}
}

static void
take(void *arg, const char *bytes, size_t length)
{
	struct reception *r = arg;

	r->size += (int64_t)length;
	if (r->size > r->service->site->limits.message)
		r->too_big = true;
	if (r->too_big || r->content.bare_newline || r->header_too_big || r->stored != STORED)
		return;                   /* it will be refused: only its end is of interest */
	take_header(r, bytes, length);
	r->stored = r->queues->ops->write(r->draft, bytes, length, &r->why);
}

static enum stream_result
read_content(struct reception *r, struct stream *s)
{
	while (!r->content.ended) {
		const char *data;
		size_t length;
		enum stream_result result = stream_some(s, &data, &length);

		if (result != STREAM_OK)
			return result;
		stream_used(s, content_scan(&r->content, data, length, take, r));
	}
	return STREAM_OK;
}

/* What is wrong with the message for everybody; REPLY_NONE if nothing. */
static enum reply_id
fault(const struct reception *r)
{
	if (r->too_big)
		return REPLY_TOO_BIG;
	if (r->header_too_big)
		return REPLY_HEADER_TOO_BIG;
	if (r->content.bare_newline)
		return REPLY_BARE_NEWLINE;
	if (r->stored == STORE_FULL)
		return REPLY_NO_SPACE;
	if (r->stored != STORED)
		return REPLY_LOCAL_ERROR;
	return REPLY_NONE;
}

/* ---- the entries ---- */

static void
read_ids(struct reception *r)
{
	struct bytes value = { 0 };
	struct field f;

	(void)trace_queue_id(bytes_text(&r->header), r->header.length, r->queue_id,
	                     sizeof(r->queue_id));
	if (header_find(bytes_text(&r->header), r->header.length, "Message-ID", &f)) {
		field_unfold(&f, &value);
		r->message_id = bytes_take(&value);
	}
}

/* Whether a post has waited long enough for the DNS; also where the MTA does not say for how long. */
static bool
waited(const struct reception *r)
{
	int64_t taken = trace_taken(bytes_text(&r->header), r->header.length);

	return taken < 0 || clock_wall() - taken > r->service->lmtp.dmarc_wait;
}

/* But for COMPOSED with r->why. */
static enum composed
fill_envelope(struct envelope *e, struct reception *r, const struct mail *m, const struct recipient *to,
              const struct verdict *v, const char *lhlo, struct deadline by)
{
	const struct treat_terms terms = { by, by, waited(r) };
	const struct stamp *s = &r->credentials.stamp;

	*e = (struct envelope){
		.list = mem_text(to->target.list->address),
		.role = mem_text(role_word(to->target.role)),
		.recipient = mem_text(to->spelling),
		.sender = mem_text(m->sender),
		.arrived = clock_wall(),
		.queue_id = r->queue_id[0] == '\0' ? NULL : mem_text(r->queue_id),
		.message_id = mem_text(r->message_id),
		.size = r->size,
		.utf8 = m->utf8 && header_needs_utf8(bytes_text(&r->header), r->header.length,
		                                     r->content.eight_bit),
		.eight_bit = r->content.eight_bit,
		.shadow = to->target.destination->shadow,
		.stamp = mem_text(stamp_state_word(r->credentials.state)),
		.client = mem_text(s->client),
		.identity = mem_text(s->login),
		.proof = mem_text(stamp_proof(s)),
		.verdict = mem_text(decision_word(v->decision)),
		.reason = v->decision == DECISION_HOLD ? mem_text(v->reason) : NULL,
		.tags = v->tags[0] == '\0' ? NULL : mem_text(v->tags),
	};
	return treat_compose(e, r->service->site, &to->target, to->id, lhlo, bytes_text(&r->header),
	                     r->header.length, &terms, &r->why);
}

static void
log_recipient(const struct reception *r, const struct mail *m, const struct recipient *to,
              const struct judgement *j, const char *why)
{
	const struct reply *reply = reply_of(to->reply);
	struct log_line l;
	char code[16];

	log_begin(&l, reply->code >= 400 || to->reply == REPLY_DROPPED ? LEVEL_WARN : LEVEL_INFO,
	          "lmtp");
	log_text(&l, "id", to->id[0] == '\0' ? NULL : to->id);
	log_text(&l, "queue", r->queue_id[0] == '\0' ? NULL : r->queue_id);
	log_text(&l, "list", to->target.list->address);
	log_text(&l, "role", role_word(to->target.role));
	log_text(&l, "from", *m->sender == '\0' ? "<>" : m->sender);
	log_text(&l, "msgid", r->message_id);
	log_number(&l, "size", r->size);
	if (j != NULL) {
		log_text(&l, "stamp", stamp_state_word(r->credentials.state));
		log_text(&l, "client", r->credentials.stamp.client);
		log_text(&l, "login", r->credentials.stamp.login);
		log_text(&l, "judged", j->stamped ? "before" : "now");
		if (verdict_takes(&j->verdict) && j->verdict.decision != DECISION_PASS)
			log_text(&l, "verdict", decision_word(j->verdict.decision));
		log_text(&l, "by", j->by);
		log_text(&l, "senders", target_senders(j->target));
	}
	(void)snprintf(code, sizeof(code), "%d %s", reply->code, reply->enhanced);
	log_text(&l, "reply", code);
	log_text(&l, "reason", why);
	log_end(&l);
}

static enum reply_id
reply_to(enum stored stored)
{
	switch (stored) {
	case STORED:
	case STORED_BEFORE:
		return REPLY_ACCEPTED;
	case STORE_FULL:
		return REPLY_NO_SPACE;
	case STORE_FAILED:
		break;
	}
	return REPLY_LOCAL_ERROR;
}

static void
count_entry(const struct recipient *to, enum stored stored)
{
	const enum entry_result result = stored == STORED          ? ENTRY_STORED
	                                 : stored == STORED_BEFORE ? ENTRY_REPEATED
	                                 : stored == STORE_FULL    ? ENTRY_FULL
	                                                           : ENTRY_FAILED;

	metric_add(&expander_metrics[ENTRIES], to->target.role, result, 0, 1);
}

/* The entries of one message. */
struct entries {
	struct envelope *envelopes;
	struct commitment *commitments;
	struct recipient **of;            /* the recipient of each */
	struct judgement **judgements;    /* and what was thought of it */
	size_t count;
	struct deadline by;               /* for what has to be looked up */
	bool unsure;                      /* how one of them is to look is not known: … */
	struct complaint why;             /* … this is why */
};

static void
add_list(void *lists, const char *list)
{
	text_list_add(lists, list, strlen(list));
}

/*
 * The lists of the same message that come first: their members are left out of this one. For lists that
 * the stamp names it says so, whichever of them comes when; the others follow in the order of LMTP, those
 * that hold it last. Members of a list that holds it are left out of none: it may never go there.
 */
static void
add_before(struct entries *es, const struct credentials *c, const struct judgement *j)
{
	struct envelope *e = &es->envelopes[es->count];

	stamp_before(&c->stamp, e->list, add_list, &e->before);
	for (size_t i = 0; i < es->count && !j->stamped; i++)
		if (es->of[i]->target.role == ROLE_POST && !es->judgements[i]->stamped &&
		    verdict_goes(es->judgements[i]->verdict.decision))
			add_list(&e->before, es->envelopes[i].list);
}

/* The lists of the same message that come later, for who has to know all of them in their order. */
static void
add_behind(struct entries *es, const struct credentials *c)
{
	for (size_t i = 0; i < es->count; i++) {
		if (es->of[i]->target.role != ROLE_POST)
			continue;
		stamp_behind(&c->stamp, es->envelopes[i].list, add_list, &es->envelopes[i].behind);
		for (size_t k = 0; k < es->count; k++)
			if (k != i && es->of[k]->target.role == ROLE_POST && !es->judgements[k]->stamped &&
			    (es->judgements[i]->stamped || k > i))
				add_list(&es->envelopes[i].behind, es->envelopes[k].list);
	}
}

static void
add_entry(struct entries *es, struct reception *r, const struct mail *m, struct recipient *to,
          struct judgement *j, const char *lhlo)
{
	enum composed composed;

	r->queues->ops->entry_name(r->draft, to->target.list->address, role_word(to->target.role), to->id);
	composed = fill_envelope(&es->envelopes[es->count], r, m, to, &j->verdict, lhlo, es->by);
	if (composed != COMPOSED) {
		envelope_free(&es->envelopes[es->count]);
		to->reply = composed == COMPOSED_LATER ? REPLY_LATER : REPLY_LOCAL_ERROR;
		if (composed == COMPOSED_LATER) {
			es->unsure = true;
			es->why = r->why;
		}
		log_recipient(r, m, to, j, r->why.text);
		return;
	}
	if (to->target.role == ROLE_POST)
		add_before(es, &r->credentials, j);
	es->commitments[es->count] = (struct commitment){
		.queue = j->verdict.decision == DECISION_HOLD ? QUEUE_MODERATION
		         : to->target.role == ROLE_BOUNCES    ? QUEUE_BOUNCE
		                                              : QUEUE_PENDING,
		.envelope = &es->envelopes[es->count],
	};
	es->judgements[es->count] = j;
	es->of[es->count++] = to;
}

/* The lists of a message wait together, so that whoever is on two of them gets it once. */
static void
put_off_all(struct entries *es, const struct reception *r, const struct mail *m)
{
	while (es->count > 0) {
		struct recipient *to = es->of[--es->count];

		envelope_free(&es->envelopes[es->count]);
		to->reply = REPLY_LATER;
		log_recipient(r, m, to, es->judgements[es->count], es->why.text);
	}
}

/*
 * What is wrong with the message for one list. Of what nobody waits for an answer to, a refusal
 * would be mail to somebody unproven: it is dropped. Other refusals are for what came past the
 * milter, or what it let go on to be returned.
 */
static enum reply_id
reply_of_judgement(const struct judgement *j)
{
	if (verdict_takes(&j->verdict))
		return REPLY_NONE;
	return j->quiet ? REPLY_DROPPED : j->verdict.reply;
}

/* What becomes of it for each list and role, in their order. */
static void
judge_all(struct reception *r, struct mail *m, struct judgement *judgements)
{
	const struct arrival arrival = { .sender = m->sender_canonical, .queue_id = r->queue_id,
		                         .ident = m->ident, .header = bytes_text(&r->header),
		                         .header_length = r->header.length, .size = r->size };
	size_t count = 0;

	credentials_read(&r->credentials, r->service, &arrival);
	metric_add(&expander_metrics[STAMPS], r->credentials.state, 0, 0, 1);
	for (size_t i = 0; i < m->count; i++)
		if (m->recipients[i].same_as == i)
			judgements[count++].target = &m->recipients[i].target;
	judge(r->service, &arrival, &r->credentials, deadline_in(r->service->lmtp.lookup), judgements, count);
}

/*
 * One entry for each list and role that takes the message, or holds it; the others get their replies here.
 */
static void
collect(struct entries *es, struct reception *r, struct mail *m, struct judgement *next, bool held,
        const char *lhlo)
{
	for (size_t i = 0; i < m->count; i++) {
		struct recipient *to = &m->recipients[i];

		if (to->same_as != i)
			continue;
		if ((next->verdict.decision == DECISION_HOLD) == held) {
			to->reply = reply_of_judgement(next);
			if (to->reply == REPLY_NONE)
				add_entry(es, r, m, to, next, lhlo);
			else
				log_recipient(r, m, to, next, next->verdict.reason);
		}
		next++;
	}
}

static void
store(struct reception *r, struct mail *m, const char *lhlo)
{
	struct entries es = { .envelopes = mem_array(m->count, sizeof(struct envelope)),
		              .commitments = mem_array(m->count, sizeof(struct commitment)),
		              .of = mem_array(m->count, sizeof(struct recipient *)),
		              .judgements = mem_array(m->count, sizeof(struct judgement *)),
		              .by = deadline_in(r->service->lmtp.lookup) };
	struct judgement *judgements = mem_array(m->count, sizeof(*judgements));

	read_ids(r);
	judge_all(r, m, judgements);
	collect(&es, r, m, judgements, false, lhlo);
	collect(&es, r, m, judgements, true, lhlo);
	if (es.unsure)
		put_off_all(&es, r, m);
	add_behind(&es, &r->credentials);
	if (es.count > 0)
		r->queues->ops->commit(r->draft, es.commitments, es.count, &r->why);
	for (size_t i = 0; i < es.count; i++) {
		enum stored result = es.commitments[i].result;

		es.of[i]->reply = reply_to(result);
		count_entry(es.of[i], result);
		log_recipient(r, m, es.of[i], es.judgements[i],
		              result == STORED          ? es.envelopes[i].reason
		              : result == STORED_BEFORE ? "a repeat of what is here already"
		                                        : r->why.text);
		envelope_free(&es.envelopes[i]);
	}
	free(judgements);
	free(es.envelopes);
	free(es.commitments);
	free(es.of);
	free(es.judgements);
}

/* The same reply for all. */
static void
refuse(struct reception *r, struct mail *m, enum reply_id reply)
{
	for (size_t i = 0; i < m->count; i++) {
		m->recipients[i].reply = reply;
		if (m->recipients[i].same_as == i)
			log_recipient(r, m, &m->recipients[i], NULL,
			              r->stored == STORED ? reply_of(reply)->text : r->why.text);
	}
}

/* Recipients that were merged fare alike. */
static void
share_replies(struct mail *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct recipient *first = &m->recipients[m->recipients[i].same_as];

		m->recipients[i].reply = first->reply;
		memcpy(m->recipients[i].id, first->id, sizeof(first->id));
	}
}

enum stream_result
mail_receive(struct mail *m, struct stream *s, struct queues *queues, const struct service *service,
             const char *lhlo)
{
	struct reception r = { .service = service, .queues = queues };
	enum stream_result result;

	r.draft = queues->ops->draft(queues, &r.stored, &r.why);
	result = read_content(&r, s);
	if (result == STREAM_OK) {
		enum reply_id wrong = fault(&r);

		if (wrong != REPLY_NONE)
			refuse(&r, m, wrong);
		else
			store(&r, m, lhlo);
		share_replies(m);
	}
	if (r.draft != NULL)
		queues->ops->discard(&r.draft);
	bytes_free(&r.header);
	free(r.message_id);
	credentials_free(&r.credentials);
	return result;
}
