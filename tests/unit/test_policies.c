/* Each policy by itself, and what they read headers with. */
#include "tests/unit/site_text.h"

#include "base/file.h"
#include "base/pattern.h"
#include "mail/address.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "mail/mailboxes.h"
#include "mail/syntax.h"
#include "policies/admit.h"
#include "policies/storm.h"

#include <dirent.h>

static char *dir;

static struct site *
load(const char *check)
{
	return site_of(dir, mem_format("state: %s\nsources: { s: { kind: file, path: tests/fixtures/contract.json } }\n"
	                               "destinations: { a.example: { sources: s, check: [ posters: { allow: anyone }, %s ] } }\n",
	                               dir, check));
}

/* One policy, at one moment, with the facts changed by one field. */
static struct verdict
judge(const char *check, enum moment moment, struct facts f)
{
	struct site *s = load(check);
	struct list *l = list_new(mem_text("staff@a.example"), NULL, mem_text("k"), NULL);
	const struct target t = { .destination = &s->destinations[0], .list = l,
		                  .role = ROLE_POST, .recipient = (char *)"all@a.example" };
	const struct terms terms = { .moment = moment, .facts = &f, .by = deadline_in(10000) };
	struct subject asked = admit_subject(&t);

	f.session = true;
	f.client = "192.0.2.1";
	f.trusted |= f.login == NULL;
	f.most_hops = 20;
	f.header_length = f.header == NULL ? 0 : strlen(f.header);
	inquiry_run(s->bulkheads, &terms, &asked, 1);
	subject_free(&asked);
	list_drop(&l);
	site_drop(&s);
	return asked.verdict;
}

