/* The resolver, asking a name server of the test's own. */
#include "tests/unit/unit.h"

#include "base/child.h"
#include "base/mem.h"
#include "base/resolver.h"

#include <pthread.h>

static const char zone[] =
	"{"
	"\"mail.example.org\": {\"MX\": [[20, \"Two.Mail.example.org\"], [10, \"one.mail.example.org\"]],"
	"  \"A\": [\"192.0.2.7\"], \"AAAA\": [\"2001:db8::7\"]},"
	"\"text.example.org\": {\"TXT\": [\"v=one\", \"two \\u0001\"]},"
	"\"long.example.org\": {\"how\": \"truncate\", \"TXT\": [\"LONG\"]},"
	"\"none.example.org\": {\"MX\": [[0, \".\"]]},"
	"\"alias.example.org\": {\"CNAME\": \"mail.example.org\"},"
	"\"7.2.0.192.in-addr.arpa\": {\"PTR\": [\"Host.Mail.example.org\"]},"
	"\"odd.example.org\": {\"PTR\": [\"a b\\\\.example.org\"]},"
	"\"slow.example.org\": {\"how\": \"delay=0.2\", \"A\": [\"192.0.2.8\"]},"
	"\"silent.example.org\": {\"how\": \"silent\"},"
	"\"garbage.example.org\": {\"how\": \"garbage\"},"
	"\"cut.example.org\": {\"how\": \"cut\", \"TXT\": [\"cut\"]},"
	"\"failing.example.org\": {\"how\": \"servfail\"},"
	"\"wrong-a.example.org\": {\"how\": \"wrong\", \"A\": [\"\"]},"
	"\"wrong-txt.example.org\": {\"how\": \"wrong\", \"TXT\": [\"\"]}"
	"}";

static struct child *server;
static int input[2];
static char address[64];

static struct resolver *
open_resolver(const char *name_server)
{
	struct dns_settings s = { .file = (char *)"/etc/resolv.conf", .timeout = 5000, .together = 10000,
		                  .memory = 1 << 20 };
	struct resolver *r;

	text_list_add(&s.servers, name_server, strlen(name_server));
	r = resolver_open(&s);
	text_list_free(&s.servers);
	return r;
}

static int
start_server(void **state)
{
	char *script = realpath("testbed/dns.py", NULL), *filled, *long_text = mem_new(3001);
	const char *at = strstr(zone, "LONG"), *line;
	size_t length;
	struct complaint why;

	(void)state;
	memset(long_text, 'x', 3000);
	filled = mem_format("%.*s%s%s", (int)(at - zone), zone, long_text, at + 4);
	assert_int_equal(pipe(input), 0);
	server = child_start((const char *const[]){ "/usr/bin/python3", script, filled, NULL },
	                     (const char *const[]){ CHILD_PATH, NULL },
	                     &(struct child_terms){ .memory = 1LL << 32, .output = 100,
	                                            .by = deadline_in(120000), .input = input[0] },
	                     &why);
	if (server == NULL || child_line(server, &line, &length, &why) != 1)
		fail_msg("%s", why.text);
	(void)snprintf(address, sizeof(address), "127.0.0.1@%.*s", (int)length, line);
	free(filled);
	free(long_text);
	free(script);
	return 0;
}

static int
stop_server(void **state)
{
	(void)state;
	child_kill(&server);
	(void)close(input[0]);
	(void)close(input[1]);
	return 0;
}

/* One question, and what came of it as "TYPE NAME: record record". */
static char *
ask(struct resolver *r, enum record_type type, const char *name, int64_t patience)
{
	struct lookups *l = lookups_open(r);
	struct bytes b = { 0 };
	const struct dns_answer *a;

	(void)lookups_add(l, type, name);
	(void)lookups_wait(l, deadline_in(patience));
	a = lookups_answer(l, 0);
	if (a->found == RESOLVED_UNSURE)
		bytes_add_text(&b, "unsure");
	else if (a->found == RESOLVED_NONE)
		bytes_add_text(&b, "none");
	for (size_t i = 0; i < a->count; i++) {
		if (type == RECORD_MX)
			bytes_format(&b, "%u=", a->records[i].preference);
		bytes_format(&b, "%s;", a->records[i].text);
	}
	lookups_close(&l);
	return bytes_take(&b);
}

static void
expect(struct resolver *r, enum record_type type, const char *name, const char *want)
{
	char *got = ask(r, type, name, 20000);

	same_text(name, got, want);
	free(got);
}

