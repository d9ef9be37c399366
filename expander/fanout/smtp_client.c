/*
 * The SMTP client. The hard thing is to know at every moment whether the message may have been
 * queued: until the last byte of the end of data is written it cannot have been, from then on until
 * the reply it may.
 */
#include "expander/fanout/smtp_client.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/syntax.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SEGMENTS = 64, LONGEST_LINE = 4096, PIECE = 16384 };

struct smtp {
	int fd;
	int64_t reply;                    /* ms */
	struct bytes in;
	size_t at;                        /* of `in`: what was read */
	bool pipelining, size, eight_bit, utf8, dsn;
	bool broken;
};

/* A whole reply. */
struct answer {
	int code;
	char text[512];                   /* of all its lines, a blank between */
};

/* What is to be written: commands, or a message with its dots. */
struct outgoing {
	struct iovec parts[SEGMENTS];
	int first, count;
	const char *texts[2];             /* of a message: header and body */
	size_t lengths[2];
	int text;                         /* which of them; 2: the end; 3: nothing is left */
	size_t at;
	bool line_begins, crlf_last;
};

/* ---- output ---- */

static void
add_part(struct outgoing *o, const char *from, size_t length)
{
	o->parts[o->count++] = (struct iovec){ (char *)from, length };
}

/*
 * The next stretch of a text that needs no dot in it, with a dot before it where it begins with one
 * (RFC 5321 section 4.5.2).
 */
static void
add_stretch(struct outgoing *o)
{
	const char *at = o->texts[o->text] + o->at, *stop;
	size_t left = o->lengths[o->text] - o->at;

	if (o->line_begins && *at == '.')
		add_part(o, ".", 1);
	stop = memmem(at, left, "\n.", 2);
	if (stop != NULL)
		left = (size_t)(stop - at) + 1;
	add_part(o, at, left);
	o->at += left;
	o->line_begins = at[left - 1] == '\n';
	o->crlf_last = left < 2 ? o->line_begins : at[left - 2] == '\r' && o->line_begins;
}

/* Fills the parts when all of them are written. */
static void
refill(struct outgoing *o)
{
	if (o->first < o->count || o->text > 2)
		return;
	o->first = o->count = 0;
	while (o->text < 2 && o->count < SEGMENTS - 3) {
		if (o->at == o->lengths[o->text]) {
			o->text++;
			o->at = 0;
		} else {
			add_stretch(o);
		}
	}
	if (o->text == 2) {
		add_part(o, o->crlf_last ? ".\r\n" : "\r\n.\r\n", o->crlf_last ? 3 : 5);
		o->text = 3;
	}
}

static bool
all_written(const struct outgoing *o)
{
	return o->first == o->count && o->text > 2;
}

/* Writes what the socket takes. False when it is broken. */
static bool
write_some(struct smtp *s, struct outgoing *o)
{
	struct msghdr m = { 0 };
	ssize_t n;

	refill(o);
	m.msg_iov = o->parts + o->first;
	m.msg_iovlen = (size_t)(o->count - o->first);
	n = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	while (n > 0) {
		struct iovec *part = &o->parts[o->first];
		size_t used = (size_t)n < part->iov_len ? (size_t)n : part->iov_len;

		part->iov_base = (char *)part->iov_base + used;
		part->iov_len -= used;
		n -= (ssize_t)used;
		if (part->iov_len == 0)
			o->first++;
	}
	return true;
}

static struct outgoing
commands(const struct bytes *text)
{
	struct outgoing o = { .text = 3 };

	add_part(&o, text->data, text->length);
	return o;
}

/* ---- input ---- */