static void
each(void **state)
{
	static const struct {
		const char *check;
		enum moment moment;
		struct facts facts;
		enum reply_id want;
	} cases[] = {
		{ "max-size: { limit: 2k }", MOMENT_RCPT, { .announced = 0 }, REPLY_NONE },
		{ "max-size: { limit: 2k }", MOMENT_RCPT, { .announced = 2048 }, REPLY_NONE },
		{ "max-size: { limit: 2k }", MOMENT_RCPT, { .announced = 2049 }, REPLY_TOO_BIG },
		{ "max-size: { limit: 2k }", MOMENT_END, { .header = "", .size = 2048 }, REPLY_NONE },
		{ "max-size: { limit: 2k }", MOMENT_END, { .header = "", .size = 2049 }, REPLY_TOO_BIG },
		{ "max-recipients: { limit: 3 }", MOMENT_DATA, { .recipients = 3 }, REPLY_NONE },
		{ "max-recipients: { limit: 3 }", MOMENT_DATA, { .recipients = 4 }, REPLY_TOO_MANY_TO },
		{ "require-tls", MOMENT_RCPT, { .login = "ann" }, REPLY_NEED_TLS },
		{ "require-tls", MOMENT_RCPT, { .login = "ann", .encrypted = true }, REPLY_NONE },
		{ "require-tls", MOMENT_RCPT, { .trusted = true }, REPLY_NONE },
		{ "require-tls: { networks: no }", MOMENT_RCPT, { .trusted = true }, REPLY_NEED_TLS },
		{ "authenticated", MOMENT_RCPT, { .trusted = true }, REPLY_NONE },
		{ "authenticated", MOMENT_RCPT, { .login = "ann" }, REPLY_NONE },
		{ "authenticated: { by: login }", MOMENT_RCPT, { .trusted = true }, REPLY_NEED_PROOF },
		{ "authenticated: { by: networks }", MOMENT_RCPT, { .login = "ann" }, REPLY_NEED_PROOF },
		/* Held is no reply: so what they would be refused with. */
		{ "moderated: { on_fail: reject }", MOMENT_RCPT, { .login = "ann" }, REPLY_MAY_NOT_POST },
		{ "moderated: { on_fail: reject, bypass: [ 'login:bob', 'login:ann' ] }", MOMENT_RCPT,
		  { .login = "ann" }, REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: 'login:ann' }", MOMENT_RCPT,
		  { .trusted = true, .sender = "ann@a.example" }, REPLY_MAY_NOT_POST },
		{ "moderated: { on_fail: reject, bypass: authenticated }", MOMENT_RCPT, { .login = "ann" },
		  REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: authenticated }", MOMENT_RCPT, { .trusted = true },
		  REPLY_MAY_NOT_POST },
		{ "moderated: { on_fail: reject, bypass: networks }", MOMENT_RCPT, { .trusted = true },
		  REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: networks }", MOMENT_RCPT, { .login = "ann" },
		  REPLY_MAY_NOT_POST },
		{ "moderated: { on_fail: reject, bypass: Ann@Example.com }", MOMENT_RCPT,
		  { .trusted = true, .sender = "ann@example.com" }, REPLY_NONE },
		/* What counts is the login, not what it writes for a sender. */
		{ "moderated: { on_fail: reject, bypass: ann@example.com }", MOMENT_RCPT,
		  { .login = "ann@example.com", .sender = "x@example.org" }, REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: ann@example.com }", MOMENT_RCPT,
		  { .login = "eve@example.com", .sender = "ann@example.com" }, REPLY_MAY_NOT_POST },
		{ "moderated: { on_fail: reject, bypass: ann@example.com, login-domain: Example.com }",
		  MOMENT_RCPT, { .login = "ann" }, REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: Example.com }", MOMENT_RCPT,
		  { .trusted = true, .sender = "x@example.com" }, REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: example.com }", MOMENT_RCPT,
		  { .trusted = true, .sender = "x@a.example.com" }, REPLY_MAY_NOT_POST },
		{ "moderated: { on_fail: reject, bypass: .example.com }", MOMENT_RCPT,
		  { .trusted = true, .sender = "x@a.example.com" }, REPLY_NONE },
		{ "moderated: { on_fail: reject, bypass: example.com }", MOMENT_RCPT, { .trusted = true },
		  REPLY_MAY_NOT_POST },
		{ "implicit-dest", MOMENT_END, { .header = "To: staff@a.example\r\n" }, REPLY_NONE },
		{ "implicit-dest", MOMENT_END, { .header = "Cc: x@y, <all@A.example>\r\n" }, REPLY_NONE },
		{ "implicit-dest", MOMENT_END, { .header = "Bcc: staff@a.example\r\n" }, REPLY_NOT_NAMED },
		{ "implicit-dest", MOMENT_END, { .header = "" }, REPLY_NOT_NAMED },
		{ "implicit-dest: { also: A@b.C }", MOMENT_END, { .header = "To: a@B.c\r\n" }, REPLY_NONE },
		{ "header-match: { fields: \"Subject: ^buy\" }", MOMENT_END,
		  { .header = "Subject: Buy now\r\n" }, REPLY_HEADER_MATCH },
		{ "header-match: { fields: \"Subject: ^buy\" }", MOMENT_END,
		  { .header = "Subject: a buyer\r\nX: buy\r\n" }, REPLY_NONE },
		{ "header-match: { fields: [ \"A: ^(a+)+$\", \"B: x\" ] }", MOMENT_END,
		  { .header = "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\n" }, REPLY_LATER },
		/* What is certain counts for more than what is not. */
		{ "header-match: { fields: [ \"A: ^(a+)+$\", \"B: x\" ] }", MOMENT_END,
		  { .header = "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\nB: x\r\n" }, REPLY_HEADER_MATCH },
		/* C160 */
		{ "required-fields", MOMENT_END, { .header = "subject: Lunch\r\n" }, REPLY_NONE },
		{ "required-fields", MOMENT_END, { .header = "Subject: =?utf-8?Q?=C3=A4?=\r\n" }, REPLY_NONE },
		{ "required-fields", MOMENT_END, { .header = "Subject:\r\nSubject:\r\n \tx\r\n" }, REPLY_NONE },
		{ "required-fields", MOMENT_END, { .header = "X-Subject: x\r\n\r\nSubject: x\r\n" }, REPLY_LACKS_FIELD },
		{ "required-fields", MOMENT_END, { .header = "Subject: \r\n \t\r\n" }, REPLY_LACKS_FIELD },
		{ "required-fields", MOMENT_END, { .header = "Subject: =?utf-8?Q?_?=\r\n" }, REPLY_LACKS_FIELD },
		{ "required-fields: { fields: [ Date, X-Room ] }", MOMENT_END, { .header = "Date: x\r\n" },
		  REPLY_LACKS_FIELD },
		{ "required-fields: { fields: [ Date, X-Room ] }", MOMENT_END,
		  { .header = "x-room: 5\r\nDate: x\r\n" }, REPLY_NONE },
		{ "auto-submitted: { generated: no }", MOMENT_END,
		  { .header = "Auto-Submitted: auto-generated (cron)\r\n" }, REPLY_AUTOMATIC },
		{ "auto-submitted: { generated: no }", MOMENT_END,
		  { .header = "Auto-Submitted: no\r\n" }, REPLY_NONE },
		{ "auto-submitted", MOMENT_END, { .header = "Auto-Submitted: auto-generated\r\n" }, REPLY_NONE },
		{ "auto-submitted", MOMENT_END, { .header = "Auto-Submitted: auto-replied\r\n" },
		  REPLY_AUTOMATIC },
		{ "loop: { hops: 5 }", MOMENT_END,
		  { .header = "Received: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\n" },
		  REPLY_NONE },
		{ "loop: { hops: 5 }", MOMENT_END,
		  { .header = "Received: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\n"
		              "Received: a\r\n" }, REPLY_LOOP },
		{ "loop", MOMENT_END, { .header = "List-Id: <staff.a.example>\r\n" }, REPLY_LOOP },
		{ "fail: { answer: unsure, on_unsure: reject }", MOMENT_RCPT, { .trusted = true }, REPLY_UNCHECKED },
		{ "fail: { answer: unsure }", MOMENT_RCPT, { .trusted = true }, REPLY_LATER },
		{ "fail: { on_fail: defer }", MOMENT_RCPT, { .trusted = true }, REPLY_LATER },
		{ "fail: { at: data }", MOMENT_RCPT, { .trusted = true }, REPLY_NONE },
		{ "fail: { at: data }", MOMENT_DATA, { .trusted = true }, REPLY_MAY_NOT_POST },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct verdict v = judge(cases[i].check, cases[i].moment, cases[i].facts);
		char *what = mem_format("%zu %s: %s", i, cases[i].check, v.reason);

		same_number(what, v.reply, cases[i].want);
		free(what);
	}
}

