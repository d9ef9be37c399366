/*
 * Puts mail into an SMTP or LMTP server as fast as that takes it: so many transactions over so many
 * connections, all commands up to DATA in one write, and nothing done beside it. It is the bare
 * injector that fan-outs are compared with, the crowd of clients, and, with -x, the one that only
 * asks about recipients.
 *
 * Prints one JSON object. Times are microseconds of the wall clock: `begin` when the connections
 * are there (with -c, before they are made), `end` with the last reply.
 */
#include "bench/common.h"

#include "base/mem.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *to, *from = "ann@example.com", *sizes_file;
static bool lmtp, connecting_counts, stop_at_data;
static size_t connections = 1, messages = 1, recipients = 1, size = 5000;

static struct text_list addresses;
static struct slice_of_addresses {
	size_t first, count;
} *work;

static atomic_size_t next, accepted, refused;
static pthread_barrier_t ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bytes refusal;              /* the last one; under the lock */

static void
count_reply(int code, const struct bytes *text)
{
	if (code / 100 == 2) {
		(void)atomic_fetch_add(&accepted, 1);
		return;
	}
	(void)atomic_fetch_add(&refused, 1);
	(void)pthread_mutex_lock(&lock);
	bytes_clear(&refusal);
	bytes_add(&refusal, text->data, text->length);
	(void)pthread_mutex_unlock(&lock);
}

static void
greet(struct line_reader *c)
{
	static const char ehlo[] = "EHLO client.example.org\r\n", lhlo[] = "LHLO client.example.org\r\n";

	reader_connect(c, to);
	if (reader_reply(c, NULL) != 220)
		die("%s: no greeting", to);
	send_all(c->fd, lmtp ? lhlo : ehlo, strlen(ehlo));
	if (reader_reply(c, NULL) != 250)
		die("%s: the hello was refused", to);
}

/* MAIL to DATA, and the replies to all but the last. How many recipients were taken. */
static size_t
envelope(struct line_reader *c, const struct slice_of_addresses *s, struct bytes *out,
         struct bytes *text)
{
	size_t taken = 0;

	bytes_clear(out);
	bytes_format(out, "MAIL FROM:<%s>\r\n", from);
	for (size_t i = 0; i < s->count; i++)
		bytes_format(out, "RCPT TO:<%s>\r\n", addresses.items[(s->first + i) % addresses.count]);
	bytes_add_text(out, stop_at_data ? "RSET\r\n" : "DATA\r\n");
	send_all(c->fd, out->data, out->length);
	if (reader_reply(c, text) != 250)
		die("%s: MAIL: %s", to, bytes_text(text));
	for (size_t i = 0; i < s->count; i++) {
		int code = reader_reply(c, text);

		if (code == 250)
			taken++;
		if (stop_at_data || code != 250)
			count_reply(code, text);
	}
	return taken;
}

static void
transact(struct line_reader *c, size_t number, struct bytes *out, struct bytes *text)
{
	const struct slice_of_addresses *s = &work[number];
	size_t taken = envelope(c, s, out, text);
	int code = reader_reply(c, text);

	if (stop_at_data)
		return;
	if (code != 354)
		die("%s: DATA: %s", to, bytes_text(text));
	bytes_clear(out);
	message_print(out, from, addresses.items[s->first % addresses.count], size, number);
	send_all(c->fd, out->data, out->length);
	/* SMTP has one reply for all, LMTP one for each. */
	if (!lmtp)
		code = reader_reply(c, text);
	for (size_t i = 0; i < taken; i++)
		count_reply(lmtp ? reader_reply(c, text) : code, text);
}

/* One connection. */
struct lane {
	pthread_t thread;
	int64_t begin, end;
};

static void *
run(void *arg)
{
	struct bytes out = { 0 }, text = { 0 };
	struct lane *l = arg;
	struct line_reader c;
	size_t k;

	if (!connecting_counts)
		greet(&c);
	(void)pthread_barrier_wait(&ready);
	l->begin = now_us();
	if (connecting_counts)
		greet(&c);
	while ((k = atomic_fetch_add(&next, 1)) < messages)
		transact(&c, k, &out, &text);
	l->end = now_us();
	send_all(c.fd, "QUIT\r\n", 6);
	(void)reader_reply(&c, NULL);
	reader_close(&c);
	bytes_free(&out);
	bytes_free(&text);
	return NULL;
}

/* Which addresses each transaction goes to. */
static void
share_out(void)
{
	struct text_list sizes = { 0 };
	size_t at = 0;

	if (sizes_file != NULL) {
		read_lines(sizes_file, &sizes);
		messages = sizes.count;
	}
	work = mem_array(messages, sizeof(*work));
	for (size_t i = 0; i < messages; i++) {
		work[i].first = at;
		work[i].count = sizes_file == NULL ? recipients : number(sizes.items[i]);
		at += work[i].count;
	}
	text_list_free(&sizes);
}

static _Noreturn void
usage(void)
{
	die("usage: mail_load [-l] [-x] [-c] [-n connections] [-m messages] [-r recipients]\n"
	    "                 [-b sizes-file] [-f sender] [-s bytes] endpoint addresses-file\n"
	    "-l  LMTP\n-x  RSET in place of DATA\n-c  connecting counts\n"
	    "-b  a number of recipients for each message, one a line, in place of -m and -r");
}

static void
read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "lxcn:m:r:b:f:s:")) != -1) {
		switch (option) {
		case 'l': lmtp = true; break;
		case 'x': stop_at_data = true; break;
		case 'c': connecting_counts = true; break;
		case 'n': connections = number(optarg); break;
		case 'm': messages = number(optarg); break;
		case 'r': recipients = number(optarg); break;
		case 'b': sizes_file = optarg; break;
		case 'f': from = optarg; break;
		case 's': size = number(optarg); break;
		default: usage();
		}
	}
	if (argc - optind != 2)
		usage();
	to = argv[optind];
	read_lines(argv[optind + 1], &addresses);
}

/* Starts all at once; when the first began and the last ended. */
static void
run_all(int64_t *begin, int64_t *end)
{
	struct lane *lanes = mem_array(connections, sizeof(*lanes));

	(void)pthread_barrier_init(&ready, NULL, (unsigned)connections);
	for (size_t i = 0; i < connections; i++)
		if (pthread_create(&lanes[i].thread, NULL, run, &lanes[i]) != 0)
			die("cannot start a thread");
	for (size_t i = 0; i < connections; i++) {
		(void)pthread_join(lanes[i].thread, NULL);
		if (i == 0 || lanes[i].begin < *begin)
			*begin = lanes[i].begin;
		if (i == 0 || lanes[i].end > *end)
			*end = lanes[i].end;
	}
	free(lanes);
}

int
main(int argc, char **argv)
{
	int64_t begin = 0, end = 0;

	read_options(argc, argv);
	share_out();
	run_all(&begin, &end);
	for (size_t i = 0; i < refusal.length; i++)
		if (refusal.data[i] == '"' || refusal.data[i] == '\\')
			refusal.data[i] = '\'';
	(void)printf("{\"begin\": %" PRId64 ", \"end\": %" PRId64 ", \"ms\": %.3f, \"messages\": %zu, "
	             "\"accepted\": %zu, \"refused\": %zu, \"refusal\": \"%s\"}\n",
	             begin, end, (double)(end - begin) / 1000, messages, atomic_load(&accepted),
	             atomic_load(&refused), bytes_text(&refusal));
	text_list_free(&addresses);
	bytes_free(&refusal);
	free(work);
	return EXIT_SUCCESS;
}
