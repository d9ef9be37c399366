/* The milter without libmilter: sessions, deadlines, the cap on those who wait, and the breaker. */
#include "tests/unit/unit.h"

#include "base/log.h"
#include "base/mem.h"
#include "milter/session.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

static char *dir;
static char *settings_more;               /* of the part milter; NULL: none */

/* Installs a service with these sources and destinations. */
static void
serve(const char *sources, const char *more)
{
	char *path = mem_format("%s/rollcall.yaml", dir);
	char *text = mem_format("state: %s\nlimits: { message: 100k, header: 4k }\n"
	                        "milter: { deadline: 300ms, max-waiting: 2, breaker: 3, probe: 10ms%s }\n"
	                        "sources: { corp: { %s, cache: { yes: 50ms, no: 50ms } } }\n"
	                        "destinations:\n  lists.example.com: { sources: corp%s }\n",
	                        dir, settings_more == NULL ? "" : settings_more, sources, more);
	struct complaint why;
	struct service *s;

	write_file(path, text);
	s = service_load(path, true, &why);
	if (s == NULL)
		fail_msg("%s", why.text);
	if (service_prepare(s, &why) < 0)
		fail_msg("%s", why.text);
	service_install(s);
	free(text);
	free(path);
}

/* It beats against a socket on which nobody ever answers. */
static struct pacemaker *pacemaker;

static void
a_pacemaker_needs_its_milter(void **state)
{
	struct endpoint nobody = { .path = (char *)"/nonexistent/socket" };
	struct complaint why;

	(void)state;
	assert_null(pacemaker_open(&nobody, &why));
	assert_non_null(strstr(why.text, "/nonexistent/socket"));
}

static struct session *
session_from(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
	return session_new(pacemaker, (struct sockaddr *)&in, false);
}

static const char file_source[] = "kind: file, path: tests/fixtures/contract.json";

static enum reply_id
rcpt(struct session *s, const char *address)
{
	return session_rcpt(s, address, NULL, NULL).reply;
}

static void
recipients(void **state)
{
	struct session *s;
	static const struct {
		const char *address;
		enum reply_id want;
	} cases[] = {
		{ "<staff@lists.example.com>", REPLY_NONE },
		{ "staff@lists.example.com", REPLY_NONE },              /* as sendmail(1) has it */
		{ "<STAFF@Lists.Example.COM>", REPLY_NONE },
		{ "<everybody@lists.example.com>", REPLY_NONE },
		{ "<staff+tag@lists.example.com>", REPLY_NONE },
		{ "<staff-owner@lists.example.com>", REPLY_NONE },
		{ "<staff-bounces@lists.example.com>", REPLY_ONLY_REPORTS },
		{ "<staff-request@lists.example.com>", REPLY_NO_SUCH_ROLE },
		{ "<dev-owner@lists.example.com>", REPLY_NONE },        /* a list of that name */
		{ "<stuff@lists.example.com>", REPLY_NO_SUCH_LIST },
		{ "<st*@lists.example.com>", REPLY_NO_SUCH_LIST },
		{ "<\"staff)(mail=*\"@lists.example.com>", REPLY_NO_SUCH_LIST },
		{ "<bob@example.com>", REPLY_NONE },
		{ "<postmaster>", REPLY_NONE },
		{ "<>", REPLY_NONE },
		{ "<a b@elsewhere.org>", REPLY_NONE },                  /* no mailbox: the MTA's business */
		/* No mailbox to us, and who knows what to the MTA, which does not say it. */
		{ "<staff @lists.example.com>", REPLY_BAD_RCPT },
		{ "<staff@Lists.Example.com.>", REPLY_BAD_RCPT },
		{ "<staff@lists.(x)example.com>", REPLY_BAD_RCPT },
		{ "<lists.example.com!staff>", REPLY_BAD_RCPT },
		{ "<x:staff@lists.example.com;>", REPLY_BAD_RCPT },
	};

	(void)state;
	serve(file_source, "");
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].address, rcpt(s, cases[i].address), cases[i].want);
	assert_true(session_has_lists(s));
	session_free(&s);
}

