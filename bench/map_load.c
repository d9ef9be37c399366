/*
 * Asks a socketmap as fast as it answers: over so many connections, one question at a time on each,
 * as an MTA does.
 *
 * Prints one JSON object: milliseconds from the first question to the last answer, and how many of
 * them were "OK".
 */
#include "bench/common.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *to, *map = "transport";
static size_t connections = 1, questions = 1;
static struct text_list addresses;
static atomic_size_t next, found;
static pthread_barrier_t ready;

/* The length of the netstring that an answer is; what came behind its end is none of it. */
static size_t
whole(const char *in, size_t have)
{
	char *end;
	size_t length = (size_t)strtoul(in, &end, 10), head = (size_t)(end - in) + 1;

	return head < have && *end == ':' && have >= head + length + 1 ? head + length + 1 : 0;
}

static bool
ask(int fd, const char *address)
{
	char out[512], in[1024];
	int content = (int)(strlen(map) + 1 + strlen(address));
	int length = snprintf(out, sizeof(out), "%d:%s %s,", content, map, address);
	size_t have = 0;

	send_all(fd, out, (size_t)length);
	do {
		ssize_t n = recv(fd, in + have, sizeof(in) - 1 - have, 0);

		if (n <= 0)
			die("%s: the connection has ended", to);
		have += (size_t)n;
		in[have] = '\0';
	} while (whole(in, have) == 0);
	return strncmp(strchr(in, ':') + 1, "OK ", 3) == 0;
}

static void *
run(void *unused)
{
	struct line_reader c;
	size_t k, ok = 0;

	reader_connect(&c, to);
	(void)pthread_barrier_wait(&ready);      /* all are connected */
	(void)pthread_barrier_wait(&ready);      /* and the clock runs */
	while ((k = atomic_fetch_add(&next, 1)) < questions)
		ok += ask(c.fd, addresses.items[k % addresses.count]);
	(void)atomic_fetch_add(&found, ok);
	reader_close(&c);
	return unused;
}

int
main(int argc, char **argv)
{
	pthread_t *threads;
	int64_t began;
	int option;

	while ((option = getopt(argc, argv, "n:m:t:")) != -1) {
		switch (option) {
		case 'n': connections = number(optarg); break;
		case 'm': questions = number(optarg); break;
		case 't': map = optarg; break;
		default: optind = argc;
		}
	}
	if (argc - optind != 2)
		die("usage: map_load [-n connections] [-m questions] [-t map] endpoint addresses-file");
	to = argv[optind];
	read_lines(argv[optind + 1], &addresses);
	threads = mem_array(connections, sizeof(*threads));
	(void)pthread_barrier_init(&ready, NULL, (unsigned)connections + 1);
	for (size_t i = 0; i < connections; i++)
		if (pthread_create(&threads[i], NULL, run, NULL) != 0)
			die("cannot start a thread");
	(void)pthread_barrier_wait(&ready);
	began = now_us();
	(void)pthread_barrier_wait(&ready);
	for (size_t i = 0; i < connections; i++)
		(void)pthread_join(threads[i], NULL);
	(void)printf("{\"ms\": %.3f, \"questions\": %zu, \"ok\": %zu}\n",
	             (double)(now_us() - began) / 1000, questions, atomic_load(&found));
	text_list_free(&addresses);
	free(threads);
	return EXIT_SUCCESS;
}