static bool
read_some(struct smtp *s)
{
	char *room;
	ssize_t n;

	if (s->at > 0) {
		bytes_consume(&s->in, s->at);
		s->at = 0;
	}
	room = bytes_room(&s->in, PIECE);
	n = recv(s->fd, room, PIECE, MSG_DONTWAIT);
	if (n > 0)
		s->in.length += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Takes one line from what has been read. 1, 0 none yet, -1 no reply of SMTP. */
static int
take_line(struct smtp *s, struct reply_line *r)
{
	const char *line = s->in.data + s->at;
	const char *lf = s->in.length > s->at ? memchr(line, '\n', s->in.length - s->at) : NULL;
	size_t length;

	if (lf == NULL)
		return s->in.length - s->at > LONGEST_LINE ? -1 : 0;
	length = (size_t)(lf - line);
	s->at += length + 1;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	return syntax_reply(line, length, r) ? 1 : -1;
}

static void
add_text(struct answer *a, struct slice text)
{
	size_t used = strlen(a->text);

	(void)snprintf(a->text + used, sizeof(a->text) - used, "%s%.*s", used == 0 ? "" : " ",
	               (int)text.length, text.at);
}

enum heard { HEARD, HEARD_NOTHING, HEARD_END, HEARD_NONSENSE };

/* Reads one reply, writing meanwhile what is still to be written. */
static enum heard
hear(struct smtp *s, struct outgoing *o, int64_t patience, struct answer *a)
{
	struct deadline by = deadline_in(patience);
	struct reply_line line;

	*a = (struct answer){ 0 };
	for (;;) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		int got = take_line(s, &line), n;

		if (got < 0 || (got > 0 && a->code != 0 && a->code != line.code))
			return HEARD_NONSENSE;
		if (got > 0) {
			a->code = line.code;
			add_text(a, line.text);
			if (!line.more)
				return HEARD;
			continue;
		}
		if (!all_written(o))
			p.events |= POLLOUT;
		n = poll(&p, 1, (int)deadline_left(by));
		if (n == 0)
			return HEARD_NOTHING;
		if (n < 0 && errno != EINTR)
			return HEARD_END;
		if (n > 0 && (p.revents & POLLOUT) != 0) {
			if (!write_some(s, o) && (p.revents & POLLIN) == 0)
				return HEARD_END;
			by = deadline_in(patience);
		}
		if (n > 0 && (p.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_some(s))
			return HEARD_END;
	}
}

static const char *
words_of(enum heard h)
{
	return h == HEARD_NOTHING ? "no reply in time"
	       : h == HEARD_END   ? "connection lost"
	                          : "a reply that is none";
}

/* ---- connection ---- */

static void
take_keyword(struct smtp *s, struct slice line)
{
	struct slice word = { line.at, 0 };

	while (word.length < line.length && line.at[word.length] != ' ')
		word.length++;
	s->pipelining |= slice_is(word, "PIPELINING");
	s->size |= slice_is(word, "SIZE");
	s->eight_bit |= slice_is(word, "8BITMIME");
	s->utf8 |= slice_is(word, "SMTPUTF8");
	s->dsn |= slice_is(word, "DSN");
}

/* EHLO, whose lines are keywords. */
static bool
greet(struct smtp *s, const char *hostname, struct answer *a, struct complaint *why)
{
	struct outgoing nothing = { .text = 3 }, out;
	struct bytes text = { 0 };
	struct reply_line line;
	enum heard h = hear(s, &nothing, s->reply, a);
	int got = 0;

	if (h != HEARD || a->code != 220) {
		(void)complain(why, "greeting: %s", h == HEARD ? a->text : words_of(h));
		return false;
	}
	bytes_format(&text, "EHLO %s\r\n", hostname);
	out = commands(&text);
	while (!all_written(&out) && write_some(s, &out))
		;
	do {
		while ((got = take_line(s, &line)) == 0) {
			struct pollfd p = { .fd = s->fd, .events = POLLIN };

			if (poll(&p, 1, (int)s->reply) != 1 || !read_some(s))
				break;
		}
		if (got == 1)
			take_keyword(s, line.text);
	} while (got == 1 && line.more && line.code == 250);
	bytes_free(&text);
	if (got != 1 || line.code != 250)
		(void)complain(why, "EHLO: %s", got != 1 ? "no reply" : "refused");
	return got == 1 && line.code == 250;
}

struct smtp *
smtp_open(const struct smtp_config *c, struct complaint *why)
{
	struct smtp *s;
	struct answer a;
	int fd = net_connect(c->mta, deadline_in(c->connect), why);

	if (fd < 0)
		return NULL;
	s = mem_new(sizeof(*s));
	s->fd = fd;
	s->reply = c->reply;
	if (!greet(s, c->hostname, &a, why)) {
		(void)complain_within(why, "the MTA at %s port %s", c->mta->host, c->mta->port);
		s->broken = true;
		smtp_close(&s);
	}
	return s;
}

bool
smtp_has_utf8(const struct smtp *s)
{
	return s->utf8;
}

void
smtp_close(struct smtp **smtp)
{
	struct smtp *s = *smtp;

	*smtp = NULL;
	if (s == NULL)
		return;
	if (!s->broken)
		(void)send(s->fd, "QUIT\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(s->fd);
	bytes_free(&s->in);
	free(s);
}

/* ---- transaction ---- */

/* MAIL, the RCPTs and DATA. */
static void
print_commands(const struct smtp *s, const struct transaction *t, const struct outcome *o,
               struct bytes *out)
{
	bytes_format(out, "MAIL FROM:<%s>", t->sender);
	if (s->size)
		bytes_format(out, " SIZE=%zu", t->head_length + t->body_length);
	if (t->eight_bit && s->eight_bit)
		bytes_add_text(out, " BODY=8BITMIME");
	if (t->utf8 && s->utf8)
		bytes_add_text(out, " SMTPUTF8");
	if (s->dsn)
		bytes_format(out, " ENVID=%s", t->envid);
	bytes_add_text(out, "\r\n");
	for (size_t i = 0; i < t->count; i++) {
		size_t length;
		const char *address = distribution_address(t->list, t->lines[i], &length);

		if (o->codes[i] != 0)
			continue;
		bytes_add_text(out, "RCPT TO:<");
		bytes_add(out, address, length);
		bytes_add_text(out, ">\r\n");
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
	enum heard h = hear(s, out, s->reply, a);

	if (h != HEARD) {
		give_up(s, o, SMTP_NOT_SENT, words_of(h));
		return false;
	}
	if (a->code == 421) {
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
	d->out = (struct outgoing){ .text = 3 };
	add_part(&d->out, at, (size_t)(lf - at) + 1);
	d->next += (size_t)(lf - at) + 1;
}

/* MAIL and all RCPTs: how many recipients were accepted, or -1 when that was the end. */
static ptrdiff_t
hear_recipients(struct smtp *s, const struct transaction *t, struct dialogue *d, struct outcome *o)
{
	struct answer a;
	ptrdiff_t accepted = 0;
	bool refused;

	if (!hear_reply(s, &d->out, o, &a)) {
		if (o->code == 0 && s->in.length == 0)
			o->made = SMTP_NOT_STARTED;   /* it had died while nobody looked */
		return -1;
	}
	refused = a.code / 100 != 2;
	if (refused)
		conclude(o, SMTP_NOT_SENT, a.code, a.text);
	for (size_t i = 0; i < t->count; i++) {
		if (o->codes[i] != 0)
			continue;
		next_command(s, d);
		if (!hear_reply(s, &d->out, o, &a))
			return -1;
		if (refused)
			continue;         /* "503 need MAIL", and nobody's fault */
		o->codes[i] = a.code;
		if (a.code / 100 == 2)
			accepted++;
		else
			o->texts[i] = mem_format("%d %s", a.code, a.text);
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
	struct outgoing out = { .texts = { t->head, t->body },
		                .lengths = { t->head_length, t->body_length },
		                .line_begins = true,
		                .crlf_last = true };
	struct answer a;
	enum heard h = hear(s, &out, s->reply * 2, &a);
	bool whole = all_written(&out);

	if (h != HEARD) {
		give_up(s, o, whole ? SMTP_IN_DOUBT : SMTP_NOT_SENT, words_of(h));
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
	struct outgoing end = { .text = 2, .crlf_last = true };
	struct answer unused;

	if (a->code == 354 && accepted > 0) {
		send_message(s, t, o);
	} else if (a->code == 354) {      /* it wants a message for nobody: give it an empty one */
		if (hear(s, &end, s->reply, &unused) != HEARD)
			s->broken = o->closing = true;
	} else if (accepted > 0) {
		conclude(o, SMTP_NOT_SENT, a->code, a->text);
	}
}

void
smtp_send(struct smtp *s, const struct transaction *t, struct outcome *o)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct dialogue d = { 0 };
	struct complaint why;
	struct answer a;
	ptrdiff_t accepted;

	o->made = SMTP_NOT_SENT;
	o->code = 0;
	o->closing = false;
	o->text[0] = o->queue_id[0] = '\0';
	if (poll(&p, 1, 0) != 0) {        /* nothing may come unasked but a good-bye */
		give_up(s, o, SMTP_NOT_STARTED, "the MTA had closed the connection");
		return;
	}
	print_commands(s, t, o, &d.commands);
	next_command(s, &d);
	(void)write_some(s, &d.out);
	/* While the MTA looks at the recipients. */
	if (!t->before_end(t->arg, &why)) {
		give_up(s, o, SMTP_NOT_SENT, why.text);
	} else {
		accepted = hear_recipients(s, t, &d, o);
		if (accepted >= 0) {
			next_command(s, &d);
			if (hear_reply(s, &d.out, o, &a))
				after_data(s, t, &a, accepted, o);
		}
	}
	/* A transaction that was not finished must not lean into the next. */
	if (!s->broken && o->made != SMTP_ANSWERED)
		s->broken = o->closing = true;
	bytes_free(&d.commands);
}