/* What counts is what the MTA will deliver to. */
static void
what_the_mta_understands(void **state)
{
	static const struct {
		const char *said, *resolved;
		enum reply_id want;
	} cases[] = {
		{ "<staff@lists.example.com.>", "staff@lists.example.com", REPLY_NONE },
		{ "<stuff@lists.example.com.>", "stuff@lists.example.com", REPLY_NO_SUCH_LIST },
		{ "<lists.example.com!staff>", "staff@lists.example.com", REPLY_NONE },
		{ "<@a.b:stuff@lists.example.com>", "stuff@lists.example.com", REPLY_NO_SUCH_LIST },
		{ "<stuff@lists>", "stuff@lists.example.com", REPLY_NO_SUCH_LIST },
		{ "<bob>", "bob", REPLY_NONE },
		{ "<stuff@lists.example.com>", "bob", REPLY_NO_SUCH_LIST },
		{ "<lists.example.com!staff>", "lists.example.com!staff", REPLY_BAD_RCPT },
	};
	struct session *s;

	(void)state;
	serve(file_source, "");
	s = session_from("127.0.0.1");
	session_mail(s, "<\"ann\"@example.com.>", "ann@example.com", NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].said, session_rcpt(s, cases[i].said, cases[i].resolved, NULL).reply,
		            cases[i].want);
	session_free(&s);
}

/* In a domain with people, what is no list is none of our business, however it is written. */
static void
a_shared_domain(void **state)
{
	static const struct {
		const char *said, *resolved;
		enum reply_id want;
		bool list;
	} cases[] = {
		{ "<staff@lists.example.com>", "staff@lists.example.com", REPLY_NONE, true },
		{ "<staff+tag@lists.example.com>", NULL, REPLY_NONE, true },
		{ "<staff-owner@lists.example.com>", NULL, REPLY_NONE, true },
		{ "<staff-bounces@lists.example.com>", NULL, REPLY_ONLY_REPORTS, false },
		{ "<bob@lists.example.com>", "bob@lists.example.com", REPLY_NONE, false },
		{ "<bob+tag@lists.example.com>", NULL, REPLY_NONE, false },
		{ "<bob-owner@lists.example.com>", NULL, REPLY_NONE, false },
		{ "<staff-request@lists.example.com>", NULL, REPLY_NONE, false },  /* nobody's role */
		/* What the MTA takes it for is looked at as well. */
		{ "<staff%lists.example.com@lists.example.com>", "staff@lists.example.com", REPLY_NONE,
		  true },
		{ "<staff @lists.example.com>", "staff@lists.example.com", REPLY_NONE, true },
		{ "<j. doe@lists.example.com>", "j. doe@lists.example.com", REPLY_NONE, false },
		{ "<j doe@lists.example.com>", "j doe@lists.example.com", REPLY_NONE, false },
		{ "<lists.example.com!staff>", "lists.example.com!staff", REPLY_BAD_RCPT, false },
		{ "<staff @lists.example.com>", NULL, REPLY_BAD_RCPT, false },
	};

	(void)state;
	serve(file_source, ", shared: yes");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct session *s = session_from("127.0.0.1");

		session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
		same_number(cases[i].said,
		            session_rcpt(s, cases[i].said, cases[i].resolved, NULL).reply, cases[i].want);
		same_number(cases[i].said, session_has_lists(s), cases[i].list);
		session_free(&s);
	}
}

