/* Dispatch: who sends decides what is asked. */
#include "tests/unit/site_text.h"

#include "policies/admit.h"

static char *dir;

/* In this order, the first that says something for a destination and holds counts. */
static const char senders[] =
	"senders:\n"
	"  boss: { from: [ Boss@Example.com ], authenticated: yes }\n"
	"  submission: { ports: [ 587, submission ], check: [ { posters: { allow: authenticated } } ] }\n"
	"  office: { networks: [ 10.0.0.0/8, \"2001:db8::/32\" ] }\n"
	"  partner: { from: [ .Partner.example, other.example ] }\n"
	"  reports: { from: <>, authenticated: no }\n"
	"  strangers: { authenticated: no, ports: 25, check: [ reject ] }\n";

static struct site *
load(void)
{
	return site_of(dir, mem_format(
		"state: %s\n%ssources: { s: { kind: file, path: tests/fixtures/contract.json } }\n"
		"destinations:\n"
		"  a.example:\n"
		"    sources: s\n"
		"    check: [ posters ]\n"
		"    senders:\n"
		"      boss: { check: [ { max-size: { limit: 9M } } ] }\n"
		"      office: { check: [ posters, { max-size: { limit: 5k } } ] }\n"
		"      partner: { check: [ { posters: { allow: anyone } } ] }\n"
		"      reports: { check: [ reject ] }\n"
		"  b.example:\n"
		"    sources: s\n"
		"    senders:\n"
		"      submission: { check: [ { rate: { posts: 1, in: 1h } } ] }\n"
		"  c.example: { sources: s }\n", dir, senders));
}

/* ---- each fact by each, against the words above said once more ---- */

static const char *const froms[] = { NULL, "boss@example.com", "ann@example.com", "x@partner.example",
	                             "x@a.b.partner.example", "x@notpartner.example", "x@other.example",
	                             "x@sub.other.example", "other.example", "" };
static const char *const clients[] = { "10.1.2.3", "11.1.2.3", "2001:db8::1", "2001:db9::1", "unix" };
static const struct doorway doorways[] = { { NULL, NULL }, { "25", NULL }, { "587", NULL }, { "5870", "x" },
	                                   { "1", "submission" }, { "25", "mx.example.com" } };

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static bool
is_one_of(const char *text, const char *a, const char *b, const char *c)
{
	return text != NULL && (strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0);
}

/* The name that ought to come out for one of the destinations; "" for its own checks. */
static const char *
expect(char which, const struct facts *f, const struct doorway *d)
{
	bool login = f->login != NULL, from_boss = is_one_of(f->sender, "boss@example.com", "-", "-");

	if (!f->session)
		return "";
	if (which == 'a' && from_boss && login)
		return "boss";
	if (is_one_of(d->port, "587", "-", "-") || is_one_of(d->name, "submission", "-", "-"))
		return "submission";
	if (which == 'a' && is_one_of(f->client, "10.1.2.3", "2001:db8::1", "-"))
		return "office";
	if (which == 'a' &&
	    is_one_of(f->sender, "x@partner.example", "x@a.b.partner.example", "x@other.example"))
		return "partner";
	if (which == 'a' && f->sender == NULL && !login)
		return "reports";
	if (!login && is_one_of(d->port, "25", "-", "-"))
		return "strangers";
	return "";
}

static void
each_by_each(void **state)
{
	struct site *s = load();
	size_t tried = 0, by_default = 0;

	(void)state;
	for (size_t n = 0; n < 3 * COUNT(froms) * COUNT(clients) * COUNT(doorways) * 4; n++) {
		size_t at = n;
		struct target t = { .destination = &s->destinations[at % 3] };
		const char which = (char)('a' + at % 3);
		const struct facts f = { .sender = froms[(at /= 3) % COUNT(froms)],
			                 .client = clients[(at /= COUNT(froms)) % COUNT(clients)],
			                 .login = (at /= COUNT(clients)) % 2 ? "ann" : NULL,
			                 .session = (at / 2) % 2 };
		const struct doorway *d = &doorways[at / 4 % COUNT(doorways)];
		const char *got, *want = expect(which, &f, d);

		target_dispatch(&t, &f, d);
		got = target_senders(&t);
		if (strcmp(got == NULL ? "" : got, want) != 0)
			fail_msg("%c: from %s, %s, login %s, port %s (%s), session %d: got %s, want %s", which,
			         f.sender, f.client, f.login, d->port, d->name, f.session, got, want);
		assert_true((target_chain(&t) == t.destination->chain) == (got == NULL));
		by_default += got == NULL;
		tried++;
	}
	assert_int_equal(tried, 3 * 10 * 5 * 6 * 4);
	assert_in_range(by_default, tried / 4, tried * 3 / 4);
	site_drop(&s);
}

