/* The wire of the SMTP client: messages and their dots, replies and how they come. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "expander/fanout/wire.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a message is on the wire. */
static void
sent(const char *head, const char *body, const char *tail, struct bytes *out)
{
	struct outgoing o = wire_message((struct slice){ head, strlen(head) }, (struct slice){ body, strlen(body) },
	                                 (struct slice){ tail, strlen(tail) });
	struct wire w = { .abandon = -1 };
	char buffer[4096];
	ssize_t n;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w.fd = fds[0];
	while (!wire_written(&o))
		assert_true(wire_write(&w, &o));
	(void)close(fds[0]);
	while ((n = read(fds[1], buffer, sizeof(buffer))) > 0)
		bytes_add(out, buffer, (size_t)n);
	(void)close(fds[1]);
}

static void
messages(void **state)
{
	static const struct {
		const char *head, *body, *want;
	} cases[] = {
		{ "", "", ".\r\n" },
		{ "A: b\r\n", "\r\ntext\r\n", "A: b\r\n\r\ntext\r\n.\r\n" },
		{ "A: b\r\n", "\r\n.\r\n..a\r\n", "A: b\r\n\r\n..\r\n...a\r\n.\r\n" },
		{ "A: b\r\n", "\r\nno end", "A: b\r\n\r\nno end\r\n.\r\n" },
		/* A line end may lie in both parts, and an LF alone is none. */
		{ "A: b\r\n\r", "\n", "A: b\r\n\r\n.\r\n" },
		{ "A: b\r\n\r", "\n.a\r\n", "A: b\r\n\r\n..a\r\n.\r\n" },
		{ "A: b\r\n", "\n", "A: b\r\n\n\r\n.\r\n" },
		{ "A: b", "\n", "A: b\n\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes out = { 0 };

		sent(cases[i].head, cases[i].body, "", &out);
		same_text(cases[i].want, out.data, cases[i].want);
		bytes_clear(&out);
		sent("", cases[i].head, cases[i].body, &out);
		same_text(cases[i].want, out.data, cases[i].want);
		bytes_free(&out);
	}
}

/* The next reply, the bytes coming in pieces of this length. */
static enum heard
hear(const char *bytes, size_t length, size_t piece, struct answer *a)
{
	struct outgoing nothing = wire_commands("", 0);
	struct wire w = { .abandon = -1 };
	enum heard h;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	w.fd = fds[0];
	for (size_t at = 0; at < length; at += piece)
		assert_true(send(fds[1], bytes + at, length - at < piece ? length - at : piece, 0) > 0);
	(void)close(fds[1]);
	h = wire_hear(&w, &nothing, 1000, a);
	bytes_free(&w.in);
	(void)close(fds[0]);
	return h;
}

static void
replies(void **state)
{
	static const struct {
		const char *bytes;
		enum heard want;
		int code;
		const char *text;
	} cases[] = {
		{ "250 ok\r\n", HEARD, 250, "ok" },
		{ "250-a\r\n250-b\r\n250 c\r\n", HEARD, 250, "a b c" },
		{ "250-a\r\n550 b\r\n", HEARD_NONSENSE, 250, NULL },
		{ "hello\r\n", HEARD_NONSENSE, 0, NULL },
		{ "250-a\r\n", HEARD_END, 250, NULL },
		{ "250 ok", HEARD_END, 0, NULL },
		{ "", HEARD_END, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 20; piece++) {
			struct answer a;

			same_number(cases[i].bytes, hear(cases[i].bytes, strlen(cases[i].bytes), piece, &a),
			            cases[i].want);
			same_number(cases[i].bytes, a.code, cases[i].code);
			if (cases[i].text != NULL)
				same_text(cases[i].bytes, a.text, cases[i].text);
		}
}

/* Lines that come for ever do not hold the lane for ever. */
static void
a_reply_without_end(void **state)
{
	struct outgoing nothing = wire_commands("", 0);
	struct wire w = { .abandon = -1 };
	struct answer a;
	int fds[2];
	pid_t talker;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	talker = fork();
	if (talker == 0) {
		char lines[9 * 4000 + 1];

		(void)close(fds[0]);
		for (size_t at = 0; at + 1 < sizeof(lines); at += 9)
			memcpy(lines + at, "250-and\r\n", 10);
		while (send(fds[1], lines, sizeof(lines) - 1, MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	assert_true(talker > 0);
	(void)close(fds[1]);
	w.fd = fds[0];
	assert_int_equal(wire_hear(&w, &nothing, 100, &a), HEARD_NOTHING);
	assert_int_equal(a.code, 250);
	bytes_free(&w.in);
	(void)close(fds[0]);
	assert_int_equal(waitpid(talker, NULL, 0), talker);
}

/* A line has its bound, whether it comes at once or not. */
static void
a_long_reply(void **state)
{
	static char line[5000];
	struct answer a;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	line[4000] = '\n';
	assert_int_equal(hear(line, 4001, sizeof(line), &a), HEARD);
	assert_int_equal(hear(line, 4001, 100, &a), HEARD);
	line[4000] = 'x';
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(hear(line, sizeof(line), sizeof(line), &a), HEARD_NONSENSE);
	assert_int_equal(hear(line, sizeof(line), 100, &a), HEARD_NONSENSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(replies),
		cmocka_unit_test(a_reply_without_end),
		cmocka_unit_test(a_long_reply),
	};

	return RUN(tests);
}
