/* Stamps: what stands in one, in which order, and whose it is. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "mail/stamp.h"

static const struct verdict passed = { .decision = DECISION_PASS };

static struct verdict
refused(enum reply_id reply)
{
	return verdict_reject(reply, "");
}

/* The lists in order, as "list/role/verdict". */
static void
same_lists(const char *what, const struct stamp *s, const char *want)
{
	struct bytes got = { 0 };

	for (size_t i = 0; i < s->count; i++)
		bytes_format(&got, "%s%s/%s/%s", i == 0 ? "" : " ", s->lists[i].list,
		             role_word(s->lists[i].role), decision_word(s->lists[i].decision));
	same_text(what, bytes_text(&got), want);
	bytes_free(&got);
}

static void
lists_in_order(void **state)
{
	struct stamp s = { 0 };
	struct verdict no = refused(REPLY_LOOP), later = verdict_defer(REPLY_LATER, "");

	(void)state;
	stamp_add(&s, "a", ROLE_POST, &no, true, "loop");
	stamp_add(&s, "b", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "c", ROLE_POST, &later, false, "fail");
	stamp_add(&s, "d", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "d", ROLE_OWNER, &passed, false, NULL);
	same_lists("those that passed first", &s, "b/post/pass d/post/pass d/owner/pass a/post/reject c/post/defer");
	stamp_add(&s, "b", ROLE_POST, &no, false, "loop");
	same_lists("the better answer stays", &s,
	           "b/post/pass d/post/pass d/owner/pass a/post/reject c/post/defer");
	stamp_add(&s, "a", ROLE_POST, &passed, false, NULL);
	same_lists("the better answer comes", &s, "b/post/pass d/post/pass d/owner/pass a/post/pass c/post/defer");
	assert_ptr_equal(stamp_find(&s, "c", ROLE_POST), &s.lists[4]);
	assert_null(stamp_find(&s, "c", ROLE_OWNER));
	stamp_free(&s);
	assert_int_equal(s.count, 0);
}

/* A list that holds it says why, in as many bytes as there is room for. */
static void
what_is_held(void **state)
{
	struct stamp s = { .client = mem_text("192.0.2.1") }, read;
	struct verdict held = { .decision = DECISION_HOLD }, no = refused(REPLY_LOOP);
	struct bytes text = { 0 };
	struct complaint why;
	const struct stamped *l;

	(void)state;
	memset(s.digest, 'a', DIGEST_NAME);
	verdict_also(&held, "header-match", "Subject: \"x\"\\\x01\xc3\xb6");
	stamp_add(&s, "a", ROLE_POST, &no, false, "loop");
	stamp_add(&s, "b", ROLE_POST, &held, false, "header-match");
	stamp_add(&s, "c", ROLE_POST, &passed, false, NULL);
	for (size_t i = 0; i < REASON_SIZE; i++)
		verdict_also(&held, "max-size", "12 MB");
	stamp_add(&s, "b", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "d", ROLE_POST, &held, false, "header-match");
	same_lists("held behind what passed", &s, "c/post/pass b/post/pass a/post/reject d/post/hold");
	stamp_print(&s, &text);
	if (stamp_parse(text.data, text.length, &read, &why) < 0)
		fail_msg("%s", why.text);
	same_lists("as text", &read, "c/post/pass b/post/pass a/post/reject d/post/hold");
	l = stamp_find(&read, "d", ROLE_POST);
	same_text("reason", l->reason, "header-match: Subject: ?x??\?\?\?; max-size: 12 MB");
	same_text("by", l->by, "header-match");
	same_number("reply", l->reply, REPLY_NONE);
	bytes_free(&text);
	stamp_free(&read);
	stamp_free(&s);
}

static void
add_before(void *arg, const char *list)
{
	bytes_format(arg, "%s ", list);
}

