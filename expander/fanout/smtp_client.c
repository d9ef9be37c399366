/*
 * The SMTP client. The hard thing is to know at every moment whether the message may have been
 * queued: until the last byte of the end of data is written it cannot have been, from then on until
 * the reply it may.
 */
#include "expander/fanout/smtp_client.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "expander/fanout/smtp.h"
#include "mail/syntax.h"
#include "mail/xtext.h"

#include <stdio.h>
#include <string.h>

/* ---- transaction ---- */

/* A receipt that is refused must not become a report. */
static bool
has_receipt(const struct smtp *s, const struct transaction *t)
{
	return t->receipt != NULL && s->dsn;
}

/*
 * What is to be reported of a member (RFC 3461 section 5.2.7.3): failures, and not to the poster. What
 * has no sender has nobody to tell.
 */
static void
add_notification(const struct transaction *t, const char *address, size_t length, struct bytes *out)
{
	bytes_format(out, " NOTIFY=%s", *t->sender == '\0' ? "NEVER" : "FAILURE");
	xtext_add_orcpt(out, address, length);
}

/* MAIL, the RCPTs and DATA. */
static void
print_commands(const struct smtp *s, const struct transaction *t, const struct outcome *o,
               struct bytes *out)
{
	bytes_format(out, "MAIL FROM:<%s>", t->sender);
	if (s->size)
		bytes_format(out, " SIZE=%zu", t->head_length + t->body_length + t->tail_length);
	if (t->eight_bit && s->eight_bit)
		bytes_add_text(out, " BODY=8BITMIME");
	if (t->utf8 && s->utf8)
		bytes_add_text(out, " SMTPUTF8");
	if (t->xverp && s->xverp)
		bytes_add_text(out, " XVERP");
	if (s->dsn)
		bytes_format(out, " RET=HDRS ENVID=%s", t->envid);
	bytes_add_text(out, "\r\n");
	if (has_receipt(s, t))
		bytes_format(out, "RCPT TO:<%s> NOTIFY=NEVER\r\n", t->receipt);
	for (size_t i = 0; i < t->count; i++) {
		size_t length;
		const char *address = distribution_address(t->list, t->lines[i], &length);

		if (o->codes[i] != 0)
			continue;
		bytes_add_text(out, "RCPT TO:<");
		bytes_add(out, address, length);
		bytes_add_char(out, '>');
		if (s->dsn)
			add_notification(t, address, length, out);
		bytes_add_text(out, "\r\n");
	}
	bytes_add_text(out, "DATA\r\n");
}

static void
conclude(struct outcome *o, enum progress_made made, int code, const char *text)
{
	o->made = made;
	o->code = code;
	if (code == 0)
		(void)snprintf(o->text, sizeof(o->text), "%s", text);
	else
		(void)snprintf(o->text, sizeof(o->text), "%d %.500s", code, text);
}

/* The connection cannot go on. */
static void
give_up(struct smtp *s, struct outcome *o, enum progress_made made, const char *text)
{
	conclude(o, made, 0, text);
	s->broken = o->closing = true;
}

/* One reply to one command. False when the transaction has come to its end. */
static bool
hear_reply(struct smtp *s, struct outgoing *out, struct outcome *o, struct answer *a)
{
	enum heard h = wire_hear(&s->wire, out, s->reply, a);

	if (h != HEARD) {
		give_up(s, o, SMTP_NOT_SENT, wire_words(h));
		o->lost = h != HEARD_ABANDONED;
		return false;
	}
	if (a->code == 421) {
		o->lost = true;
		conclude(o, SMTP_NOT_SENT, a->code, a->text);
		s->broken = o->closing = true;
		return false;
	}
	return true;
}

/* Commands are written together, or one by one where the MTA has no pipelining. */
struct dialogue {
	struct bytes commands;
	struct outgoing out;
	size_t next;                      /* of commands: what has not been handed to `out` */
};

/* Hands over the next command, if they go one by one. */
static void
next_command(const struct smtp *s, struct dialogue *d)
{
	const char *at = d->commands.data + d->next, *lf;

	if (d->next == d->commands.length)
		return;
	lf = s->pipelining ? d->commands.data + d->commands.length - 1
	                   : memchr(at, '\n', d->commands.length - d->next);
	d->out = wire_commands(at, (size_t)(lf - at) + 1);
	d->next += (size_t)(lf - at) + 1;
}

/* The RCPT of the receipt. False when that was the end. */
static bool
hear_receipt(struct smtp *s, const struct transaction *t, struct dialogue *d, struct outcome *o)
{
	struct answer a;

	if (t->receipt != NULL && !s->dsn)
		(void)snprintf(o->no_receipt, sizeof(o->no_receipt), "the MTA has no DSN");
	if (!has_receipt(s, t))
		return true;
	next_command(s, d);
	if (!hear_reply(s, &d->out, o, &a))
		return false;
	o->receipt = a.code / 100 == 2;
	if (!o->receipt)
		(void)snprintf(o->no_receipt, sizeof(o->no_receipt), "%d %.100s", a.code, a.text);
	return true;
}

/*
 * To have enough recipients is no refusal of this one, though some servers say it by a 5xx, as RFC 821 had it
 * (RFC 5321 section 4.5.3.1.10).
 */
static int
code_of_recipient(const struct answer *a)
{
	bool too_many = strncmp(a->text, "5.5.3 ", 6) == 0 ||
	                (a->code == 552 && strcasestr(a->text, "too many") != NULL);

	return a->code / 100 == 5 && too_many ? 452 : a->code;
}

