/* What became of a batch. */
#include "expander/fanout/settle.h"

#include "base/clock.h"
#include "base/log.h"
#include "expander/metrics.h"

#include <stdio.h>
#include <string.h>

static void
set_reason(struct post *p, const char *text)
{
	(void)snprintf(p->reason, sizeof(p->reason), "%s", text);
}

static bool
is_refused(const struct outcome *o, size_t i)
{
	return o->codes[i] / 100 == 4 || o->codes[i] / 100 == 5;
}

/* A record for each recipient that was refused. */
static bool
note_lines(const struct batch *b, const struct outcome *o, struct complaint *why)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct record r = { .kind = RECORD_LINE, .batch = b->number, .line = b->lines[i],
			                  .code = o->codes[i], .text = o->texts[i] };

		if (is_refused(o, i) && b->post->entry->queues->ops->note(b->post->entry, &r, false, why) < 0)
			return false;
	}
	return true;
}

bool
settle_note_refusals(struct batch *b, const struct outcome *o, struct complaint *why)
{
	b->noted = note_lines(b, o, why);
	return b->noted;
}

/* After the end of data nothing but 2xx and 5xx says what the MTA has done (docs/spool.md). */
static bool
is_doubtful(const struct outcome *o)
{
	return o->made == SMTP_IN_DOUBT || (o->made == SMTP_ANSWERED && o->code / 100 == 4);
}

/* RFC 3463: 5.3.4 is a message too big for the system. */
static bool
is_too_big(int code, const char *text)
{
	return code == 552 || (code / 100 == 5 && strstr(text, " 5.3.4 ") != NULL);
}

/* RFC 3463: 5.7 is security and policy; a 554 without such a number says no more than no. */
static bool
is_policy(const char *text)
{
	return strncmp(text + 3, " 5.7.", 5) == 0 ||
	       (strncmp(text, "554 ", 4) == 0 && strncmp(text, "554 5.", 6) != 0);
}

/* Whether all recipients, as far as the MTA answered, are refused alike, by a policy. */
static bool
refuses_all(const struct batch *b, const struct outcome *o)
{
	enum { HANDFUL = 4, CLASS = 9 };          /* bytes of "554 5.7.1" */
	const struct tally *t = &b->post->tally;
	size_t refused = 0;

	for (size_t i = 0; i < b->count; i++) {
		if (o->codes[i] == 0)
			continue;
		if (o->codes[i] / 100 != 5 || !is_policy(o->texts[i]) ||
		    o->codes[0] == 0 || strncmp(o->texts[i], o->texts[0], CLASS) != 0)
			return false;
		refused++;
	}
	return refused > HANDFUL || (refused > 0 && t->sent + t->refused == 0);
}

/* Whether the transaction was refused before the message: MAIL, or DATA. */
static bool
refuses_sender(const struct outcome *o)
{
	return o->made == SMTP_NOT_SENT && o->code / 100 == 5 && !is_too_big(o->code, o->text);
}

/* The reply that refuses everybody. */
static const char *
reply_to_all(const struct outcome *o)
{
	return o->codes[0] / 100 == 5 ? o->texts[0] : o->text;
}

enum fate
settle_judge(struct batch *b, const struct outcome *o, const struct outbound_settings *s)
{
	struct tally *t = &b->post->tally;
	int64_t spent = queue_spent(b->post->entry, &s->retry);

	/* An MTA may count the recipients as well, as Postfix does. */
	if (o->made == SMTP_ANSWERED && is_too_big(o->code, o->text) && b->count > 1)
		return FATE_SMALLER;
	if (o->receipt && is_doubtful(o))
		return FATE_DOUBT;
	if (!refuses_all(b, o) && !refuses_sender(o))
		return FATE_AS_SAID;
	if (t->held < 0)
		t->held = spent;
	b->held = t->held;
	if (spent - t->held >= s->distrust)
		return FATE_AS_SAID;
	log_say(LEVEL_ERROR, "inject", "%s: nobody is taken (%s): as long as this may be a mistake in the "
	        "MTA's configuration, it is tried again", b->name, reply_to_all(o));
	return FATE_HELD;
}

static int
note_result(const struct batch *b, const struct outcome *o, enum fate fate, struct complaint *why)
{
	bool counts = fate == FATE_AS_SAID && (o->made == SMTP_ANSWERED || o->code >= 400);
	const char *text = o->code / 100 == 2 ? NULL : o->text;
	int held = o->codes[0] / 100 == 5 ? o->codes[0] : o->code;
	const struct record r = { .kind = RECORD_RESULT, .at = clock_wall(), .batch = b->number,
		                  .code = counts ? o->code : 0,
		                  .held = fate == FATE_HELD ? held : 0,
		                  .spent = b->held,
		                  .text = fate == FATE_HELD ? reply_to_all(o) : text,
		                  .id = o->queue_id[0] == '\0' ? NULL : o->queue_id };

	return b->post->entry->queues->ops->note(b->post->entry, &r, false, why);
}

/* How the batch fared as a whole. */
static enum batch_result
result_of(const struct outcome *o, size_t sent)
{
	return sent > 0                     ? BATCH_SENT
	       : is_doubtful(o)             ? BATCH_DOUBT
	       : o->code / 100 == 5         ? BATCH_REFUSED
	                                    : BATCH_LATER;
}