/* What goes on with a tag is among those that pass; what is held with one says both, in the same room. */
static void
what_is_tagged(void **state)
{
	struct stamp s = { .client = mem_text("192.0.2.1") }, read;
	struct verdict tagged = { .decision = DECISION_TAG }, held = { .decision = DECISION_HOLD };
	struct verdict no = refused(REPLY_LOOP);
	struct bytes text = { 0 };
	struct complaint why;
	const struct stamped *l;

	(void)state;
	memset(s.digest, 'a', DIGEST_NAME);
	assert_true(verdict_tag(&tagged, "dkim", true) && verdict_tag(&held, "dkim", false));
	verdict_also(&held, "moderated", "so many words that they do not fit, and some more of them to be sure of that, "
	                                 "since the room is shared");
	stamp_add(&s, "a", ROLE_POST, &no, false, "loop");
	stamp_add(&s, "b", ROLE_POST, &tagged, false, "dkim");
	stamp_add(&s, "c", ROLE_POST, &held, false, "moderated");
	stamp_add(&s, "d", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "e", ROLE_POST, &tagged, false, "dkim");
	stamp_add(&s, "e", ROLE_POST, &held, false, "moderated");
	stamp_print(&s, &text);
	if (stamp_parse(text.data, text.length, &read, &why) < 0)
		fail_msg("%s", why.text);
	same_lists("as text", &read, "b/post/tag d/post/pass e/post/tag a/post/reject c/post/hold");
	same_text("tags", stamp_find(&read, "b", ROLE_POST)->tags, "dkim=unsure");
	assert_null(stamp_find(&read, "d", ROLE_POST)->tags);
	l = stamp_find(&read, "c", ROLE_POST);
	same_text("of what is held", l->tags, "dkim=fail");
	same_number("room", (long long)(strlen(l->reason) + strlen("\"tags\":\"\",") + strlen(l->tags)), 100);
	bytes_clear(&text);
	stamp_before(&read, "d", add_before, &text);
	same_text("before", bytes_text(&text), "b ");
	bytes_clear(&text);
	stamp_behind(&read, "b", add_before, &text);
	same_text("behind", bytes_text(&text), "d e ");
	bytes_free(&text);
	stamp_free(&read);
	stamp_free(&s);
}

static void
what_comes_before(void **state)
{
	static const struct {
		const char *list, *want, *behind;
	} cases[] = { { "b", "", "d e " }, { "d", "b ", "e " }, { "e", "b d ", "" }, { "a", "b d e ", "" },
		      { "x", "b d e ", "" } };
	struct stamp s = { 0 };
	struct verdict no = refused(REPLY_LOOP);

	(void)state;
	stamp_add(&s, "a", ROLE_POST, &no, true, "loop");
	stamp_add(&s, "b", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "d", ROLE_OWNER, &passed, false, NULL);
	stamp_add(&s, "d", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "e", ROLE_POST, &passed, false, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes got = { 0 };

		stamp_before(&s, cases[i].list, add_before, &got);
		same_text(cases[i].list, bytes_text(&got), cases[i].want);
		bytes_clear(&got);
		stamp_behind(&s, cases[i].list, add_before, &got);
		same_text(cases[i].list, bytes_text(&got), cases[i].behind);
		bytes_free(&got);
	}
	stamp_free(&s);
}

/* A stamp with something in every field. */
static struct stamp
full(void)
{
	struct stamp s = { .time = 1795337410827, .queue_id = mem_text("4ABC"),
		           .sender = mem_text("ann@example.com"), .client = mem_text("192.0.2.1"), .login = mem_text("jane"),
		           .port = mem_text("587"), .port_name = mem_text("submission"), .trusted = true,
		           .encrypted = true, .announced = 1234, .recipients = 3 };
	struct verdict no = refused(REPLY_TOO_MANY_TO), quiet = refused(REPLY_LOOP), later;

	later = verdict_defer(REPLY_LATER, "");
	stamp_digest("From: a\r\n", 9, s.digest);
	stamp_add(&s, "staff@lists.example.com", ROLE_POST, &passed, false, NULL);
	stamp_add(&s, "staff@lists.example.com", ROLE_OWNER, &passed, false, NULL);
	stamp_add(&s, "dev@lists.example.com", ROLE_POST, &no, false, "max-recipients");
	stamp_add(&s, "ops@lists.example.com", ROLE_POST, &quiet, true, "loop");
	stamp_add(&s, "edge@lists.example.com", ROLE_POST, &later, false, "fail");
	return s;
}

