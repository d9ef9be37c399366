/* Sockets, networks, streams, the control socket. */
#include "tests/unit/unit.h"

#include "base/control.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

static bool
has(const struct networks *n, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return networks_have(n, (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return networks_have(n, (struct sockaddr *)&in6);
}

static void
networks(void **state)
{
	struct networks *n = networks_open();
	struct complaint why;

	(void)state;
	assert_int_equal(networks_add(n, "10.0.0.0/8", &why), 0);
	assert_int_equal(networks_add(n, "192.0.2.7", &why), 0);
	assert_int_equal(networks_add(n, "2001:db8::/33", &why), 0);
	assert_true(has(n, "10.255.0.1"));
	assert_false(has(n, "11.0.0.1"));
	assert_true(has(n, "192.0.2.7"));
	assert_false(has(n, "192.0.2.6"));
	assert_true(has(n, "::ffff:10.1.2.3"));
	assert_true(has(n, "2001:db8:7fff::1"));
	assert_false(has(n, "2001:db8:8000::1"));
	assert_false(networks_have(n, NULL));
	networks_close(&n);
}

static void
networks_that_are_none(void **state)
{
	static const char *const wrong[] = { "10.0.0.0/33", "10.0.0.1/8", "x", "", "10.0.0.0/",
		                             "10.0.0.0/x", "::/129", "10.0.0/8" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct complaint why;

		same_number(wrong[i], network_check(wrong[i], &why), -1);
	}
}

static void
lines(void **state)
{
	int pair[2];
	struct stream s = { .timeout = 200 };
	const char *line;
	size_t length;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s.fd = pair[0];
	assert_int_equal(write(pair[1], "one\r\ntwo\nthree", 14), 14);
	assert_int_equal(stream_line(&s, 100, &line, &length), STREAM_OK);
	assert_memory_equal(line, "one\r\n", 5);
	assert_int_equal(length, 5);
	assert_true(stream_has_input(&s));
	assert_int_equal(stream_line(&s, 100, &line, &length), STREAM_OK);
	assert_int_equal(length, 4);
	assert_int_equal(stream_line(&s, 4, &line, &length), STREAM_TOO_LONG);
	assert_int_equal(stream_line(&s, 100, &line, &length), STREAM_TIMEOUT);
	assert_int_equal(stream_some(&s, &line, &length), STREAM_OK);
	assert_memory_equal(line, "three", 5);
	stream_used(&s, 5);
	(void)close(pair[1]);
	assert_int_equal(stream_line(&s, 100, &line, &length), STREAM_CLOSED);
	bytes_add_text(&s.out, "x");
	assert_int_equal(stream_flush(&s), STREAM_CLOSED);
	stream_free(&s);
	(void)close(pair[0]);
}

static void
a_line_longer_than_allowed(void **state)
{
	int pair[2];
	struct stream s = { .timeout = 200 };
	char text[600];
	const char *line;
	size_t length;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[599] = '\n';
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s.fd = pair[0];
	assert_int_equal(write(pair[1], text, sizeof(text)), sizeof(text));
	assert_int_equal(stream_line(&s, 512, &line, &length), STREAM_TOO_LONG);
	assert_int_equal(stream_line(&s, 600, &line, &length), STREAM_OK);
	stream_free(&s);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
unix_sockets_are_replaced_when_dead(void **state)
{
	char *dir = make_temp_dir(), *path = mem_format("%s/socket", dir);
	struct endpoint e = { .path = path };
	struct complaint why;
	struct stat st;
	int first, second;

	(void)state;
	first = net_listen(&e, (struct share){ .mode = 0640 }, &why);
	assert_true(first >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(net_listen(&e, (struct share){ .mode = 0640 }, &why), -1);
	assert_non_null(strstr(why.text, "somebody listens on"));
	(void)close(first);
	second = net_listen(&e, (struct share){ .mode = 0600 }, &why);
	assert_true(second >= 0);
	(void)close(second);
	assert_int_equal(net_listen(&e, (struct share){ 0600, "no-such-user", NULL }, &why), -1);
	assert_non_null(strstr(why.text, "there is no user \"no-such-user\""));
	assert_int_equal(net_listen(&e, (struct share){ 0600, NULL, "no-such-group" }, &why), -1);
	assert_non_null(strstr(why.text, "there is no group"));
	free(path);
	remove_temp_dir(dir);
}

static void
connecting_to_nobody(void **state)
{
	struct endpoint e = { .host = (char *)"127.0.0.1", .port = (char *)"1" };
	struct complaint why;

	(void)state;
	assert_int_equal(net_connect(&e, deadline_in(1000), &why), -1);
	same_text("refused", why.text, "cannot connect to 127.0.0.1 port 1: Connection refused");
	e.host = (char *)"no-such-host.invalid";
	assert_int_equal(net_connect(&e, deadline_in(1000), &why), -1);
	assert_non_null(strstr(why.text, "cannot resolve"));
}

static int
echo(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	if (strcmp(arguments, "fail") == 0)
		return complain(why, "told to");
	js_set_text(answer, "said", arguments);
	js_set_text(answer, "arg", arg);
	return 0;
}

static void
control_socket(void **state)
{
	static const struct control_verb verbs[] = { { "echo", echo }, { NULL, NULL } };
	char *dir = make_temp_dir(), *path = mem_format("%s/control", dir);
	struct complaint why;
	struct control *c = control_open(path, verbs, (void *)"it", &why);
	struct js *answer;

	(void)state;
	assert_non_null(c);
	assert_int_equal(control_ask(path, "echo a b", deadline_in(2000), &answer, &why), 0);
	same_text("said", js_text(answer, "said"), "a b");
	same_text("arg", js_text(answer, "arg"), "it");
	js_drop(&answer);
	assert_int_equal(control_ask(path, "echo fail", deadline_in(2000), &answer, &why), -1);
	same_text("failed", why.text, "told to");
	assert_int_equal(control_ask(path, "what", deadline_in(2000), &answer, &why), -1);
	same_text("unknown", why.text, "this daemon knows no \"what\"");
	control_close(&c);
	assert_int_equal(control_ask(path, "echo", deadline_in(2000), &answer, &why), -1);
	free(path);
	remove_temp_dir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks),
		cmocka_unit_test(networks_that_are_none),
		cmocka_unit_test(lines),
		cmocka_unit_test(a_line_longer_than_allowed),
		cmocka_unit_test(unix_sockets_are_replaced_when_dead),
		cmocka_unit_test(connecting_to_nobody),
		cmocka_unit_test(control_socket),
	};

	return RUN(tests);
}