/* ---- what other servers found out ---- */

#define AR "Authentication-Results: mx.example.com; "
#define FROM_ANN "From: Ann <ann@mail.example.org>\r\n"
#define TRUST "authenticated: { by: [ login, results ], trust: [ mx.example.com, other.example.com ]"

static void
results_of_a_trusted_server(void **state)
{
	static const struct {
		const char *more, *header;
		bool login;
		enum reply_id want;
	} cases[] = {
		{ "", AR "dkim=pass header.d=example.org\r\n" FROM_ANN, false, REPLY_NONE },
		{ "", AR "dkim=pass header.d=Mail.Example.ORG\r\n" FROM_ANN, false, REPLY_NONE },
		{ "", AR "dmarc=pass (p=none) header.from=mail.example.org\r\n" FROM_ANN, false, REPLY_NONE },
		{ "", FROM_ANN, true, REPLY_NONE },
		{ ", alignment: strict", AR "dkim=pass header.d=mail.example.org\r\n" FROM_ANN, false, REPLY_NONE },
		{ ", alignment: strict", AR "dkim=pass header.d=example.org\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		/* The pass of another domain, or none. */
		{ "", AR "dkim=pass header.d=example.net\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", AR "dkim=fail header.d=example.org\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", AR "dkim=fail (dkim=pass header.d=example.org)\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", AR "dmarc=pass header.from=example.org\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", AR "spf=pass smtp.mailfrom=example.org\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", AR "dkim=pass\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", AR "none\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ "", FROM_ANN, false, REPLY_NEED_PROOF },
		/* Of whom it would be proven nobody knows. */
		{ "", AR "dkim=pass header.d=example.org\r\n", false, REPLY_NEED_PROOF },
		{ "", AR "dkim=pass header.d=example.org\r\n" FROM_ANN "From: eve@x.example\r\n", false,
		  REPLY_NEED_PROOF },
		{ "", AR "dkim=pass header.d=example.org\r\nFrom: a@example.org, b@example.org\r\n", false,
		  REPLY_NEED_PROOF },
		/* Somebody else says so. */
		{ "", "Authentication-Results: example.org; dkim=pass header.d=example.org\r\n" FROM_ANN, false,
		  REPLY_NEED_PROOF },
		{ "", "X-Authentication-Results: mx.example.com; dkim=pass header.d=example.org\r\n" FROM_ANN,
		  false, REPLY_NEED_PROOF },
		/* A forged one stands below what the server wrote, or below what others received. */
		{ "", AR "dkim=none\r\n" AR "dkim=pass header.d=example.org\r\n" FROM_ANN, false, REPLY_NEED_PROOF },
		{ ", fields: 2", AR "dkim=none\r\n" AR "dkim=pass header.d=example.org\r\n" FROM_ANN, false,
		  REPLY_NONE },
		{ "", "Received: from x by y\r\n" AR "dkim=pass header.d=example.org\r\n" FROM_ANN, false,
		  REPLY_NEED_PROOF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *check = mem_format(TRUST "%s }", cases[i].more);
		struct verdict v = judge(check, MOMENT_END, (struct facts){
			.header = cases[i].header, .login = cases[i].login ? "ann" : NULL });
		char *what = mem_format("%zu %s: %s", i, cases[i].header, v.reason);

		same_number(what, v.reply, cases[i].want);
		free(what);
		free(check);
	}
}

/* Another MTA puts its field above or below its own Received field; only mail that comes from it counts. */
static void
results_of_a_relay(void **state)
{
	static const char pass[] = AR "dkim=pass header.d=example.org\r\n";
	static const char relay[] = "authenticated: { by: results, trust: mx.example.com, relayed: yes }";
	const struct { const char *format; enum reply_id want; } cases[] = {
		{ "%sReceived: by mx.example.com\r\n" FROM_ANN, REPLY_NONE },
		{ "Received: by mx.example.com\r\n%s" FROM_ANN, REPLY_NONE },
		{ "Received: by mx.example.com\r\nReceived: by x\r\n%s" FROM_ANN, REPLY_NEED_PROOF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t gap = (size_t)(strstr(cases[i].format, "%s") - cases[i].format);
		char *header = mem_format("%.*s%s%s", (int)gap, cases[i].format, pass, cases[i].format + gap + 2);
		struct verdict v = judge(relay, MOMENT_END, (struct facts){ .header = header, .trusted = true });

		same_number(header, v.reply, cases[i].want);
		/* From elsewhere, whatever else lets it post. */
		v = judge(relay, MOMENT_END, (struct facts){ .header = header, .login = "ann" });
		same_number(header, v.reply, REPLY_NEED_PROOF);
		free(header);
	}
}

/* ---- posts that are counted ---- */

static struct verdict
post_now(const struct site *s, const char *sender, const char *login, const char *list, bool taken)
{
	struct list *l = list_new(mem_text(list), NULL, mem_text("k"), NULL);
	const struct target t = { .destination = &s->destinations[0], .list = l,
		                  .role = ROLE_POST, .recipient = l->address };
	const struct facts f = { .session = true, .client = "192.0.2.1", .trusted = true, .sender = sender,
		                 .login = login, .list = l, .recipient = l->address, .state = s->state };
	const struct terms terms = { .moment = MOMENT_RCPT, .facts = &f, .by = deadline_in(10000) };
	struct subject asked = admit_subject(&t);

	inquiry_run(s->bulkheads, &terms, &asked, 1);
	if (taken && asked.verdict.decision == DECISION_PASS)
		chain_accepted(t.destination->chain, &f);
	subject_free(&asked);
	list_drop(&l);
	return asked.verdict;
}

static size_t
files_in(const char *path)
{
	DIR *d = opendir(path);
	size_t count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	(void)closedir(d);
	return count - 2;                 /* "." and ".." */
}

static void
counted_posts(void **state)
{
	struct site *s = load("rate: { posts: 3, in: 60s }");
	static const char ann[] = "ann@x.example", staff[] = "staff@a.example", dev[] = "dev@a.example";
	char *rates = mem_format("%s/rates", s->state);

	(void)state;
	for (int i = 0; i < 10; i++)      /* asking counts nothing */
		assert_int_equal(post_now(s, ann, NULL, staff, false).reply, REPLY_NONE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_NONE);
	assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_RATE);
	assert_int_equal(post_now(s, "bob@x.example", NULL, staff, true).reply, REPLY_NONE);
	assert_int_equal(post_now(s, ann, NULL, dev, true).reply, REPLY_NONE);
	assert_int_equal(post_now(s, ann, "ann@x.example", staff, true).reply, REPLY_NONE);
	clock_shift(21000);               /* an even share later there is room for one */
	assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_NONE);
	assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_RATE);
	assert_int_equal(files_in(rates), 4);
	/* A clock that was far ahead locks nobody out. */
	clock_shift(-1000000);
	assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_NONE);
	clock_shift(1000000 - 21000);
	site_drop(&s);

	/* By poster, and by list. */
	s = load("rate: { posts: 1, in: 60s, of: poster }");
	assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_NONE);
	assert_int_equal(post_now(s, ann, NULL, dev, true).reply, REPLY_RATE);
	assert_int_equal(post_now(s, "bob@x.example", NULL, dev, true).reply, REPLY_NONE);
	site_drop(&s);
	s = load("rate: { posts: 1, in: 60s, of: list }");
	assert_int_equal(post_now(s, ann, NULL, staff, true).reply, REPLY_NONE);
	assert_int_equal(post_now(s, "bob@x.example", NULL, staff, true).reply, REPLY_RATE);
	assert_int_equal(post_now(s, ann, NULL, dev, true).reply, REPLY_NONE);

	/* What lies in the past is removed in time. */
	clock_shift(3600000);
	for (int i = 0; i < 256; i++) {
		(void)post_now(s, ann, NULL, staff, true);
		clock_shift(61000);
	}
	assert_in_range(files_in(rates), 1, 2);
	clock_shift(-3600000 - 256 * 61000);
	site_drop(&s);
	free(rates);
}