static void
who_is_it(void **state)
{
	char *parameters[] = { (char *)"SIZE=200000", NULL };
	struct session *s;

	(void)state;
	serve(file_source, "");
	s = session_from("203.0.113.7");
	session_mail(s, "<eve@elsewhere.org>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_MAY_NOT_POST);
	assert_false(session_has_lists(s));
	session_mail(s, "<eve@elsewhere.org>", NULL, NULL, "eve");
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_NONE);
	session_mail(s, "<>", NULL, NULL, "eve");
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_NO_REPORTS);
	assert_int_equal(rcpt(s, "<staff-bounces@lists.example.com>"), REPLY_NONE);
	session_mail(s, "<eve@elsewhere.org>", NULL, parameters, "eve");
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_TOO_BIG);
	assert_int_equal(rcpt(s, "<bob@example.com>"), REPLY_NONE);
	session_free(&s);
	/* A client that is not on the network. */
	s = session_new(pacemaker, NULL, true);
	assert_true(session_no_replies(s));
	session_mail(s, "<eve@elsewhere.org>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_MAY_NOT_POST);
	session_free(&s);
	serve(file_source, ", check: [ posters: { allow: anyone } ]");
	s = session_from("203.0.113.7");
	session_mail(s, "<eve@elsewhere.org>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_NONE);
	session_free(&s);
}

/* One message to the recipients named; the reply to its end. */
static enum reply_id
post(const char *first, const char *second, const char *field, const char *value, const char *body,
     size_t length)
{
	struct session *s = session_from("127.0.0.1");
	enum reply_id reply;

	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, first), REPLY_NONE);
	if (second != NULL)
		assert_int_equal(rcpt(s, second), REPLY_NONE);
	session_header(s, "Subject", "x");
	session_header(s, field, value);
	for (size_t at = 0; at < length; at += 3)      /* in odd pieces */
		session_body(s, (const unsigned char *)body + at, length - at < 3 ? length - at : 3);
	reply = session_end(s, "4X").reply;
	session_free(&s);
	return reply;
}

static void
contents(void **state)
{
	static const char *const staff = "<staff@lists.example.com>";
	static const char *const owner = "<staff-owner@lists.example.com>";
	char *long_value = mem_resize(NULL, 5001), *big = mem_resize(NULL, 200001);
	static const struct {
		const char *body;
		size_t length;
		enum reply_id want;
	} bodies[] = {
		{ "one\r\ntwo\r\n", 10, REPLY_NONE },       { "", 0, REPLY_NONE },
		{ "one\ntwo\r\n", 9, REPLY_BARE_NEWLINE },  { "one\rtwo\r\n", 9, REPLY_BARE_NEWLINE },
		{ "one\r\r\n", 6, REPLY_BARE_NEWLINE },     { "one\r", 4, REPLY_BARE_NEWLINE },
		{ "\n", 1, REPLY_BARE_NEWLINE },            { "a\0b\r\n", 5, REPLY_NONE },
	};

	(void)state;
	memset(long_value, 'x', 5000);
	long_value[5000] = '\0';
	memset(big, 'x', 200000);
	serve(file_source, "");
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		same_number(bodies[i].body, post(staff, NULL, "X", "y", bodies[i].body, bodies[i].length),
		            bodies[i].want);
	assert_int_equal(post(staff, NULL, "X", long_value, "", 0), REPLY_HEADER_TOO_BIG);
	assert_int_equal(post(staff, NULL, "X", "y", big, 200000), REPLY_TOO_BIG);
	assert_int_equal(post(staff, NULL, "Auto-Submitted", "auto-replied", "", 0), REPLY_AUTOMATIC);
	assert_int_equal(post(staff, NULL, "List-Post", "\n <mailto:staff@lists.example.com>", "", 0),
	                 REPLY_LOOP);
	/* One reply is for all: it refuses only what every recipient refuses. */
	assert_int_equal(post(staff, owner, "Auto-Submitted", "auto-replied", "", 0), REPLY_NONE);
	assert_int_equal(post(staff, "<bob@example.com>", "Auto-Submitted", "auto-replied", "", 0),
	                 REPLY_NONE);
	assert_int_equal(post(staff, owner, "X", "y", "\n", 1), REPLY_BARE_NEWLINE);
	free(long_value);
	free(big);
}

/*
 * Of a message that also goes elsewhere, what the expander would have to refuse later is refused
 * now if nobody has proven who the sender is.
 */
static void
from_a_stranger(void **state)
{
	static const struct {
		const char *field, *value, *body;
		const char *login;
		enum reply_id want;
	} cases[] = {
		{ "X", "y", "\n", NULL, REPLY_BARE_NEWLINE },
		{ "X", "y", "\n", "ann", REPLY_BARE_NEWLINE },
		{ "Auto-Submitted", "auto-replied", "", NULL, REPLY_NONE },   /* would be dropped */
		{ "X", "y", "", NULL, REPLY_NONE },
	};

	(void)state;
	serve(file_source, ", check: [ posters: { allow: anyone } ]");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct session *s = session_from("203.0.113.7");

		session_mail(s, "<ann@example.com>", NULL, NULL, cases[i].login);
		assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_NONE);
		assert_int_equal(rcpt(s, "<bob@example.com>"), REPLY_NONE);
		session_header(s, cases[i].field, cases[i].value);
		session_body(s, (const unsigned char *)cases[i].body, strlen(cases[i].body));
		same_number(cases[i].value, session_end(s, "4X").reply, cases[i].want);
		session_free(&s);
	}
}

