/* What became of a batch. */
#include "expander/fanout/settle.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static void
set_reason(struct post *p, const char *text)
{
	(void)snprintf(p->reason, sizeof(p->reason), "%s", text);
}

static bool
note(const struct batch *b, const struct record *r)
{
	struct complaint why;

	if (b->post->entry->queues->ops->note(b->post->entry, r, false, &why) == 0)
		return true;
	log_say(LEVEL_ERROR, "inject", "%s: %s", b->name, why.text);
	return false;
}

static bool
note_line(const struct batch *b, uint32_t line, int code, const char *text)
{
	const struct record r = { .kind = RECORD_LINE, .batch = b->number, .line = line, .code = code,
		                  .text = text };

	return note(b, &r);
}

/* RFC 3463: 5.3.4 is a message too big for the system. */
static bool
is_too_big(int code, const char *text)
{
	return code == 552 || (code / 100 == 5 && strstr(text, " 5.3.4 ") != NULL);
}

enum fate
settle_judge(const struct batch *b, const struct outcome *o)
{
	/* An MTA may count the recipients as well, as Postfix does. */
	if (o->made == SMTP_ANSWERED && is_too_big(o->code, o->text) && b->count > 1)
		return FATE_SMALLER;
	return FATE_AS_SAID;
}

static void
note_result(const struct batch *b, const struct outcome *o, enum fate fate)
{
	bool counts = fate == FATE_AS_SAID && (o->made == SMTP_ANSWERED || o->code >= 400);
	const struct record r = { .kind = RECORD_RESULT, .at = clock_wall(), .batch = b->number,
		                  .code = counts ? o->code : 0,
		                  .text = o->code / 100 == 2 ? NULL : o->text,
		                  .id = o->queue_id[0] == '\0' ? NULL : o->queue_id };

	(void)note(b, &r);
}

void
settle_log(const struct batch *b, const struct outcome *o, size_t sent, int64_t began)
{
	struct log_line l;

	log_begin(&l, sent > 0 ? LEVEL_INFO : LEVEL_WARN, "batch");
	log_text(&l, "name", b->name);
	log_text(&l, "list", b->post->entry->envelope.list);
	log_number(&l, "recipients", (int64_t)b->count);
	log_number(&l, "sent", (int64_t)sent);
	log_text(&l, "to_queue", o->queue_id[0] == '\0' ? NULL : o->queue_id);
	if (o->made == SMTP_IN_DOUBT)
		log_text(&l, "doubt", "yes");
	if (o->code / 100 != 2)
		log_text(&l, "reply", o->text);
	log_ms(&l, "ms", clock_ticks_us() - began);
	log_end(&l);
}

/* RFC 5321 section 4.5.3.1.10: no more recipients in this transaction, but in the next. */
static bool
is_too_many(int code, const char *text, size_t accepted)
{
	return accepted > 0 && code == 452 && (text == NULL || strstr(text, "5.3") != NULL ||
	                                       strcasestr(text, "too many") != NULL);
}

/* The result of the whole batch, for a recipient whose RCPT was accepted. */
static void
settle_accepted(struct batch *b, uint32_t line, const struct outcome *o, enum fate fate, size_t *sent)
{
	struct post *p = b->post;

	if (o->made == SMTP_ANSWERED && o->code / 100 == 2) {
		post_sent(p, line);
		(*sent)++;
	} else if (fate == FATE_SMALLER) {
		post_again(p, line);
	} else if (o->code / 100 == 5) {
		post_refused(p, line, o->code, o->text);
	} else {
		post_later(p, line);
	}
}

size_t
settle(struct batch *b, const struct outcome *o, enum fate fate, struct learnt *learnt)
{
	struct post *p = b->post;
	size_t sent = 0, accepted = 0;
	bool limited = false;

	if (fate == FATE_SMALLER)
		post_limit(p, b->count / 2);

	for (size_t i = 0; i < b->count; i++) {
		uint32_t line = b->lines[i];
		int code = o->codes[i];

		if (code / 100 == 2) {
			accepted++;
			settle_accepted(b, line, o, fate, &sent);
		} else if (is_too_many(code, o->texts[i], accepted)) {
			if (!limited)
				learnt_limit(learnt, accepted, clock_ticks());
			limited = true;
			post_again(p, line);
		} else if (code / 100 == 5) {
			post_refused(p, line, code, o->texts[i]);
		} else if (code == 0 && o->code / 100 == 5 && o->made == SMTP_NOT_SENT) {
			post_refused(p, line, o->code, o->text);      /* MAIL was refused for good */
		} else {
			post_later(p, line);
		}
		if (code / 100 == 4)
			set_reason(p, o->texts[i]);
	}
	if (!limited)
		learnt_fine(learnt, accepted);
	if (o->code / 100 != 2 && o->text[0] != '\0')
		set_reason(p, o->text);
	return sent;
}

void
settle_note(const struct batch *b, const struct outcome *o, enum fate fate)
{
	bool whole = true;

	for (size_t i = 0; i < b->count && whole; i++)
		if (o->codes[i] / 100 == 4 || o->codes[i] / 100 == 5)
			whole = note_line(b, b->lines[i], o->codes[i], o->texts[i]);
	/* A result without its exceptions would say too much: then the batch stays in doubt. */
	if (whole)
		note_result(b, o, fate);
}