static void
written_and_read(void **state)
{
	struct stamp s = full(), again;
	struct bytes text = { 0 }, twice = { 0 };
	struct complaint why;

	(void)state;
	stamp_print(&s, &text);
	if (stamp_parse(text.data, text.length, &again, &why) < 0)
		fail_msg("%s", why.text);
	same_lists("lists", &again, "staff@lists.example.com/post/pass staff@lists.example.com/owner/pass "
	           "dev@lists.example.com/post/reject ops@lists.example.com/post/reject "
	           "edge@lists.example.com/post/defer");
	same_number("reply", again.lists[2].reply, REPLY_TOO_MANY_TO);
	same_text("by", again.lists[2].by, "max-recipients");
	assert_true(!again.lists[2].quiet && again.lists[3].quiet);
	same_number("later", again.lists[4].reply, REPLY_LATER);
	assert_true(again.time == s.time && again.trusted && again.encrypted);
	assert_true(again.announced == 1234 && again.recipients == 3);
	same_text("login", again.login, "jane");
	same_text("port", again.port, "587");
	same_text("its name", again.port_name, "submission");
	stamp_print(&again, &twice);
	same_text("the same again", twice.data, text.data);
	stamp_free(&s);
	stamp_free(&again);
	bytes_free(&text);
	bytes_free(&twice);
}

static void
what_is_no_stamp(void **state)
{
	static const char whole[] = "\"version\":1,\"time\":1,\"digest\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"client\":\"x\"";
	static const struct {
		const char *more, *want;
	} cases[] = {
		{ "\"lists\":{}", "not whole" },
		{ "\"lists\":[1]", "is none" },
		{ "\"lists\":[{}]", "is none" },
		{ "\"lists\":[{\"list\":\"a\",\"role\":\"king\"}]", "is none" },
		{ "\"lists\":[{\"list\":\"a\",\"role\":1}]", "is none" },
		{ "\"lists\":[{\"list\":\"a\"},{\"list\":\"b\",\"verdict\":\"yes\"}]", "is none" },
		{ "\"lists\":[{\"list\":\"a\",\"verdict\":true}]", "is none" },
		{ "\"lists\":[]", NULL },
		{ "\"lists\":[{\"list\":\"a\",\"verdict\":\"reject\",\"reply\":\"of the future\"}]", NULL },
	};
	static const char *const others[] = { "", "{}", "{\"version\":2}", "{\"version\":1}", "[1]", "{\"version\":1,", "x" };
	struct complaint why;
	struct stamp s;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(stamp_parse(others[i], strlen(others[i]), &s, &why), -1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = mem_format("{%s,%s}", whole, cases[i].more);
		int rc = stamp_parse(text, strlen(text), &s, &why);

		same_number(cases[i].more, rc, cases[i].want == NULL ? 0 : -1);
		if (rc < 0 && strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: got \"%s\"", cases[i].more, why.text);
		if (s.count > 0)
			same_number("a reply that is not known", s.lists[0].reply, REPLY_UNCHECKED);
		stamp_free(&s);
		free(text);
	}
}

static void
digests(void **state)
{
	static const struct {
		const char *what, *header;
		bool same;
	} cases[] = {
		{ "folds and order", "Subject: a\r\n  b\r\nX: y\r\nfrom:\tann@example.com \r\nDate: now\r\n"
		                     "Message-ID: <1>\r\n", true },
		{ "another subject", "From: ann@example.com\r\nDate: now\r\nMessage-ID: <1>\r\nSubject: a  c\r\n", false },
		{ "another sender", "From: bob@example.com\r\nDate: now\r\nMessage-ID: <1>\r\nSubject: a  b\r\n", false },
		{ "one more", "From: ann@example.com\r\nFrom: x\r\nDate: now\r\nMessage-ID: <1>\r\nSubject: a  b\r\n", false },
		{ "one less", "From: ann@example.com\r\nDate: now\r\nSubject: a  b\r\n", false },
	};
	static const char header[] = "From: ann@example.com\r\nDate: now\r\nMessage-ID: <1>\r\nSubject: a  b\r\n";
	char want[DIGEST_NAME + 1], got[DIGEST_NAME + 1];

	(void)state;
	stamp_digest(header, strlen(header), want);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		stamp_digest(cases[i].header, strlen(cases[i].header), got);
		same_number(cases[i].what, strcmp(got, want) == 0, cases[i].same);
	}
}