/* ---- reply-all storms ---- */

/* What becomes of a post to a list; it is counted, held or not, if it is `taken`. `body` may be NULL. */
static enum reply_id
say_to_all(const struct site *s, const char *list, struct slice header, const char *body, bool taken)
{
	struct list *l = list_new(mem_text(list), NULL, mem_text("k"), NULL);
	const struct target t = { .destination = &s->destinations[0], .list = l, .role = ROLE_POST,
		                  .recipient = l->address };
	const struct facts f = { .session = true, .client = "192.0.2.1", .trusted = true, .list = l,
		                 .sender = "ann@x.example", .recipient = l->address, .state = s->state,
		                 .header = header.at, .header_length = header.length, .most_hops = 20,
		                 .body = body, .body_length = body == NULL ? 0 : strlen(body) };
	const struct terms terms = { .moment = MOMENT_END, .facts = &f, .by = deadline_in(10000) };
	struct subject asked = admit_subject(&t);

	inquiry_run(s->bulkheads, &terms, &asked, 1);
	if (taken)
		chain_accepted(t.destination->chain, &f);
	subject_free(&asked);
	list_drop(&l);
	return asked.verdict.reply;
}

static enum reply_id
reply_with(const struct site *s, const char *list, const char *header, const char *body)
{
	return say_to_all(s, list, (struct slice){ header, strlen(header) }, body, true);
}

