/* What the measuring programs share. */
#include "bench/common.h"

#include "base/net.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 65536, PATIENCE = 10000 };

void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

size_t
number(const char *text)
{
	int64_t n;

	if (!text_number(text, &n) || n < 0)
		die("\"%s\" is no number", text);
	return (size_t)n;
}

int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- connections ---- */

static void
parse(const char *text, struct endpoint *e)
{
	struct complaint why;

	if (endpoint_parse(text, e, &why) < 0)
		die("%s", why.text);
}

void
reader_open(struct line_reader *r, int fd)
{
	*r = (struct line_reader){ .fd = fd };
}

void
reader_connect(struct line_reader *r, const char *endpoint)
{
	struct complaint why;
	struct endpoint e;
	int fd;

	parse(endpoint, &e);
	fd = net_connect(&e, deadline_in(PATIENCE), &why);
	if (fd < 0)
		die("%s", why.text);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	endpoint_free(&e);
	reader_open(r, fd);
}

void
reader_close(struct line_reader *r)
{
	(void)close(r->fd);
	bytes_free(&r->in);
}

bool
reader_has_line(const struct line_reader *r)
{
	return r->in.length > r->at && memchr(r->in.data + r->at, '\n', r->in.length - r->at) != NULL;
}

/*
 * Has the next bytes acknowledged when they come. A server that does not turn Nagle's algorithm
 * off, as Postfix does not, keeps the rest of its replies back until then, and the kernel would
 * take 40 ms over it. The option wears off; it means nothing on a unix socket.
 */
static void
acknowledge_quickly(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

const char *
reader_line(struct line_reader *r, size_t *length)
{
	char *line, *lf;

	while (!reader_has_line(r)) {
		ssize_t n;

		acknowledge_quickly(r->fd);
		bytes_consume(&r->in, r->at);
		r->at = 0;
		n = read(r->fd, bytes_room(&r->in, PIECE), PIECE);
		if (n <= 0)
			return NULL;
		r->in.length += (size_t)n;
	}
	line = r->in.data + r->at;
	lf = memchr(line, '\n', r->in.length - r->at);
	r->at += (size_t)(lf - line) + 1;
	*length = (size_t)(lf - line);
	if (*length > 0 && line[*length - 1] == '\r')
		(*length)--;
	return line;
}

int
reader_reply(struct line_reader *r, struct bytes *text)
{
	const char *line;
	size_t length;

	do {
		line = reader_line(r, &length);
		if (line == NULL || length < 3)
			die("the connection ended where a reply was due");
	} while (length > 3 && line[3] == '-');
	if (text != NULL) {
		bytes_clear(text);
		bytes_add(text, line, length);
	}
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

bool
try_send(int fd, const char *from, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, from, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		from += n;
		length -= (size_t)n;
	}
	return true;
}

void
send_all(int fd, const char *from, size_t length)
{
	if (!try_send(fd, from, length))
		die("cannot send: the connection is gone");
}

int
listen_at(const char *endpoint)
{
	struct complaint why;
	struct endpoint e;
	int fd;

	parse(endpoint, &e);
	fd = net_listen(&e, (struct share){ .mode = 0666 }, &why);
	if (fd < 0)
		die("%s", why.text);
	endpoint_free(&e);
	return fd;
}

/* ---- addresses and messages ---- */

void
read_lines(const char *file, struct text_list *lines)
{
	FILE *f = fopen(file, "r");
	char line[1024];

	if (f == NULL)
		die("cannot read %s", file);
	while (fgets(line, sizeof(line), f) != NULL)
		text_list_add(lines, line, strcspn(line, "\r\n"));
	(void)fclose(f);
	if (lines->count == 0)
		die("%s is empty", file);
}

void
message_print(struct bytes *out, const char *from, const char *to, size_t size, uint64_t number)
{
	size_t before = out->length;

	bytes_format(out,
	             "From: %s\r\nTo: %s\r\nSubject: measuring\r\n"
	             "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
	             "Message-ID: <%llu.%lld.%d@client.example.org>\r\n\r\n",
	             from, to, (unsigned long long)number, (long long)now_us(), (int)getpid());
	for (size_t line = 1; out->length - before < size; line++)
		bytes_format(out, "This is line %zu of a text that nobody is meant to read.\r\n", line);
	bytes_add_text(out, ".\r\n");
}