void
settle_log(const struct batch *b, const struct outcome *o, size_t sent, int64_t began)
{
	int64_t took = clock_ticks_us() - began;
	struct log_line l;

	metric_add(&expander_metrics[BATCHES], result_of(o, sent), 0, 0, 1);
	metric_time(&expander_metrics[BATCH_SECONDS], took);
	log_begin(&l, sent > 0 ? LEVEL_INFO : LEVEL_WARN, "batch");
	log_text(&l, "name", b->name);
	log_text(&l, "list", b->post->entry->envelope.list);
	log_text(&l, "mta", b->mta);
	log_number(&l, "recipients", (int64_t)b->count);
	log_number(&l, "sent", (int64_t)sent);
	log_text(&l, "to_queue", o->queue_id[0] == '\0' ? NULL : o->queue_id);
	if (is_doubtful(o))
		log_text(&l, "doubt", "yes");
	if (o->no_receipt[0] != '\0')
		log_text(&l, "no_receipt", o->no_receipt);
	if (o->code / 100 != 2)
		log_text(&l, "reply", o->text);
	log_ms(&l, "ms", took);
	log_end(&l);
}

static void
count(enum recipient_result result)
{
	metric_add(&expander_metrics[RECIPIENTS], result, 0, 0, 1);
}

static void
refuse(struct post *p, uint32_t line, int code, const char *text)
{
	post_refused(p, line, code, text);
	count(RECIPIENT_REFUSED);
}

static void
leave(struct post *p, uint32_t line)
{
	post_later(p, line);
	count(RECIPIENT_LATER);
}

/* RFC 5321 section 4.5.3.1.10: no more recipients in this transaction, but in the next. */
static bool
is_too_many(int code, const char *text, size_t accepted)
{
	return accepted > 0 && code / 100 == 4 &&
	       (strncmp(text + 3, " 4.5.3", 6) == 0 ||
	        (code == 452 && (strstr(text, "5.3") != NULL || strcasestr(text, "too many") != NULL)));
}

/* The result of the whole batch, for a recipient whose RCPT was accepted. */
static void
settle_accepted(struct batch *b, uint32_t line, const struct outcome *o, enum fate fate, size_t *sent)
{
	struct post *p = b->post;

	if (o->made == SMTP_ANSWERED && o->code / 100 == 2) {
		post_sent(p, line);
		count(RECIPIENT_SENT);
		(*sent)++;
	} else if (fate == FATE_SMALLER || fate == FATE_ELSEWHERE) {
		post_again(p, line);
	} else if (fate == FATE_DOUBT) {
		count(RECIPIENT_LATER);
	} else if (o->code / 100 == 5) {
		refuse(p, line, o->code, o->text);
	} else {
		leave(p, line);
	}
}

/* All of it next time. */
static size_t
hold(struct batch *b, const struct outcome *o)
{
	for (size_t i = 0; i < b->count; i++)
		post_later(b->post, b->lines[i]);
	b->post->halted = true;           /* its other batches would fare no better now */
	set_reason(b->post, reply_to_all(o));
	return 0;
}

/* Where the receipt takes the only place that the MTA has for a recipient. */
static void
go_without_receipts(struct post *p)
{
	p->proof = false;
	log_say(LEVEL_WARN, "inject", "%s: the MTA takes one recipient: without receipts", p->entry->id);
}

size_t
settle(struct batch *b, const struct outcome *o, enum fate fate, struct learnt *learnt)
{
	struct post *p = b->post;
	size_t sent = 0, accepted = 0;
	bool limited = false;

	if (fate == FATE_HELD)
		return hold(b, o);
	if (fate == FATE_SMALLER)
		post_limit(p, b->count / 2);

	for (size_t i = 0; i < b->count; i++) {
		uint32_t line = b->lines[i];
		int code = o->codes[i];

		if (code / 100 == 2) {
			accepted++;
			settle_accepted(b, line, o, fate, &sent);
		} else if (is_too_many(code, o->texts[i], accepted + o->receipt)) {
			if (!limited)
				learnt_limit(learnt, accepted + o->receipt, clock_ticks());
			limited = true;
			post_again(p, line);
		} else if (code / 100 == 5) {
			refuse(p, line, code, o->texts[i]);
		} else if (code == 0 && o->code / 100 == 5 && o->made == SMTP_NOT_SENT) {
			refuse(p, line, o->code, o->text);      /* MAIL was refused for good */
		} else if (code == 0 && fate == FATE_ELSEWHERE) {
			post_again(p, line);
		} else {
			leave(p, line);
		}
		if (code / 100 == 4)
			set_reason(p, o->texts[i]);
	}
	if (sent > 0)
		p->tally.held = -1;
	if (!limited)
		learnt_fine(learnt, accepted + o->receipt);
	else if (accepted == 0)
		go_without_receipts(p);
	if (fate == FATE_DOUBT)
		post_doubt(p, b);
	if (o->code / 100 != 2 && o->text[0] != '\0')
		set_reason(p, o->text);
	return sent;
}

void
settle_note(const struct batch *b, const struct outcome *o, enum fate fate)
{
	struct complaint why;
	bool whole = fate == FATE_HELD || b->noted || note_lines(b, o, &why);

	/*
	 * A result without its exceptions would say too much: then the batch stays in doubt, as it does
	 * where there is none yet.
	 */
	if (!whole || (fate != FATE_DOUBT && note_result(b, o, fate, &why) < 0))
		log_say(LEVEL_ERROR, "inject", "%s: %s", b->name, why.text);
}