static enum reply_id
reply_all(const struct site *s, const char *list, const char *header)
{
	return reply_with(s, list, header, NULL);
}

static void
storms(void **state)
{
	static const char staff[] = "staff@a.example", dev[] = "dev@a.example", other[] = "Subject: Tea\r\n";
	static const char *const thread[] = { "Subject: Lunch\r\nMessage-ID: <1@x>\r\n",
		                              "Subject: Re: lunch\r\nReferences: <1@x> <2@x>\r\n",
		                              "Subject: AW: [Staff] LUNCH\r\nIn-Reply-To: <9@x>\r\n" };
	struct site *s = load("storm: { posts: 3, in: 60s, quiet: 100s, on_fail: reject }");
	struct complaint why;
	int64_t until;

	(void)state;
	for (int i = 0; i < 3; i++)
		same_number(thread[i], reply_all(s, staff, thread[i]), REPLY_NONE);
	/* By its subject, in whatever words; by its first message; not another thread, or another list. */
	assert_int_equal(reply_all(s, staff, "Subject: fwd: Re: Lunch\r\n"), REPLY_RATE);
	assert_int_equal(reply_all(s, staff, other), REPLY_NONE);
	assert_int_equal(reply_all(s, staff, "X: y\r\n"), REPLY_NONE);
	assert_int_equal(reply_all(s, dev, thread[1]), REPLY_NONE);
	assert_int_equal(storm_look(s->state, staff, false, &until, &why), FOUND_YES);
	assert_in_range(until - clock_wall(), 90000, 100000);
	assert_int_equal(storm_look(s->state, dev, false, &until, &why), FOUND_NO);
	/* Each post that is held makes it last; quiet ends it. */
	clock_shift(90000);
	assert_int_equal(reply_all(s, staff, thread[1]), REPLY_RATE);
	clock_shift(90000);
	assert_int_equal(reply_all(s, staff, thread[1]), REPLY_RATE);
	clock_shift(101000);
	assert_int_equal(storm_look(s->state, staff, false, &until, &why), FOUND_NO);
	assert_int_equal(reply_all(s, staff, thread[1]), REPLY_NONE);
	/* A clock that was ahead makes none that lasts. */
	for (int i = 0; i < 3; i++)
		(void)reply_all(s, staff, thread[0]);
	assert_int_equal(reply_all(s, staff, thread[0]), REPLY_RATE);
	clock_shift(-1000000);
	assert_int_equal(reply_all(s, staff, thread[0]), REPLY_NONE);
	clock_shift(1000000);
	/* By command. */
	assert_int_equal(storm_look(s->state, staff, true, &until, &why), FOUND_YES);
	assert_int_equal(reply_all(s, staff, thread[0]), REPLY_NONE);
	/* All who want to leave are one thread. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(reply_all(s, dev, i == 0   ? "Subject: unsubscribe\r\n"
		                                   : i == 1 ? "Subject: Please remove me!\r\n"
		                                            : "Subject: Re: =?utf-8?Q?REMOVE?= me now\r\n"),
		                 REPLY_NONE);
	assert_int_equal(reply_all(s, dev, "Subject: Unsubscribe, now!!\r\n"), REPLY_RATE);
	site_drop(&s);
	/* The whole list. */
	s = load("storm: { posts: 3, in: 60s, quiet: 100s, on_fail: reject, of: list }");
	for (int i = 0; i < 3; i++)
		assert_int_equal(reply_all(s, "all@a.example", thread[i]), REPLY_NONE);
	assert_int_equal(reply_all(s, "all@a.example", other), REPLY_RATE);
	assert_int_equal(reply_all(s, "all@a.example", ""), REPLY_NONE);        /* it belongs to nothing */
	/* What is in the past is removed; slow threads are none. */
	clock_shift(1000000);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(reply_all(s, "all@a.example", thread[0]), REPLY_NONE);
		clock_shift(61000);
	}
	clock_shift(-1000000 - 6 * 61000 - 281000);
	site_drop(&s);
}

#define QP "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n" \
           "Content-Transfer-Encoding: quoted-printable\r\n"
#define BASE64 "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" \
               "Content-Transfer-Encoding: base64\r\n"
#define HTML "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"