static void
every_type_is_read(void **state)
{
	struct resolver *r = open_resolver(address);
	char *mx = ask(r, RECORD_MX, "mail.example.org", 20000), *reverse = dns_reverse("192.0.2.7");

	(void)state;
	/* In no order. */
	assert_true(strcmp(mx, "20=two.mail.example.org;10=one.mail.example.org;") == 0 ||
	            strcmp(mx, "10=one.mail.example.org;20=two.mail.example.org;") == 0);
	expect(r, RECORD_A, "mail.example.org", "192.0.2.7;");
	expect(r, RECORD_AAAA, "mail.example.org", "2001:db8::7;");
	expect(r, RECORD_PTR, reverse, "host.mail.example.org;");
	expect(r, RECORD_PTR, "odd.example.org", "a\\032b\\092.example.org;");
	expect(r, RECORD_MX, "none.example.org", "0=;");
	expect(r, RECORD_A, "alias.example.org", "192.0.2.7;");
	expect(r, RECORD_MX, "text.example.org", "none");
	expect(r, RECORD_MX, "nowhere.example.org", "none");
	expect(r, RECORD_A, "slow.example.org", "192.0.2.8;");
	free(mx);
	free(reverse);
	resolver_close(&r);
}

static void
texts_are_octets(void **state)
{
	struct resolver *r = open_resolver(address);
	struct lookups *l = lookups_open(r);
	const struct dns_answer *a;

	(void)state;
	assert_int_equal(lookups_add(l, RECORD_TXT, "text.example.org"), 0);
	assert_int_equal(lookups_add(l, RECORD_TXT, "long.example.org"), 1);
	assert_true(lookups_wait(l, deadline_in(20000)));
	a = lookups_answer(l, 0);
	assert_int_equal(a->count, 2);
	assert_true(a->records[0].length + a->records[1].length == 10);
	/* Over TCP, in several strings. */
	a = lookups_answer(l, 1);
	assert_int_equal(a->count, 1);
	assert_int_equal(a->records[0].length, 3000);
	lookups_close(&l);
	resolver_close(&r);
}

static void
what_makes_no_sense_is_unsure(void **state)
{
	struct resolver *r = open_resolver(address);

	(void)state;
	expect(r, RECORD_TXT, "failing.example.org", "unsure");
	expect(r, RECORD_A, "wrong-a.example.org", "unsure");
	expect(r, RECORD_TXT, "wrong-txt.example.org", "unsure");
	expect(r, RECORD_A, "..", "unsure");
	resolver_close(&r);
}

/* Several at once, since each of these servers is tried for long. */
static void
whoever_waits_does_so_until_the_deadline(void **state)
{
	static const char *const names[] = { "silent.example.org", "garbage.example.org", "cut.example.org" };
	struct resolver *r = open_resolver(address);
	struct lookups *l = lookups_open(r);
	int64_t began = clock_ticks();
	size_t good;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		(void)lookups_add(l, RECORD_TXT, names[i]);
	good = lookups_add(l, RECORD_A, "mail.example.org");
	assert_false(lookups_wait(l, deadline_in(700)));
	assert_in_range(clock_ticks() - began, 600, 10000);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(lookups_answer(l, i)->found, RESOLVED_UNSURE);
	/* What has come counts. */
	assert_int_equal(lookups_answer(l, good)->found, RESOLVED);
	lookups_close(&l);
	/* With questions under way. */
	resolver_close(&r);
}

static void
whoever_is_cancelled_waits_no_more(void **state)
{
	struct resolver *r = open_resolver(address);
	struct lookups *l = lookups_open(r);
	int64_t began = clock_ticks();
	int cancelled[2];

	(void)state;
	assert_int_equal(pipe(cancelled), 0);
	assert_int_equal(write(cancelled[1], "", 1), 1);
	(void)lookups_add(l, RECORD_A, "silent.example.org");
	assert_false(lookups_wait(l, (struct deadline){ deadline_in(60000).at, cancelled[0] }));
	assert_true(clock_ticks() - began < 20000);
	assert_int_equal(lookups_answer(l, 0)->found, RESOLVED_UNSURE);
	(void)close(cancelled[0]);
	(void)close(cancelled[1]);
	lookups_close(&l);
	resolver_close(&r);
}

static int
queries(struct resolver *r)
{
	char *text = ask(r, RECORD_TXT, "queries.example.org", 20000);
	int n = atoi(text);

	free(text);
	return n;
}

static void
answers_are_remembered(void **state)
{
	struct resolver *r = open_resolver(address);
	int before;

	(void)state;
	expect(r, RECORD_A, "mail.example.org", "192.0.2.7;");
	expect(r, RECORD_A, "nowhere.example.org", "none");
	before = queries(r);
	for (int i = 0; i < 20; i++) {
		expect(r, RECORD_A, "mail.example.org", "192.0.2.7;");
		expect(r, RECORD_A, "nowhere.example.org", "none");
	}
	same_number("questions", queries(r) - before, 1);
	resolver_close(&r);
}

