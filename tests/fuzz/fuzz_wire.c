/*
 * The wire of the SMTP client: a message comes out of it as it went in, through the dots and
 * through our own end-of-data scanner, and replies are the same in whatever pieces they come.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "expander/fanout/wire.h"
#include "expander/intake/content.h"

#include <sys/socket.h>
#include <unistd.h>

/* ---- a message ---- */

/* Reads what has come; whether the end of data is among it. */
static void
receive(int fd, struct content *c, struct bytes *out)
{
	char buffer[4096];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		MUST(!c->ended);          /* nothing may come behind the end of data */
		MUST(content_scan(c, buffer, (size_t)n, collect, out) == (size_t)n);
	}
}

static bool
has_bare_newline(struct slice text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] == '\r' && (i + 1 == text.length || text.at[i + 1] != '\n'))
			return true;
		if (text.at[i] == '\n' && (i == 0 || text.at[i - 1] != '\r'))
			return true;
	}
	return false;
}

static void
send_message(struct slice head, struct slice body)
{
	size_t half = body.length / 2;
	struct outgoing o = wire_message(head, (struct slice){ body.at, half },
	                                 (struct slice){ body.at + half, body.length - half });
	struct bytes want = { 0 }, got = { 0 };
	struct content c = { 0 };
	struct wire w = { .abandon = -1 };
	int fds[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	w.fd = fds[0];
	while (!wire_written(&o)) {
		MUST(wire_write(&w, &o));
		receive(fds[1], &c, &got);
	}
	MUST(c.ended);
	bytes_add(&want, head.at, head.length);
	bytes_add(&want, body.at, body.length);
	if (!has_bare_newline(slice_of(&want))) {
		if (want.length > 0 && want.data[want.length - 1] != '\n')
			bytes_add_text(&want, "\r\n");
		MUST(same_bytes(slice_of(&got), slice_of(&want)));
		MUST(!c.bare_newline);
	}
	bytes_free(&want);
	bytes_free(&got);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* ---- replies ---- */

static void
add_line(void *arg, struct slice text)
{
	bytes_add(arg, text.at, text.length);
	bytes_add_char(arg, '|');
}

/* All replies as text, the bytes coming in pieces of this length. */
static void
hear_all(struct slice replies, size_t piece, struct bytes *out)
{
	struct outgoing nothing = wire_commands("", 0);
	struct wire w = { .abandon = -1 };
	struct answer a;
	enum heard h;
	int fds[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	w.fd = fds[0];
	for (size_t at = 0; at < replies.length; at += piece) {
		size_t n = replies.length - at < piece ? replies.length - at : piece;

		MUST(send(fds[1], replies.at + at, n, MSG_DONTWAIT) == (ssize_t)n);
	}
	(void)close(fds[1]);
	do {
		h = wire_hear_lines(&w, &nothing, 1000, &a, add_line, out);
		MUST(h != HEARD_NOTHING);
		MUST(h != HEARD || (a.code >= 200 && a.code <= 599));
		MUST(strlen(a.text) < sizeof(a.text));
		bytes_format(out, " %d %d %s\n", (int)h, a.code, h == HEARD ? a.text : "");
	} while (h == HEARD);
	bytes_free(&w.in);
	(void)close(fds[0]);
}

static void
hear_replies(struct slice replies, size_t piece)
{
	struct bytes want = { 0 }, got = { 0 };

	hear_all(replies, replies.length + 1, &want);
	hear_all(replies, piece, &got);
	MUST(same_bytes(slice_of(&got), slice_of(&want)));
	bytes_free(&want);
	bytes_free(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	size_t cut = eat(&f);
	struct slice all = { (const char *)f.at, f.left }, head = eat_some(&f, cut);

	/* So that there are no more pieces than a socket holds. */
	hear_replies(all, 1 + all.length / 200 + cut % 50);
	send_message(head, (struct slice){ (const char *)f.at, f.left });
	return 0;
}