/* ---- several recipients, of which some refuse ---- */

static const char *const staff = "<staff@lists.example.com>";
static const char *const dev = "<dev@lists.example.com>";
static const char *const bob = "<bob@example.com>";

/* Installs the checks, with this way to treat what is mixed. */
static void
serve_mixed(const char *mixed, const char *checks)
{
	char *more = mem_format(", check: [ posters: { allow: anyone }, %s ]", checks);

	settings_more = mem_format(", mixed: %s", mixed);
	serve(file_source, more);
	mem_drop(&settings_more);
	free(more);
}

static const char small[] = "max-size: { limit: 1k }", few[] = "max-recipients: { limit: 1 }";

/* A recipient that is checked otherwise than those before is to come by itself. */
static void
what_is_split(void **state)
{
	static const struct {
		const char *what, *mixed, *checks, *client, *login, *first, *second;
		enum reply_id want;
	} cases[] = {
		{ "nothing is asked later", "by-proof", "require-tls: { networks: no, on_fail: log-only }", "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_NONE },
		{ "a person behind a list", "by-proof", small, "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_SPLIT },
		{ "a list behind a person", "by-proof", small, "203.0.113.7", NULL,
		  "<bob@example.com>", "<staff@lists.example.com>", REPLY_SPLIT },
		{ "two lists that ask alike", "by-proof", small, "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<dev@lists.example.com>", REPLY_NONE },
		{ "two lists that ask about themselves", "by-proof", "implicit-dest", "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<dev@lists.example.com>", REPLY_SPLIT },
		{ "a list and its owners", "by-proof", small, "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<staff-owner@lists.example.com>", REPLY_SPLIT },
		{ "the same list again", "by-proof", "implicit-dest", "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<staff@lists.example.com>", REPLY_NONE },
		{ "with a login", "by-proof", small, "203.0.113.7", "ann",
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_NONE },
		{ "from our networks", "by-proof", small, "127.0.0.1", NULL,
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_NONE },
		{ "always", "split", small, "127.0.0.1", NULL,
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_SPLIT },
		{ "never", "refuse-all", small, "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_NONE },
		{ "to return", "bounce", small, "203.0.113.7", "ann",
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_NONE },
		{ "with nobody to return it to", "bounce", small, "203.0.113.7", NULL,
		  "<staff@lists.example.com>", "<bob@example.com>", REPLY_SPLIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct session *s;

		serve_mixed(cases[i].mixed, cases[i].checks);
		s = session_from(cases[i].client);
		session_mail(s, "<ann@example.com>", NULL, NULL, cases[i].login);
		assert_int_equal(rcpt(s, cases[i].first), REPLY_NONE);
		same_number(cases[i].what, rcpt(s, cases[i].second), cases[i].want);
		/* The next message begins anew. */
		session_mail(s, "<ann@example.com>", NULL, NULL, cases[i].login);
		assert_int_equal(rcpt(s, cases[i].second), REPLY_NONE);
		session_free(&s);
	}
}

/* A message of 2 kB to two recipients, after which nothing can be split any more. */
static void
what_is_mixed(void **state)
{
	static const struct {
		const char *what, *mixed, *checks;
		const char *const *first, *const *second;
		enum reply_id data, end;
		const char *names;
	} cases[] = {
		{ "refused", "by-proof", small, &staff, &bob, REPLY_NONE, REPLY_TOO_BIG,
		  "staff@lists.example.com" },
		{ "both refuse", "by-proof", small, &staff, &dev, REPLY_NONE, REPLY_TOO_BIG,
		  "staff@lists.example.com, dev@lists.example.com" },
		{ "returned", "bounce", small, &staff, &bob, REPLY_NONE, REPLY_NONE, "" },
		{ "none left to go on for", "bounce", small, &staff, &dev, REPLY_NONE, REPLY_TOO_BIG,
		  "staff@lists.example.com, dev@lists.example.com" },
		{ "refused at DATA", "by-proof", few, &staff, &bob, REPLY_TOO_MANY_TO, REPLY_NONE,
		  "staff@lists.example.com" },
		{ "what only the milter knows", "bounce", few, &staff, &bob, REPLY_NONE, REPLY_NONE, "" },
		{ "at DATA, and nobody takes it", "bounce", few, &staff, &dev, REPLY_TOO_MANY_TO, REPLY_NONE,
		  "staff@lists.example.com, dev@lists.example.com" },
		{ "what only the milter knows at the end", "bounce", "fail: { at: end }", &staff, &bob, REPLY_NONE,
		  REPLY_NONE, "" },
		{ "put off", "bounce", "max-recipients: { limit: 1, on_fail: defer }", &staff, &bob, REPLY_NONE,
		  REPLY_NONE, "" },
		{ "for people alone", "by-proof", small, &bob, &bob, REPLY_NONE, REPLY_NONE, "" },
	};
	char *body = mem_resize(NULL, 2000);

	(void)state;
	memset(body, 'x', 2000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct session *s;

		serve_mixed(cases[i].mixed, cases[i].checks);
		s = session_from("127.0.0.1");
		session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
		assert_int_equal(rcpt(s, *cases[i].first), REPLY_NONE);
		assert_int_equal(rcpt(s, *cases[i].second), REPLY_NONE);
		same_number(cases[i].what, session_data(s, "4X").reply, cases[i].data);
		if (cases[i].data == REPLY_NONE) {
			session_header(s, "Subject", "x");
			session_body(s, (unsigned char *)body, 2000);
			same_number(cases[i].what, session_end(s, "4X").reply, cases[i].end);
		}
		same_text(cases[i].what, session_names(s), cases[i].names);
		session_free(&s);
	}
	free(body);
}

/* An MTA that does not say DATA is told at the end. */
static void
without_data(void **state)
{
	struct session *s;

	(void)state;
	serve_mixed("by-proof", few);
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, staff), REPLY_NONE);
	assert_int_equal(rcpt(s, bob), REPLY_NONE);
	session_header(s, "Subject", "x");
	assert_int_equal(session_end(s, "4X").reply, REPLY_TOO_MANY_TO);
	session_free(&s);
}

static void
many_names_are_cut(void **state)
{
	struct session *s;
	const char *names;

	(void)state;
	serve_mixed("by-proof", "max-recipients: { limit: 2 }");
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rcpt(s, staff), REPLY_NONE);
	assert_int_equal(session_data(s, "4X").reply, REPLY_TOO_MANY_TO);
	names = session_names(s);
	assert_in_range(strlen(names), 200, 330);
	assert_non_null(strstr(names, " and 8"));
	session_free(&s);
}

/* SIZE= is believed when it is too much, and looked at when it is not. */
static void
a_size_that_is_announced(void **state)
{
	char *much[] = { (char *)"SIZE=2000", NULL }, *little[] = { (char *)"SIZE=500", NULL };
	char *body = mem_resize(NULL, 2000);
	struct session *s;

	(void)state;
	memset(body, 'x', 2000);
	serve_mixed("by-proof", small);
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, much, NULL);
	assert_int_equal(rcpt(s, staff), REPLY_TOO_BIG);
	session_mail(s, "<ann@example.com>", NULL, little, NULL);
	assert_int_equal(rcpt(s, staff), REPLY_NONE);
	session_body(s, (unsigned char *)body, 2000);
	assert_int_equal(session_end(s, "4X").reply, REPLY_TOO_BIG);
	session_free(&s);
	free(body);
}