/* Posts whose subjects are all different: what they want stands in the body alone, in many ways. */
static void
storms_of_bodies(void **state)
{
	static const struct {
		const char *header, *body;
	} leaving[] = {
		{ "Subject: 1\r\n", "Please remove me from this list.\r\n" },
		{ "Subject: 2\r\n", "Hi all,\r\n\r\nI don't know why I get this. UNSUBSCRIBE!\r\n-- \r\nAnn\r\n" },
		{ "Subject: 3\r\n", "Me too\r\n\r\nOn Monday, 3 July, Bob wrote:\r\n> Please remove me\r\n> from it\r\n" },
		{ "Subject: 4\r\n", "STOP replying to all, please.\r\n\r\n_____________________\r\nFrom: Bob\r\n" },
		{ QP "Subject: 5\r\n", "Bitte aus dem Verteiler l=F6schen: K=F6nnt ihr mich bitte =\r\nstreichen?\r\n" },
		/* "Désabonnez-moi, s'il vous plaît." */
		{ BASE64 "Subject: 6\r\n", "RMOpc2Fib25uZXotbW9pLCBzJ2lsIHZvdXMgcGxhw650Lg==\r\n" },
		{ "Subject: 7\r\n", "Quiero darme de baja.\r\n" },
		{ HTML "Subject: 8\r\n", "<html><head><style>p { color: red }</style></head><body><p>Please&nbsp;remove"
		  "\r\nme</p><hr><b>From:</b> somebody with a very long mail</body></html>\r\n" },
		{ MIXED "Subject: 9\r\n", "--b\r\nContent-Type: text/plain\r\n\r\nNehmt mich da raus\r\n--b\r\n"
		  "Content-Type: image/png\r\n\r\nx" },
		{ "Subject: 10\r\n", "Merci de ne pas r\xc3\xa9pondre \xc3\xa0 tous.\r\n" },
	};
	static const struct {
		const char *header, *body;
	} others[] = {
		{ "Subject: a\r\n", "The lunch is at noon, in the canteen.\r\n" },
		{ "Subject: b\r\n", "" },
		{ "Subject: c\r\n", "I agree.\r\n\r\nOn Monday, 3 July, Bob wrote:\r\n> Please remove me from it\r\n" },
		{ "Subject: d\r\n", "See you there.\r\n-- \r\nTo unsubscribe, go to https://lists.example.com\r\n" },
		/* Long ones may say what they like. */
		{ "Subject: e\r\n", "Customers who want to unsubscribe can do so from now on in three places: by the page "
		  "that we have for it, by mail to the list, and by a call to the desk. All of them have been tried "
		  "by two of us, in all of our languages, and work.\r\n" },
		{ MIXED "Subject: f\r\n", "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n"
		  "unsubscribe\r\n--b--\r\n" },
		{ HTML "Subject: g\r\n", "<p>Fine.</p><blockquote>Please remove me</blockquote>" },
		{ "Subject: h\r\n", NULL },     /* came past the milter */
	};
	static const char list[] = "bodies@a.example";
	enum { COUNT = sizeof(leaving) / sizeof(*leaving) };
	char *check = mem_format("storm: { posts: %d, in: 1h, quiet: 1h, on_fail: reject }", COUNT);
	struct site *s = load(check);

	(void)state;
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
			char *header = mem_format("%sX: %d\r\n", others[i].header, round);

			same_number(others[i].body, reply_with(s, list, header, others[i].body), REPLY_NONE);
			free(header);
		}
	for (size_t i = 0; i < COUNT; i++)
		same_number(leaving[i].body, reply_with(s, list, leaving[i].header, leaving[i].body), REPLY_NONE);
	for (size_t i = 0; i < COUNT; i++)
		same_number(leaving[i].body, reply_with(s, list, leaving[i].header, leaving[i].body), REPLY_RATE);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		same_number(others[i].body, reply_with(s, list, others[i].header, others[i].body), REPLY_NONE);
	site_drop(&s);
	free(check);

	/* By words of the site's own, and not at all. */
	s = load("storm: { posts: 2, in: 1h, on_fail: reject, leaving-text: '^enough\\b', leaving-length: 10 }");
	for (int i = 0; i < 4; i++) {
		char *subject = mem_format("Subject: own %d\r\n", i);

		same_number(subject, reply_with(s, "own@a.example", subject, "unsubscribe\r\n"), REPLY_NONE);
		same_number(subject, reply_with(s, "own@a.example", subject, "Enough of it, everybody.\r\n"),
		            REPLY_NONE);
		free(subject);
	}
	site_drop(&s);
}

