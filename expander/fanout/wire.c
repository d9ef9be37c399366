/* The wire. */
#include "expander/fanout/wire.h"

#include "base/clock.h"
#include "expander/pulse.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST_LINE = 4096, PIECE = 16384 };

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
	const char *at = o->texts[o->text].at + o->at, *stop;
	size_t left = o->texts[o->text].length - o->at;

	if (o->last == '\n' && *at == '.')
		add_part(o, ".", 1);
	stop = memmem(at, left, "\n.", 2);
	if (stop != NULL)
		left = (size_t)(stop - at) + 1;
	add_part(o, at, left);
	o->at += left;
	o->crlf_last = (left < 2 ? o->last : at[left - 2]) == '\r' && at[left - 1] == '\n';
	o->last = at[left - 1];
}

/* Fills the parts when all of them are written. */
static void
refill(struct outgoing *o)
{
	if (o->first < o->count || o->text > WIRE_TEXTS)
		return;
	o->first = o->count = 0;
	while (o->text < WIRE_TEXTS && o->count < WIRE_SEGMENTS - 3) {
		if (o->at == o->texts[o->text].length) {
			o->text++;
			o->at = 0;
		} else {
			add_stretch(o);
		}
	}
	if (o->text == WIRE_TEXTS) {
		add_part(o, o->crlf_last ? ".\r\n" : "\r\n.\r\n", o->crlf_last ? 3 : 5);
		o->text = WIRE_TEXTS + 1;
	}
}

bool
wire_written(const struct outgoing *o)
{
	return o->first == o->count && o->text > WIRE_TEXTS;
}

/*
 * Parts are small where many lines begin with a dot: they go into one record. After an EAGAIN the same bytes
 * are offered again, as OpenSSL wants it, since nothing is added before all parts are written.
 */
static ssize_t
write_record(const struct wire *w, const struct outgoing *o)
{
	char record[PIECE];
	size_t length = 0;

	for (int i = o->first; i < o->count && length < sizeof(record); i++) {
		const struct iovec *part = &o->parts[i];
		size_t room = sizeof(record) - length, n = part->iov_len < room ? part->iov_len : room;

		memcpy(record + length, part->iov_base, n);
		length += n;
	}
	return length == 0 ? 0 : tls_write(w->tls, record, length);
}

/* Of all parts at once. */
static ssize_t
write_some(const struct wire *w, struct outgoing *o)
{
	const struct msghdr m = { .msg_iov = o->parts + o->first,
		                  .msg_iovlen = (size_t)(o->count - o->first) };

	return w->tls == NULL ? sendmsg(w->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) : write_record(w, o);
}