static void *
ask_much(void *arg)
{
	for (int i = 0; i < 30; i++) {
		expect(arg, RECORD_A, i % 2 == 0 ? "mail.example.org" : "slow.example.org",
		       i % 2 == 0 ? "192.0.2.7;" : "192.0.2.8;");
		free(ask(arg, RECORD_A, "silent.example.org", 5));     /* given up while it is under way */
	}
	return NULL;
}

static void
many_ask_at_once(void **state)
{
	struct resolver *r = open_resolver(address);
	struct lookups *l = lookups_open(r);
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_much, r), 0);
	for (int i = 0; i < 500; i++) {
		char *name = mem_format("n%d.example.org", i);

		(void)lookups_add(l, RECORD_MX, name);
		free(name);
	}
	assert_true(lookups_wait(l, deadline_in(60000)));
	for (size_t i = 0; i < 500; i++)
		assert_int_equal(lookups_answer(l, i)->found, RESOLVED_NONE);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	lookups_close(&l);
	resolver_close(&r);
}

/* More than it can have under way are unsure at once, and others are not kept waiting by that. */
static void
too_many_are_unsure(void **state)
{
	struct resolver *r = open_resolver(address);
	struct lookups *all[20];
	size_t busy = 0;

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		all[i] = lookups_open(r);
		for (size_t k = 0; k < 64; k++)
			(void)lookups_add(all[i], RECORD_A, "silent.example.org");
	}
	for (size_t i = 0; i < 20; i++) {
		(void)lookups_wait(all[i], deadline_in(0));
		for (size_t k = 0; k < 64; k++)
			busy += strstr(lookups_answer(all[i], k)->why, "too many") != NULL;
		lookups_close(&all[i]);
	}
	same_number("busy", (long long)busy, 20 * 64 - 1000);
	resolver_close(&r);
}

static void
a_server_that_is_not_there(void **state)
{
	struct resolver *r = open_resolver("127.0.0.1@1");
	struct dns_settings missing = { .file = (char *)"/nowhere/resolv.conf", .timeout = 100,
		                        .memory = 1 << 20 };
	char *got = ask(r, RECORD_A, "mail.example.org", 500);

	(void)state;
	same_text("nobody there", got, "unsure");
	free(got);
	resolver_close(&r);
	r = resolver_open(&missing);
	got = ask(r, RECORD_A, "mail.example.org", 500);
	same_text("no file", got, "unsure");
	free(got);
	resolver_close(&r);
}

static void
names_of_addresses(void **state)
{
	char *four = dns_reverse("192.0.2.1"), *six = dns_reverse("2001:db8::1");

	(void)state;
	same_text("IPv4", four, "1.2.0.192.in-addr.arpa");
	same_text("IPv6", six,
	          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	assert_null(dns_reverse("mail.example.org"));
	free(four);
	free(six);
}

/* What no server sends as long as libunbound is between. */
static void
records_that_do_not_fit(void **state)
{
	static const struct {
		const char *what;
		enum record_type type;
		const char *data;
		size_t length;
	} cases[] = {
		{ "a short A", RECORD_A, "\1\2\3", 3 },
		{ "a long AAAA", RECORD_AAAA, "0123456789abcdefg", 17 },
		{ "an MX without a name", RECORD_MX, "\0\12", 2 },
		{ "a label beyond the end", RECORD_MX, "\0\12\5ab\0", 6 },
		{ "a pointer", RECORD_PTR, "\xc0\0", 2 },
		{ "more behind the name", RECORD_PTR, "\1a\0b", 4 },
		{ "no end of the name", RECORD_PTR, "\1a", 2 },
		{ "a string beyond the end", RECORD_TXT, "\5ab", 3 },
		{ "no string", RECORD_TXT, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dns_answer a = { 0 };

		assert_int_equal(dns_answer_add(&a, RECORD_A, "\1\2\3\4", 4), 0);
		same_number(cases[i].what,
		            dns_answer_add(&a, cases[i].type, cases[i].data, cases[i].length), -1);
		same_number(cases[i].what, a.found, RESOLVED_UNSURE);
		same_number(cases[i].what, (long long)a.count, 0);
		dns_answer_free(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(texts_are_octets),
		cmocka_unit_test(what_makes_no_sense_is_unsure),
		cmocka_unit_test(whoever_waits_does_so_until_the_deadline),
		cmocka_unit_test(whoever_is_cancelled_waits_no_more),
		cmocka_unit_test(answers_are_remembered),
		cmocka_unit_test(many_ask_at_once),
		cmocka_unit_test(too_many_are_unsure),
		cmocka_unit_test(a_server_that_is_not_there),
		cmocka_unit_test(names_of_addresses),
		cmocka_unit_test(records_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