static void
fields(void **state)
{
	static const char *const bad[] = { "X:\r\n", "X: 1\r\n", "X: a\r\n", "X: ab=\r\n", "X: (a)my\r\n", "X: \xff\xff\r\n" };
	struct bytes sealed = { 0 }, value = { 0 }, again = { 0 };
	struct field f;
	size_t at;

	(void)state;
	for (size_t n = 1; n < 600; n += 7) {
		char *line;
		size_t longest = 0, here = 0;

		bytes_add_char(&sealed, (char)(n * 37));
		bytes_clear(&value);
		stamp_fold(&sealed, &value);
		for (const char *c = value.data; *c != '\0'; c++) {
			here = *c == '\n' ? 0 : here + 1;
			longest = here > longest ? here : longest;
		}
		assert_true(longest <= 71);
		line = mem_format("Rollcall-Stamp: %s\r\n", value.data);
		at = 0;
		assert_true(header_next(line, strlen(line), &at, &f));
		bytes_clear(&again);
		assert_true(stamp_unfold(&f, &again));
		assert_int_equal(again.length, sealed.length);
		assert_memory_equal(again.data, sealed.data, sealed.length);
		free(line);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		at = 0;
		assert_true(header_next(bad[i], strlen(bad[i]), &at, &f));
		if (stamp_unfold(&f, &again))
			fail_msg("%s was read", bad[i]);
	}
	bytes_free(&sealed);
	bytes_free(&value);
	bytes_free(&again);
}

static void
whose_it_is(void **state)
{
	enum { AGE = 1000 };
	struct stamp s = full(), bounce = full();
	const int64_t time = s.time;
	const struct {
		const char *what;
		struct stamp_message m;
		enum stamp_state want;
	} cases[] = {
		{ "all agree", { time, AGE, s.sender, { "4ABC", "" }, s.digest, false }, STAMP_VALID },
		{ "by XFORWARD", { time, AGE, s.sender, { "X", "4ABC" }, s.digest, false }, STAMP_VALID },
		{ "another sender", { time, AGE, "x", { "4ABC", "" }, s.digest, false }, STAMP_VALID },
		{ "another header", { time, AGE, s.sender, { "4ABC", "" }, "x", false }, STAMP_VALID },
		{ "another of both", { time, AGE, NULL, { "4ABC", "" }, "x", false }, STAMP_OTHER },
		{ "another id", { time, AGE, s.sender, { "4ABD", "" }, s.digest, false }, STAMP_OTHER },
		{ "no id", { time, AGE, s.sender, { "", NULL }, s.digest, false }, STAMP_OTHER },
		{ "as old as it may be", { time + AGE, AGE, s.sender, { "4ABC", "" }, "x", false }, STAMP_VALID },
		{ "older", { time + AGE + 1, AGE, s.sender, { "4ABC", "" }, "x", false }, STAMP_OLD },
		{ "of a clock ahead", { time - AGE, AGE, s.sender, { "4ABC", "" }, "x", false }, STAMP_VALID },
		{ "put into a queue again", { time, AGE, "x", { "Y", "" }, s.digest, true }, STAMP_VALID },
		{ "not that one", { time, AGE, s.sender, { "4ABC", "" }, "x", true }, STAMP_OTHER },
		{ "old", { time + AGE + 1, AGE, "x", { "Y", "" }, s.digest, true }, STAMP_OLD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].what, stamp_check(&s, &cases[i].m), cases[i].want);
	mem_drop(&bounce.sender);
	same_number("a null sender", stamp_check(&bounce, &cases[4].m), STAMP_VALID);
	mem_drop(&s.queue_id);
	same_number("an MTA that says no id", stamp_check(&s, &cases[0].m), STAMP_OTHER);
	same_text("by login", stamp_proof(&bounce), "login");
	mem_drop(&bounce.login);
	same_text("by network", stamp_proof(&bounce), "networks");
	bounce.trusted = false;
	assert_null(stamp_proof(&bounce));
	for (enum stamp_state i = STAMP_NONE; i < STAMP_STATES; i++)
		assert_non_null(stamp_state_word(i));
	stamp_free(&s);
	stamp_free(&bounce);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_in_order),
		cmocka_unit_test(what_is_held), cmocka_unit_test(what_is_tagged), cmocka_unit_test(what_comes_before),
		cmocka_unit_test(written_and_read), cmocka_unit_test(what_is_no_stamp),
		cmocka_unit_test(digests),        cmocka_unit_test(fields),
		cmocka_unit_test(whose_it_is),
	};

	return RUN(tests);
}