bool
wire_write(struct wire *w, struct outgoing *o)
{
	ssize_t n;

	refill(o);
	n = write_some(w, o);
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

struct outgoing
wire_commands(const char *text, size_t length)
{
	struct outgoing o = { .text = WIRE_TEXTS + 1 };

	if (length > 0)
		add_part(&o, text, length);
	return o;
}

struct outgoing
wire_message(struct slice head, struct slice body, struct slice tail)
{
	return (struct outgoing){ .texts = { head, body, tail }, .last = '\n', .crlf_last = true };
}

/* ---- input ---- */

/*
 * Postfix writes its replies to pipelined commands in pieces and leaves Nagle's algorithm on: the next
 * piece waits until this one is acknowledged, and that must not be delayed. The option wears off.
 */
static void
acknowledge(const struct wire *w)
{
	(void)setsockopt(w->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
}

/* False when the connection has ended. With TLS all there is: what was decrypted wakes nobody. */
static bool
read_some(struct wire *w)
{
	ssize_t n;

	if (w->at > 0) {
		bytes_consume(&w->in, w->at);
		w->at = 0;
	}
	do {
		char *room = bytes_room(&w->in, PIECE);

		n = w->tls == NULL ? recv(w->fd, room, PIECE, MSG_DONTWAIT) : tls_read(w->tls, room, PIECE);
		if (n > 0)
			w->in.length += (size_t)n;
	} while (n > 0 && w->tls != NULL);
	acknowledge(w);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Takes one line from what has been read. 1, 0 none yet, -1 no reply of SMTP. */
static int
take_line(struct wire *w, struct reply_line *r)
{
	const char *line = bytes_text(&w->in) + w->at;
	size_t left = w->in.length - w->at, length;
	const char *lf = memchr(line, '\n', left);

	length = lf == NULL ? left : (size_t)(lf - line);
	if (lf == NULL || length > LONGEST_LINE)
		return length > LONGEST_LINE ? -1 : 0;
	w->at += length + 1;
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

/* Waits until something came in or went out. HEARD when it has. */
static enum heard
move(struct wire *w, struct outgoing *o, int64_t patience, struct deadline *by)
{
	struct pollfd both[] = { { .fd = w->fd, .events = POLLIN }, { .fd = w->abandon, .events = POLLIN } };
	struct pollfd p;
	int n;

	if (!wire_written(o))
		both[0].events |= POLLOUT;
	pulse_step(deadline_left(*by));
	n = poll(both, 2, (int)deadline_left(*by));
	p = both[0];
	if (n == 0)
		return HEARD_NOTHING;
	if (n < 0)
		return errno == EINTR ? HEARD : HEARD_END;
	if (both[1].revents != 0 && p.revents == 0)
		return HEARD_ABANDONED;
	if ((p.revents & POLLOUT) != 0) {
		if (!wire_write(w, o) && (p.revents & POLLIN) == 0)
			return HEARD_END;
		*by = deadline_in(patience);
	}
	if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_some(w))
		return HEARD_END;
	return HEARD;
}

bool
wire_is_quiet(struct wire *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	if (poll(&p, 1, 0) == 0)
		return true;
	/* TLS may have something to say to itself. */
	return w->tls != NULL && read_some(w) && w->in.length == 0;
}

bool
wire_secure(struct wire *w, const struct tls_client *client, const char *name, int64_t patience,
            struct complaint *why)
{
	struct deadline by = deadline_in(patience);
	enum tls_step step = TLS_FAILED;

	if (w->at < w->in.length) {       /* somebody in between put it there */
		(void)complain(why, "STARTTLS: more than one reply");
		return false;
	}
	w->tls = tls_begin(client, w->fd, name, why);
	if (w->tls != NULL)
		step = tls_handshake(w->tls, why);
	while (step == TLS_WANTS_READ || step == TLS_WANTS_WRITE) {
		struct pollfd both[] = { { .fd = w->fd, .events = step == TLS_WANTS_READ ? POLLIN : POLLOUT },
			                 { .fd = w->abandon, .events = POLLIN } };

		pulse_step(deadline_left(by));
		if (poll(both, 2, (int)deadline_left(by)) <= 0 || both[0].revents == 0) {
			(void)complain(why, "TLS: no answer in time");
			break;
		}
		step = tls_handshake(w->tls, why);
	}
	return step == TLS_DONE;
}

void
wire_close(struct wire *w, const char *command)
{
	if (command != NULL && w->tls != NULL)
		(void)tls_write(w->tls, command, strlen(command));
	else if (command != NULL)
		(void)send(w->fd, command, strlen(command), MSG_NOSIGNAL | MSG_DONTWAIT);
	tls_end(&w->tls, command != NULL);
	(void)close(w->fd);
	bytes_free(&w->in);
}

enum heard
wire_hear_lines(struct wire *w, struct outgoing *o, int64_t patience, struct answer *a,
                void (*take)(void *arg, struct slice text), void *arg)
{
	struct deadline by = deadline_in(patience);
	struct reply_line line;
	enum heard h = HEARD;

	*a = (struct answer){ 0 };
	while (h == HEARD) {
		int got = take_line(w, &line);

		if (got < 0 || (got > 0 && a->code != 0 && a->code != line.code))
			return HEARD_NONSENSE;
		if (got == 0) {
			h = move(w, o, patience, &by);
			continue;
		}
		a->code = line.code;
		add_text(a, line.text);
		if (take != NULL)
			take(arg, line.text);
		if (!line.more)
			break;
	}
	return h;
}

enum heard
wire_hear(struct wire *w, struct outgoing *o, int64_t patience, struct answer *a)
{
	return wire_hear_lines(w, o, patience, a, NULL, NULL);
}

const char *
wire_words(enum heard h)
{
	return h == HEARD_NOTHING ? "no reply in time"
	       : h == HEARD_END   ? "connection lost"
	       : h == HEARD_ABANDONED ? "not waited for any more: the expander ends"
	                          : "a reply that is none";
}