/* Of what people really write hardly anything is taken for a wish to leave: while there is such a storm. */
static void
ordinary_posts_are_no_storm(void **state)
{
	static const char path[] = "../shared/corpus/posts/messages", list[] = "corpus@a.example";
	struct site *s = load("storm: { posts: 2, in: 1h, quiet: 1d, on_fail: reject }");
	DIR *d = opendir(path);
	struct dirent *e;
	size_t count = 0, leaving = 0, texts = 0;

	(void)state;
	if (d == NULL)
		skip();
	for (int i = 0; i < 2; i++)
		(void)reply_with(s, list, i == 0 ? "Subject: 1\r\n" : "Subject: 2\r\n", "unsubscribe\r\n");
	assert_int_equal(reply_with(s, list, "Subject: 3\r\n", "unsubscribe\r\n"), REPLY_RATE);
	while ((e = readdir(d)) != NULL) {
		struct bytes mail = { 0 };
		struct complaint why;
		size_t length;

		if (*e->d_name == '.')
			continue;
		assert_int_equal(file_read(dirfd(d), e->d_name, 1 << 26, &mail, &why), 1);
		length = header_length(bytes_text(&mail), mail.length);
		count++;
		texts += length < mail.length;
		if (say_to_all(s, list, (struct slice){ bytes_text(&mail), length }, bytes_text(&mail) + length,
		               false) == REPLY_RATE) {
			leaving++;
			print_message("asks to leave: %s\n", e->d_name);
		}
		bytes_free(&mail);
	}
	(void)closedir(d);
	assert_in_range(count, 500, 100000);
	assert_in_range(texts, 500, 100000);
	assert_in_range(leaving, 0, count / 200);
	site_drop(&s);
}

/* Where it cannot be known, nobody is let through. */
static void
storms_that_cannot_be_read(void **state)
{
	struct site *s = load("storm: { quiet: 100s, on_fail: reject }");
	char *storms_dir = mem_format("%s/storms", s->state), *aside = mem_format("%s/aside2", s->state);

	(void)state;
	assert_int_equal(rename(storms_dir, aside), 0);
	write_file(storms_dir, "");
	assert_int_equal(reply_all(s, "x@a.example", "Subject: x\r\n"), REPLY_LATER);
	assert_int_equal(unlink(storms_dir), 0);
	assert_int_equal(reply_all(s, "x@a.example", "Subject: x\r\n"), REPLY_NONE);
	site_drop(&s);
	free(storms_dir);
	free(aside);
}

/* Where it cannot be known, nobody is let through. */
static void
counts_that_cannot_be_read(void **state)
{
	struct site *s = load("rate: { posts: 3, in: 61s }");
	char *rates = mem_format("%s/rates", s->state), *aside = mem_format("%s/aside", s->state);

	(void)state;
	assert_int_equal(rename(rates, aside), 0);
	write_file(rates, "");
	assert_int_equal(post_now(s, "ann@x.example", NULL, "staff@a.example", true).reply, REPLY_LATER);
	assert_int_equal(unlink(rates), 0);
	assert_int_equal(post_now(s, "ann@x.example", NULL, "staff@a.example", true).reply, REPLY_NONE);
	assert_int_equal(files_in(rates), 1);
	site_drop(&s);
	free(rates);
	free(aside);
}

/* ---- addresses in fields ---- */

static void
who_is_named(void **state)
{
	static const struct {
		const char *value;
		bool want;
	} cases[] = {
		{ "staff@a.example", true },
		{ " staff@a.example\r\n", true },
		{ "<staff@a.example>", true },
		{ "Staff <staff@a.example>, Bob <bob@x.y>", true },
		{ "Bob <bob@x.y>,\r\n\tStaff <staff@a.example>", true },
		{ "STAFF@A.Example", true },
		{ "\"staff\"@a.example", true },
		{ "\"Doe, \\\"J\\\" <j>\" <staff@a.example>", true },
		{ "everybody: bob@x.y, staff@a.example;", true },
		{ "everybody: staff@a.example;, bob@x.y", true },
		{ "staff@a.example (the staff)", true },
		{ "", false },
		{ "undisclosed-recipients:;", false },
		{ "bob@x.y (staff@a.example)", false },
		{ "\"staff@a.example\" <bob@x.y>", false },
		{ "xstaff@a.example", false },
		{ "staff@a.example.com", false },
		{ "<staff@a.example", true },
		{ "staff@a.example>", false },
		{ "\"staff@a.example", false },
		{ "\\", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct field f = { .value = cases[i].value, .value_length = strlen(cases[i].value) };

		same_number(cases[i].value, mailboxes_have(&f, "staff@a.example"), cases[i].want);
	}
}

static void
the_only_mailbox(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ " Ann <Ann@A.example>\r\n", "ann@a.example" },
		{ " ann@a.example (Ann)", "ann@a.example" },
		{ " \"b@x.example, c\" <ann@a.example>", "ann@a.example" },
		{ " ann@a.example, bob@a.example", NULL },
		{ " ann@a.example, nobody", "ann@a.example" },
		{ " nobody", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct field f = { .value = cases[i].value, .value_length = strlen(cases[i].value) };
		char *only = mailboxes_only(&f);

		same_text(cases[i].value, only, cases[i].want);
		free(only);
	}
}

static bool
replace_old(void *arg, const char *canonical, char **become)
{
	++*(size_t *)arg;
	if (strcmp(canonical, "stop@x.y") == 0)
		return false;
	if (strcmp(canonical, "old@x.y") == 0)
		*become = mem_text("new@x.y");
	return true;
}