static void
an_encrypted_connection(void **state)
{
	struct session *s;

	(void)state;
	serve_mixed("by-proof", "require-tls");
	s = session_from("203.0.113.7");
	session_mail(s, "<ann@example.com>", NULL, NULL, "ann");
	assert_int_equal(rcpt(s, staff), REPLY_NEED_TLS);
	session_set_encrypted(s, true);
	session_mail(s, "<ann@example.com>", NULL, NULL, "ann");
	assert_int_equal(rcpt(s, staff), REPLY_NONE);
	session_free(&s);
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, staff), REPLY_NONE);
	session_free(&s);
}

/* A check that hangs ends with the recipient's time, and the session goes on. */
static void
a_hanging_check(void **state)
{
	struct session *s;
	int64_t began = clock_ticks();

	(void)state;
	serve_mixed("by-proof", "fail: { answer: pass, after: 1h }");
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, staff), REPLY_LATER);
	assert_in_range(clock_ticks() - began, 290, 5000);
	assert_int_equal(rcpt(s, bob), REPLY_NONE);
	session_free(&s);
}

static void
the_directory_is_unsure(void **state)
{
	struct session *s;

	(void)state;
	serve("kind: fail, answer: unsure", "");
	s = session_from("127.0.0.1");
	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	assert_int_equal(rcpt(s, "<staff@lists.example.com>"), REPLY_UNSURE);
	assert_int_equal(rcpt(s, "<bob@example.com>"), REPLY_NONE);
	session_free(&s);
}

