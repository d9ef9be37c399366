/*
 * An SMTP and LMTP server that takes everything and keeps nothing, a thread for each connection:
 * where mail goes when nobody is to wait for its end. With -c it ends after so many messages and
 * prints when the last came, in microseconds of the wall clock.
 */
#include "bench/common.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char welcome[] =
	"250-sink.example.com\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	"250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n";
static const char ok[] = "250 2.0.0 ok\r\n";

static size_t awaited;                    /* messages; 0: no end */
static atomic_size_t messages;

static void
count_message(void)
{
	if (atomic_fetch_add(&messages, 1) + 1 != awaited)
		return;
	(void)printf("{\"end\": %" PRId64 "}\n", now_us());
	(void)fflush(stdout);
	_exit(EXIT_SUCCESS);
}

/* Reads the message. False when the connection ended in the middle. */
static bool
swallow(struct line_reader *r)
{
	size_t length;
	const char *line;

	while ((line = reader_line(r, &length)) != NULL)
		if (length == 1 && *line == '.')
			return true;
	return false;
}

/* False when the client has gone, as some do without waiting for the reply to QUIT. */
static bool
flush(struct line_reader *r, struct bytes *out)
{
	bool sent = try_send(r->fd, bytes_text(out), out->length);

	bytes_clear(out);
	return sent;
}

static bool
take_data(struct line_reader *r, struct bytes *out, bool lmtp, size_t recipients)
{
	bytes_add_text(out, "354 go on\r\n");
	if (!flush(r, out) || !swallow(r))
		return false;
	for (size_t i = 0; i < (lmtp ? recipients : 1); i++)
		bytes_add_text(out, "250 2.0.0 Ok: queued as SINK\r\n");
	if (!flush(r, out))
		return false;
	count_message();
	return true;
}

static bool
is(const char *line, size_t length, const char *verb)
{
	return length >= 4 && strncasecmp(line, verb, 4) == 0;
}

static void
talk(struct line_reader *r, struct bytes *out)
{
	bool lmtp = false, more = true;
	size_t recipients = 0, length;
	const char *line;

	bytes_add_text(out, "220 sink.example.com\r\n");
	while (more) {
		/* Answers go out when there is nothing more to answer. */
		if (!reader_has_line(r) && !flush(r, out))
			return;
		line = reader_line(r, &length);
		if (line == NULL)
			return;
		if (is(line, length, "EHLO") || is(line, length, "LHLO")) {
			lmtp = *line == 'L' || *line == 'l';
			bytes_add_text(out, welcome);
		} else if (is(line, length, "DATA")) {
			more = take_data(r, out, lmtp, recipients);
		} else {
			if (is(line, length, "MAIL"))
				recipients = 0;
			if (is(line, length, "RCPT"))
				recipients++;
			more = !is(line, length, "QUIT");
			bytes_add_text(out, ok);
		}
	}
	(void)flush(r, out);
}

static void *
serve(void *arg)
{
	struct line_reader r;
	struct bytes out = { 0 };

	reader_open(&r, (int)(intptr_t)arg);
	talk(&r, &out);
	reader_close(&r);
	bytes_free(&out);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_attr_t detached;
	pthread_t thread;
	int option, fd;

	while ((option = getopt(argc, argv, "c:")) != -1) {
		if (option != 'c')
			die("usage: sink [-c messages] endpoint");
		awaited = number(optarg);
	}
	if (argc - optind != 1)
		die("usage: sink [-c messages] endpoint");
	(void)pthread_attr_init(&detached);
	(void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	fd = listen_at(argv[optind]);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c >= 0 && pthread_create(&thread, &detached, serve, (void *)(intptr_t)c) != 0)
			die("cannot start a thread");
	}
}