/* ---- what is asked then ---- */

static enum reply_id
post(const struct site *s, size_t destination, struct facts f, const char *port)
{
	struct list *l = list_new(mem_text("staff@a.example"), NULL, mem_text("k"), NULL);
	struct target t = { .destination = &s->destinations[destination], .list = l, .role = ROLE_POST,
		            .recipient = l->address };
	const struct doorway d = { .port = port };
	const struct terms terms = { .moment = MOMENT_RCPT, .facts = &f, .by = deadline_in(10000) };
	struct subject asked;
	enum reply_id reply;

	f.session = true;
	f.client = f.client == NULL ? "192.0.2.1" : f.client;
	f.sender = f.sender == NULL ? "ann@example.com" : f.sender;
	f.state = s->state;
	target_dispatch(&t, &f, &d);
	reply = admit_rcpt(s, &t, &terms, &asked).reply;
	subject_free(&asked);
	list_drop(&l);
	return reply;
}

static void
what_is_asked(void **state)
{
	struct site *s = load();

	(void)state;
	/* The checks of the block, and no others; what is always asked is asked with its fallbacks there. */
	assert_int_equal(post(s, 0, (struct facts){ .client = "10.0.0.1", .trusted = true }, "25"), REPLY_NONE);
	assert_int_equal(post(s, 0, (struct facts){ .client = "10.0.0.1", .trusted = true, .announced = 6000 },
	                      "25"), REPLY_TOO_BIG);
	assert_int_equal(post(s, 0, (struct facts){ .trusted = true, .announced = 6000 }, NULL), REPLY_NONE);
	assert_int_equal(post(s, 0, (struct facts){ .sender = "x@other.example" }, NULL), REPLY_NONE);
	assert_int_equal(post(s, 0, (struct facts){ .sender = "x@third.example" }, NULL), REPLY_MAY_NOT_POST);
	/* A block at the top holds for all that say nothing of their own. */
	assert_int_equal(post(s, 0, (struct facts){ .trusted = true }, "587"), REPLY_MAY_NOT_POST);
	assert_int_equal(post(s, 2, (struct facts){ .trusted = true }, "587"), REPLY_MAY_NOT_POST);
	assert_int_equal(post(s, 1, (struct facts){ .trusted = true }, "587"), REPLY_NONE);
	/* The end of a way, whoever it is. */
	assert_int_equal(post(s, 2, (struct facts){ .trusted = true }, "25"), REPLY_MAY_NOT_POST);
	assert_int_equal(post(s, 2, (struct facts){ .trusted = true, .login = "ann" }, "25"), REPLY_NONE);
	/* Somewhere something needs what a block alone asks for. */
	assert_false(site_needs(s, NEED_HELO));
	assert_true(site_needs(s, NEED_LIST));
	site_drop(&s);
}

static void
mistakes(void **state)
{
	static const struct {
		const char *senders, *block, *want;
	} cases[] = {
		{ "office: { ports: 25 }", "offcie: { check: [ ] }",
		  ":4:53: there are no senders \"offcie\"; did you mean \"office\"?" },
		{ "office: { ports: 25 }", "office: { }", ":4:61: \"check\" is missing here" },
		{ "office: { ports: 25 }", "office: reject",
		  ":4:61: destinations.x.example.senders.office takes settings, \"name: value\"" },
		{ "office: { ports: 25 }", "office: { check: [ posters, posters ] }",
		  ":4:81: the check \"posters\" stands here a second time" },
		{ "office: { ports: 25 }", "office: { check: [ ], chekc: [ ] }",
		  ":4:75: there is no setting \"destinations.x.example.senders.office.chekc\"; did you mean "
		  "\"check\"?" },
		{ "office: { ports: 25 }, home: { ports: 26 }", "office: { check: [ ] }",
		  ":2:41: home: nothing is asked of them: there is no check here, and no destination names them" },
	};
	const struct site_part none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = mem_format("state: /tmp\nsenders: { %s }\nsources: { s: { kind: fail } }\n"
		                        "destinations: { x.example: { sources: s, senders: { %s } } }\n",
		                        cases[i].senders, cases[i].block);
		char *path = write_config(dir, text);
		struct complaint why = { "" };

		assert_null(site_load(path, true, &none, &why));
		same_text(cases[i].block, why.text + strlen(path), cases[i].want);
		free(path);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_by_each),
		cmocka_unit_test(what_is_asked),
		cmocka_unit_test(mistakes),
	};

	dir = begin_in_dir();
	return end_in_dir(dir, RUN(tests));
}