/*
 * While it is unsure, people who were lately seen to be no list get their mail; in a domain of lists
 * the same memory refuses nobody.
 */
static void
what_an_old_no_is_good_for(void **state)
{
	static const struct {
		const char *what, *more, *address;
		enum reply_id before, then;
	} cases[] = {
		{ "a person", ", shared: yes", "<bob@lists.example.com>", REPLY_NONE, REPLY_NONE },
		{ "a list", ", shared: yes", "<staff@lists.example.com>", REPLY_NONE, REPLY_NONE },
		{ "no list", "", "<bob@lists.example.com>", REPLY_NO_SUCH_LIST, REPLY_UNSURE },
	};
	static const char lists[] =
		"{ \"lists\": [ { \"address\": \"staff@lists.example.com\", \"members\": [ \"a@x.y\" ] } ] }";
	char *path = mem_format("%s/lists.json", dir), *source = mem_format("kind: file, path: %s", path);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct session *s;

		write_file(path, lists);
		serve(source, cases[i].more);
		s = session_from("127.0.0.1");
		session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
		same_number(cases[i].what, rcpt(s, cases[i].address), cases[i].before);
		write_file(path, "broken");
		clock_shift(60000);
		same_number(cases[i].what, rcpt(s, cases[i].address), cases[i].then);
		assert_int_equal(rcpt(s, "<new@lists.example.com>"), REPLY_UNSURE);
		clock_shift(-60000);
		session_free(&s);
	}
	free(source);
	free(path);
}

/*
 * ---- a directory that hangs: nobody accepts on this port, and the connection is not refused
 * either ----
 */

static int
hanging_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &length), 0);
	return ntohs(in.sin_port);
}

struct asker {
	const char *address;
	enum reply_id reply;
	int64_t took;
	pthread_t thread;
};

static void *
ask(void *arg)
{
	struct asker *a = arg;
	struct session *s = session_from("127.0.0.1");
	int64_t began = clock_ticks();

	session_mail(s, "<ann@example.com>", NULL, NULL, NULL);
	a->reply = rcpt(s, a->address);
	a->took = clock_ticks() - began;
	session_free(&s);
	return NULL;
}

static void
a_hanging_directory(void **state)
{
	char *source = mem_format("kind: ldap, base: \"dc=x\", connect-timeout: 2s, uri: "
	                          "\"ldap://127.0.0.1:%d\"", hanging_port());
	struct asker all[6];
	size_t at_once = 0, waited = 0;
	struct asker one = { .address = "<x9@lists.example.com>" };
	static const char *const addresses[] = { "<x0@lists.example.com>", "<x1@lists.example.com>",
		                                 "<x2@lists.example.com>", "<x3@lists.example.com>",
		                                 "<x4@lists.example.com>", "<x5@lists.example.com>" };

	(void)state;
	serve(source, "");
	for (size_t i = 0; i < 6; i++) {
		all[i] = (struct asker){ .address = addresses[i] };
		assert_int_equal(pthread_create(&all[i].thread, NULL, ask, &all[i]), 0);
	}
	for (size_t i = 0; i < 6; i++) {
		(void)pthread_join(all[i].thread, NULL);
		assert_int_equal(all[i].reply, REPLY_UNSURE);
		at_once += all[i].took < 150;
		waited += all[i].took >= 250 && all[i].took < 1500;
	}
	/* max-waiting is 2: the others were answered at once. */
	assert_int_equal(waited, 2);
	assert_int_equal(at_once, 4);
	/* The third time-out in a row opens the breaker: from then on nobody waits. */
	(void)ask(&one);
	assert_in_range(one.took, 250, 1500);
	(void)ask(&one);
	assert_int_equal(one.reply, REPLY_UNSURE);
	assert_in_range(one.took, 0, 100);
	free(source);
}