static void
mailboxes_replaced(void **state)
{
	static const struct {
		const char *value, *want;
		size_t seen;
	} cases[] = {
		{ "old@x.y", "new@x.y", 1 },
		{ "OLD@X.Y , bob@x.y", "new@x.y , bob@x.y", 2 },
		{ "Old <old@x.y>,  \"Old, B. <old@x.y>\" <Old@x.y> ;", "Old <new@x.y>,  \"Old, B. <old@x.y>\" <new@x.y> ;", 2 },
		{ "old@x.y (Old <old@x.y>, (old@x.y))", "new@x.y (Old <old@x.y>, (old@x.y))", 1 },
		{ "(a, b) old@x.y(c)", "(a, b) new@x.y(c)", 1 },
		{ "Old (<old@x.y>) <bob@x.y>", "Old (<old@x.y>) <bob@x.y>", 1 },
		{ "all: old@x.y, Bob <old@x.y>;, old@x.y", "all: new@x.y, Bob <new@x.y>;, new@x.y", 3 },
		{ "\"old\"@x.y, \"a(b\"@x.y", "new@x.y, \"a(b\"@x.y", 2 },
		{ "old@x.y, (never closed old@x.y", "new@x.y, (never closed old@x.y", 1 },
		{ "nobody, <>, undisclosed:;", "nobody, <>, undisclosed:;", 0 },
		{ "", "", 0 },
		{ "old@x.y, stop@x.y, old@x.y", NULL, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes out = { 0 };
		size_t seen = 0;
		bool whole = mailboxes_replace(cases[i].value, replace_old, &seen, &out);

		same_text(cases[i].value, whole ? bytes_text(&out) : NULL, cases[i].want);
		same_number(cases[i].value, (long long)seen, (long long)cases[i].seen);
		assert_true(whole || out.length == 0);
		bytes_free(&out);
	}
}

static void
encoded_words(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "=?utf-8?Q?gr=C3=BC=C3=9Fe?=", "gr\xc3\xbc\xc3\x9f" "e" },
		{ "=?ISO-8859-1?q?a_b=20c?= d", "a b c d" },
		{ "=?utf-8*en?B?w7xi?=er", "\xc3\xbc" "ber" },
		{ "=?utf-8?B?YQ==?=  =?utf-8?B?Yg==?= =?utf-8?b?Yw?=", "abc" },
		{ "x =?utf-8?B?YQ==?= y", "x a y" },
		{ "=?klingon?Q?a?=", "=?klingon?Q?a?=" },
		{ "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
		{ "=?utf-8?Q?=C3?=", "=?utf-8?Q?=C3?=" },
		{ "=?utf-8?Q?a", "=?utf-8?Q?a" },
		{ "=?utf-8?Q?" "?=", "" },
		{ "=?=?=?utf-8?Q?a?=", "=?=?a" },
		{ "=?", "=?" },
		{ "=?utf-8?Q?=4?=", "=4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes out = { 0 };

		encoded_read(&out, cases[i].value, strlen(cases[i].value));
		same_text(cases[i].value, bytes_text(&out), cases[i].want);
		bytes_free(&out);
	}
}

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		enum matched want;
	} cases[] = {
		{ "b.d", "ABCDE", MATCHED_YES },
		{ "^b", "abc", MATCHED_NO },
		{ "gr\xc3\xbc\xc3\x9f", "GR\xc3\x9c\xc3\x9f" "E", MATCHED_YES },
		{ "b", "a\xff" "b", MATCHED_YES },
		{ "a.b", "a\xff" "b", MATCHED_NO },
		{ "^(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", MATCHED_UNSURE },
	};
	struct complaint why;
	char *endless = mem_resize(NULL, 2001);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pattern *p = pattern_open(cases[i].pattern, &why);

		assert_non_null(p);
		same_number(cases[i].pattern, pattern_matches(p, cases[i].text, strlen(cases[i].text)),
		            cases[i].want);
		pattern_close(&p);
	}
	memset(endless, 'x', 2000);
	endless[2000] = '\0';
	assert_null(pattern_open(endless, &why));
	assert_null(pattern_open("a\\Cb", &why));
	free(endless);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(results_of_a_trusted_server),
		cmocka_unit_test(results_of_a_relay),
		cmocka_unit_test(counted_posts),
		cmocka_unit_test(counts_that_cannot_be_read),
		cmocka_unit_test(storms),
		cmocka_unit_test(storms_of_bodies),
		cmocka_unit_test(ordinary_posts_are_no_storm),
		cmocka_unit_test(storms_that_cannot_be_read),
		cmocka_unit_test(who_is_named),
		cmocka_unit_test(the_only_mailbox), cmocka_unit_test(mailboxes_replaced),
		cmocka_unit_test(encoded_words),
		cmocka_unit_test(patterns),
	};

	dir = begin_in_dir();
	return end_in_dir(dir, RUN(tests));
}