/* MAIL and all RCPTs: how many recipients were accepted, or -1 when that was the end. */
static ptrdiff_t
hear_recipients(struct smtp *s, const struct transaction *t, struct dialogue *d, struct outcome *o)
{
	struct answer a;
	ptrdiff_t accepted = 0;
	bool refused;

	if (!hear_reply(s, &d->out, o, &a)) {
		if (o->code == 0 && s->wire.in.length == 0)
			o->made = SMTP_NOT_STARTED;   /* it had died while nobody looked */
		return -1;
	}
	refused = a.code / 100 != 2;
	if (refused)
		conclude(o, SMTP_NOT_SENT, a.code, a.text);
	if (!hear_receipt(s, t, d, o))
		return -1;
	for (size_t i = 0; i < t->count; i++) {
		if (o->codes[i] != 0)
			continue;
		next_command(s, d);
		if (!hear_reply(s, &d->out, o, &a))
			return -1;
		if (refused)
			continue;         /* "503 need MAIL", and nobody's fault */
		o->codes[i] = code_of_recipient(&a);
		if (a.code / 100 == 2)
			accepted++;
		else
			o->texts[i] = mem_format("%d %s", o->codes[i], a.text);
	}
	return accepted;
}

/*
 * The queue id in the reply to the end of data: Postfix's "queued as X", sendmail's "X Message
 * accepted".
 */
static void
find_queue_id(struct outcome *o, const char *reply)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct slice text = { reply, strlen(reply) };
	const char *at = strstr(reply, "queued as ");
	size_t n;

	if (at != NULL)
		at += 10;
	else if (strstr(reply, " Message accepted") != NULL)
		at = reply + syntax_enhanced(text).length;
	if (at == NULL)
		return;
	at += strspn(at, " ");
	n = strspn(at, letters);
	if (n < sizeof(o->queue_id))
		(void)snprintf(o->queue_id, sizeof(o->queue_id), "%.*s", (int)n, at);
}

/* The message and the reply to its end. */
static void
send_message(struct smtp *s, const struct transaction *t, struct outcome *o)
{
	struct outgoing out = wire_message((struct slice){ t->head, t->head_length },
	                                   (struct slice){ t->body, t->body_length },
	                                   (struct slice){ t->tail, t->tail_length });
	struct answer a;
	enum heard h = wire_hear(&s->wire, &out, s->reply * 2, &a);
	bool whole = wire_written(&out);

	if (h != HEARD) {
		give_up(s, o, whole ? SMTP_IN_DOUBT : SMTP_NOT_SENT, wire_words(h));
		o->lost = h != HEARD_ABANDONED;
		return;
	}
	conclude(o, whole ? SMTP_ANSWERED : SMTP_NOT_SENT, a.code, a.text);
	if (!whole || a.code == 421)
		s->broken = o->closing = true;
	if (a.code / 100 == 2)
		find_queue_id(o, a.text);
}

/* After DATA was answered. */
static void
after_data(struct smtp *s, const struct transaction *t, const struct answer *a, ptrdiff_t accepted,
           struct outcome *o)
{
	const struct slice nothing = { 0 };
	struct outgoing end = wire_message(nothing, nothing, nothing);
	struct complaint why;
	struct answer unused;

	if (a->code == 354 && accepted > 0) {
		if (t->before_message(t->arg, o, &why))
			send_message(s, t, o);
		else
			give_up(s, o, SMTP_NOT_SENT, why.text);
	} else if (a->code == 354 && !o->receipt) {
		/* It wants a message for nobody: give it an empty one. */
		if (wire_hear(&s->wire, &end, s->reply, &unused) != HEARD)
			s->broken = o->closing = true;
	} else if (accepted > 0) {
		conclude(o, SMTP_NOT_SENT, a->code, a->text);
	}
}

void
smtp_send(struct smtp *s, const struct transaction *t, struct outcome *o)
{
	struct dialogue d = { 0 };
	struct complaint why;
	struct answer a;
	int64_t began = clock_ticks_us();
	ptrdiff_t accepted;

	o->made = SMTP_NOT_SENT;
	o->code = 0;
	o->closing = o->receipt = o->lost = false;
	o->took = 0;
	o->text[0] = o->no_receipt[0] = o->queue_id[0] = '\0';
	if (!wire_is_quiet(&s->wire)) {   /* nothing may come unasked but a good-bye */
		give_up(s, o, SMTP_NOT_STARTED, "the MTA had closed the connection");
		o->lost = true;
		return;
	}
	print_commands(s, t, o, &d.commands);
	next_command(s, &d);
	(void)wire_write(&s->wire, &d.out);
	/* While the MTA looks at the recipients. */
	if (!t->begin(t->arg, &why)) {
		give_up(s, o, SMTP_NOT_SENT, why.text);
	} else {
		accepted = hear_recipients(s, t, &d, o);
		if (accepted >= 0) {
			next_command(s, &d);
			if (hear_reply(s, &d.out, o, &a)) {
				o->took = clock_ticks_us() - began;
				after_data(s, t, &a, accepted, o);
			}
		}
	}
	/* A transaction that was not finished must not lean into the next. */
	if (!s->broken && o->made != SMTP_ANSWERED)
		s->broken = o->closing = true;
	bytes_free(&d.commands);
}