/* A session to so many lists, up to the end of the message. */
static struct verdict
to_many(size_t lists, struct session **s)
{
	char address[64];

	*s = session_from("127.0.0.1");
	session_mail(*s, "<ann@example.com>", NULL, NULL, NULL);
	for (size_t i = 0; i < lists; i++) {
		(void)snprintf(address, sizeof(address), "<list%zu@lists.example.com>", i);
		assert_int_equal(rcpt(*s, address), REPLY_NONE);
	}
	assert_int_equal(rcpt(*s, "<bob@example.com>"), REPLY_NONE);
	assert_int_equal(session_data(*s, "4X").reply, REPLY_NONE);
	session_header(*s, "Subject", "x");
	session_header(*s, "Rollcall-STAMP", "x");
	assert_int_equal(session_stamps(*s), 1);
	return session_end(*s, "4X");
}

/* What a stamp has no room for cannot be told to the expander. */
static void
too_many_lists_for_a_stamp(void **state)
{
	enum { MOST = 1000 };
	struct bytes text = { 0 }, value = { 0 };
	char *path = mem_format("%s/many.json", dir), *source = mem_format("kind: file, path: %s", path);
	struct session *s;

	(void)state;
	bytes_add_text(&text, "{ \"lists\": [");
	for (int i = 0; i < MOST; i++)
		bytes_format(&text, "%s{ \"address\": \"list%d@lists.example.com\", \"members\": [] }",
		             i == 0 ? "" : ",", i);
	bytes_add_text(&text, "] }");
	write_file(path, text.data);
	settings_more = mem_text(", mixed: bounce");
	serve(source, ", check: [ fail: { at: end } ]");
	assert_int_equal(to_many(100, &s).decision, DECISION_PASS);
	assert_true(session_stamp(s, "4X", &value));
	session_free(&s);
	assert_int_equal(to_many(200, &s).decision, DECISION_REJECT);
	session_free(&s);
	serve(source, ", check: [ fail: { at: end, answer: pass } ]");
	bytes_clear(&value);
	assert_int_equal(to_many(MOST, &s).decision, DECISION_PASS);
	assert_false(session_stamp(s, "4X", &value));
	assert_int_equal(value.length, 0);
	session_free(&s);
	mem_drop(&settings_more);
	bytes_free(&text);
	bytes_free(&value);
	free(path);
	free(source);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients),
		cmocka_unit_test(what_the_mta_understands),
		cmocka_unit_test(a_shared_domain),
		cmocka_unit_test(from_a_stranger),
		cmocka_unit_test(who_is_it),
		cmocka_unit_test(contents),
		cmocka_unit_test(what_is_split),
		cmocka_unit_test(what_is_mixed),
		cmocka_unit_test(without_data),
		cmocka_unit_test(many_names_are_cut),
		cmocka_unit_test(a_size_that_is_announced),
		cmocka_unit_test(an_encrypted_connection),
		cmocka_unit_test(a_hanging_check),
		cmocka_unit_test(too_many_lists_for_a_stamp),
		cmocka_unit_test(the_directory_is_unsure),
		cmocka_unit_test(what_an_old_no_is_good_for),
		cmocka_unit_test(a_hanging_directory),
		cmocka_unit_test(a_pacemaker_needs_its_milter),
	};
	struct endpoint silent = { 0 };
	struct complaint why;
	int failed, fd;

	dir = begin_in_dir();
	silent.path = mem_format("%s/silent", dir);
	fd = net_listen(&silent, (struct share){ .mode = 0600 }, &why);
	pacemaker = pacemaker_open(&silent, &why);
	failed = fd < 0 || pacemaker == NULL || RUN(tests);
	service_install(NULL);
	pacemaker_close(&pacemaker);
	(void)close(fd);
	endpoint_free(&silent);
	return end_in_dir(dir, failed);
}
