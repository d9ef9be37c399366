/* Changes of posts: each step on its own and in series, what they must not do, and mistakes in them. */
#include "tests/unit/site_text.h"

#include "base/pattern.h"
#include "expander/modify.h"

#include <sys/stat.h>

static char *dir;

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void
replacements(void **state)
{
	static const struct {
		const char *pattern, *with, *text, *want;
	} cases[] = {
		{ "b", "x", "abcb", "axcx" },
		{ "B", "", "abcb", "ac" },
		{ "(a)(x)?(b)", "$3$2$1$$$0", "zabz", "zba$abz" },
		{ "q", "x", "abc", NULL },
		{ "^", "x", "abc", "xabc" },
		{ "$", "x", "abc", "abcx" },
		{ "q*", "-", "\xc3\xa4", "-\xc3\xa4-" },
		{ "(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "$10$1", "0123456789", "90" },
		{ "\xc3\x84", "A", "\xc3\xa4", "A" },
		{ "a\\Kb", "x", "abab", "axax" },
		{ "b", "x", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct complaint why;
		struct pattern *p = pattern_open(cases[i].pattern, &why);
		struct bytes got = { 0 };
		enum matched m;

		assert_int_equal(pattern_check_replacement(p, cases[i].with, &why), 0);
		m = pattern_replace(p, cases[i].text, strlen(cases[i].text), cases[i].with, &got);
		same_number(cases[i].pattern, m, cases[i].want == NULL ? MATCHED_NO : MATCHED_YES);
		same_text(cases[i].pattern, m == MATCHED_YES ? bytes_text(&got) : NULL, cases[i].want);
		assert_true(m == MATCHED_YES || got.length == 0);
		bytes_free(&got);
		pattern_close(&p);
	}
}

/* What has no end, or too much in it, is unsure. */
static void
limits_of_replacements(void **state)
{
	struct complaint why;
	struct pattern *p = pattern_open("(a+)+$", &why), *each = pattern_open("a", &why);
	char many[102], *twenty_k = mem_new(20001);
	struct bytes got = { 0 };

	(void)state;
	memset(many, 'a', 101);
	memset(twenty_k, 'x', 20000);
	twenty_k[19996] = twenty_k[19997] = twenty_k[19998] = twenty_k[19999] = 'a';
	assert_int_equal(pattern_replace(p, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 39, "", &got), MATCHED_UNSURE);
	assert_int_equal(pattern_replace(each, many, 101, "b", &got), MATCHED_UNSURE);
	assert_int_equal(got.length, 0);
	assert_int_equal(pattern_replace(each, many, 100, "b", &got), MATCHED_YES);
	bytes_clear(&got);
	assert_int_equal(pattern_replace(each, twenty_k, 20000, twenty_k, &got), MATCHED_UNSURE);
	assert_int_equal(got.length, 0);
	bytes_free(&got);
	free(twenty_k);
	pattern_close(&p);
	pattern_close(&each);
}

/* ---- a header ---- */

static struct site *
load(const char *steps)
{
	return site_of(dir, mem_format("state: %s\nsources: { s: { kind: fail } }\n"
	                               "destinations: { l.x: { sources: s, modify: [ %s ] } }\n", dir, steps));
}

static bool as_utf8;                      /* the message came so */

static int
modify(const char *steps, const char *ours, const char *header, struct envelope *e, struct complaint *why)
{
	struct site *s = load(steps);
	struct list *l = list_new(mem_text("staff@l.x"), NULL, mem_text("k"), NULL);
	const struct target t = { .destination = &s->destinations[0], .list = l, .role = ROLE_POST };
	enum composed composed;

	*e = (struct envelope){ .inject_add = mem_text(ours), .sender = mem_text("ann@x"), .utf8 = as_utf8 };
	text_list_add(&e->inject_remove, "Precedence", 10);
	composed = modify_heading(e, &t, header, strlen(header), deadline_in(10000), why);
	list_drop(&l);
	site_drop(&s);
	return composed == COMPOSED ? 0 : -1;
}

#define OURS "Received: by us\r\nList-Id: <l>\r\nSubject: [l] our\r\n one\r\n"

static void
steps(void **state)
{
	static const struct {
		const char *steps, *ours, *header, *add, *remove;
	} cases[] = {
		{ "", OURS, "Subject: x\r\n", OURS, "Precedence" },
		{ "remove: { fields: [ X-A, x-b ] }", "X-B: 1\r\n y\r\nX-C: 2\r\n", "X-A: 1\r\n", "X-C: 2\r\n",
		  "Precedence X-A x-b" },
		{ "remove: { fields: X-A }", "X-A: 1\r\n", "", "", "Precedence X-A" },
		{ "add: { field: \"X-L: of {local}\" }", OURS, "", OURS "X-L: of staff\r\n", "Precedence" },
		{ "rewrite: { fields: Subject, match: \"\\\\[ext\\\\] *\", with: \"\" }", "",
		  "Subject: Re: [EXT] [ext]\r\n the  end\r\n", "Subject: Re: the  end\r\n", "Precedence Subject" },
		{ "rewrite: { fields: Subject, match: nothing, with: \"\" }", "", "Subject: a\r\n  b\r\n", "",
		  "Precedence" },
		/* Ours are as good as the message's; all of a name go together, as they were spelled. */
		{ "rewrite: { fields: Subject, match: our, with: their }", OURS, "", "Received: by us\r\nList-Id: <l>\r\n"
		  "Subject: [l] their one\r\n", "Precedence Subject" },
		{ "rewrite: { fields: x-a, match: b, with: B }", "", "X-A: a\r\nX-B: b\r\nX-a: b\r\n  c\r\nX-A: \xff" "b\r\n",
		  "X-A: a\r\nX-a: B  c\r\nX-A: \xff" "b\r\n", "Precedence x-a" },
		/* What is left out is gone already, and a value of which nothing is left takes its field along. */
		{ "rewrite: { fields: Precedence, match: b, with: x }", "", "Precedence: b\r\n", "", "Precedence" },
		{ "rewrite: { fields: X-A, match: \".*\", with: \"\" }", "", "X-A: b\r\nX-A: c\r\n", "", "Precedence X-A" },
		/* One after the other. */
		{ "rewrite: { fields: X-A, match: a, with: b }, rewrite: { fields: X-A, match: b, with: c }, "
		  "add: { field: \"X-A: b\" }, rewrite: { fields: X-A, match: b, with: d }", "", "X-A: a\r\n",
		  "X-A: c\r\nX-A: d\r\n", "Precedence X-A" },
		{ "add: { field: \"X-A: b\" }, remove: { fields: X-A }", "", "", "", "Precedence X-A" },
		/* A tag, once; behind that of the list, where there is one already. */
		{ "subject-tag: { tag: \"[ext] {local}:\" }", "", "Subject: Re: a\r\n", "Subject: [ext] staff: Re: a\r\n",
		  "Precedence Subject" },
		{ "subject-tag: { tag: \"[ext]\" }", OURS, "Subject: x\r\n", "Received: by us\r\nList-Id: <l>\r\n"
		  "Subject: [ext] [l] our\r\n one\r\n", "Precedence Subject" },
		{ "subject-tag: { tag: \"[ext]\" }", "", "Subject: Re: [EXT] a\r\n", "", "Precedence" },
		{ "remove: { fields: Subject }, add: { field: \"X: y\" }, subject-tag: { tag: \"[ext]\" }", "Subject: [l]\r\n",
		  "Subject: x\r\n", "X: y\r\nSubject: [ext]\r\n", "Precedence Subject" },
		/* Where answers go: the poster is whoever wrote, whatever else stands there by now. */
		{ "reply-to: { to: \"poster list\" }", "Reply-To: <staff@l.x>\r\nX: y\r\n", "From: ann@x\r\n",
		  "X: y\r\nReply-To: ann@x,\r\n <staff@l.x>\r\n", "Precedence Reply-To" },
		{ "reply-to: { to: poster }", "X: y\r\n", "From: \xff\r\n", "X: y\r\n", "Precedence" },
		/* Folded again where it is long. */
		{ "rewrite: { fields: X-A, match: \"^\", with: \"0123456789 123456789 123456789 123456789 123456789 "
		  "123456789 123456789 123456789 \" }", "", "X-A: a\r\n",
		  "X-A: 0123456789 123456789 123456789 123456789 123456789 123456789 123456789\r\n"
		  " 123456789 a\r\n", "Precedence X-A" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *list = cases[i].steps[0] == '\0' ? mem_text("") : mem_format("{ %s }", cases[i].steps);
		struct envelope e;
		struct complaint why = { "" };
		struct bytes removed = { 0 };
		char *at = list;

		/* Each step is a block of its own. */
		while ((at = strstr(at, " }, ")) != NULL)
			memcpy(at, "}},{", 4);
		same_number(cases[i].steps, modify(list, cases[i].ours, cases[i].header, &e, &why), 0);
		for (size_t n = 0; n < e.inject_remove.count; n++)
			bytes_format(&removed, "%s%s", n == 0 ? "" : " ", e.inject_remove.items[n]);
		same_text(cases[i].steps, e.inject_add, cases[i].add);
		same_text(cases[i].steps, bytes_text(&removed), cases[i].remove);
		bytes_free(&removed);
		envelope_free(&e);
		free(list);
	}
}

static void
what_cannot_be_done(void **state)
{
	struct bytes many = { 0 }, word = { 0 };
	struct envelope e;
	struct complaint why;

	(void)state;
	assert_int_equal(modify("rewrite: { fields: X-A, match: \"^(a+)+$\", with: b }", "",
	                        "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\n", &e, &why), -1);
	same_text("steps", why.text, "the expression has too much to do with X-A");
	envelope_free(&e);
	for (int i = 0; i < 101; i++)
		bytes_add_text(&many, "X-A: b\r\n");
	assert_int_equal(modify("rewrite: { fields: X-A, match: a, with: b }", "", bytes_text(&many), &e, &why), -1);
	same_text("fields", why.text, "there are more than 100 fields X-A");
	envelope_free(&e);
	bytes_format(&word, "X-A: %0990d\r\n", 1);
	assert_int_equal(modify("rewrite: { fields: X-A, match: 1, with: abcdefgh }", "", bytes_text(&word), &e,
	                        &why), -1);
	same_text("line", why.text, "a line of X-A would become too long");
	envelope_free(&e);
	bytes_free(&many);
	bytes_free(&word);
}

/* ---- a program ---- */

/* What a program makes of a header. The text is a shell's. */
static int
revise_by(const char *text, const char *header, bool utf8, struct envelope *e, struct complaint *why)
{
	char *path = mem_format("%s/program", dir), *step = mem_format("{ program: { path: %s, output: 1k } }", path);
	char *script = mem_format("#!/bin/sh\n%s\n", text);
	int rc;

	write_file(path, script);
	assert_int_equal(chmod(path, 0755), 0);
	as_utf8 = utf8;
	rc = modify(step, OURS, header, e, why);
	as_utf8 = false;
	free(script);
	free(step);
	free(path);
	return rc;
}

/* What is printed as it was stays where it is; all of another name move. */
static void
programs(void **state)
{
#define HEADER "From: ann@x\r\nX-A: 1\r\nDate: today\r\nX-A: 2\r\n\tb\r\nPrecedence: bulk\r\nX-B: 1\r\n"
	static const struct {
		const char *text, *add, *remove;
		bool utf8;
	} cases[] = {
		{ "cat", OURS, "Precedence", false },
		{ "sed 's/$/\r/'; printf '\r\n'", OURS, "Precedence", false },
		{ "sed 's/^X-A: 1/x-a: 3/; /^X-B/d'; echo 'X-C: new'; echo '  line'",
		  OURS "x-a: 3\r\nX-A: 2\r\n\tb\r\nX-C: new\r\n  line\r\n", "Precedence x-a X-C X-B", false },
		{ "sed 's/our/their/'", "Received: by us\r\nList-Id: <l>\r\nSubject: [l] their\r\n one\r\n",
		  "Precedence Subject", false },
		/* Received is folded anew, which changes nothing. */
		{ "sed 's/Received: by/Received:\\n by /'", OURS, "Precedence", false },
		{ "cat; echo 'X-C: \xc3\xa4'", OURS "X-C: \xc3\xa4\r\n", "Precedence X-C", true },
		{ "cat; echo \"X-C: $ROLLCALL_QUESTION $ROLLCALL_ADDRESS $ROLLCALL_SENDER\"",
		  OURS "X-C: header staff@l.x ann@x\r\n", "Precedence X-C", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct envelope e;
		struct complaint why = { "" };
		struct bytes removed = { 0 };

		same_number(cases[i].text, revise_by(cases[i].text, HEADER, cases[i].utf8, &e, &why), 0);
		for (size_t n = 0; n < e.inject_remove.count; n++)
			bytes_format(&removed, "%s%s", n == 0 ? "" : " ", e.inject_remove.items[n]);
		same_text(cases[i].text, e.inject_add, cases[i].add);
		same_text(cases[i].text, bytes_text(&removed), cases[i].remove);
		bytes_free(&removed);
		envelope_free(&e);
	}
}

static void
programs_that_fail(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "cat; exit 1", "it ended with status 1" },
		{ "cat; echo why >&2; exit 75", "it ended with status 75: why" },
		{ "cat; kill -SEGV $$", "it was ended by signal 11" },
		{ "cat; yes", "it prints more than it may" },
		{ "", "it prints nothing" },
		{ "cat; printf 'X-C: a'", "its output ends within a line" },
		{ "cat; echo; echo body", "line 9 of what it prints is no field" },
		{ "cat; echo nothing", "line 9 of what it prints is no field" },
		{ "grep -v ^From", "a message without From is none" },
		{ "cat; echo 'From: b@x'", "From stands in a message once" },
		{ "cat; echo 'Reply-To: b@x'; echo 'Reply-To: c@x'", "Reply-To stands in a message once" },
		{ "grep -v ^Received", "it changes Received, which is not changed in this way" },
		{ "sed s/.l./m/", "it changes List-Id, which is not changed in this way" },
		{ "cat; echo 'Content-Type: text/html'", "it changes Content-Type, which is not changed in this way" },
		{ "cat; echo 'Rollcall-Stamp: x'", "it changes Rollcall-Stamp, which is not changed in this way" },
		{ "cat; echo 'X-C: \xc3\xa4'", "it prints X-C with letters that are not ASCII" },
		{ "cat; echo 'X-C: \xff'", "it prints a field X-C that is empty or no text" },
		{ "cat; printf 'X-C: a\rb\n'", "it prints a CR that ends no line" },
		{ "cat; echo X-C:", "it prints a field X-C that is empty or no text" },
		{ "cat; printf 'X-C: %0995d\n' 1", "it prints more than it may" },
		{ "sed -n 1p; printf 'X-C: %0994d\n' 1", "it prints a line of X-C of more than 998 octets" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct envelope e;
		struct complaint why = { "" };
		const char *begin = mem_format("%s/program: ", dir);

		same_number(cases[i].text, revise_by(cases[i].text, HEADER, false, &e, &why), -1);
		assert_memory_equal(why.text, begin, strlen(begin));
		same_text(cases[i].text, why.text + strlen(begin), cases[i].want);
		/* And nothing of it was done. */
		same_text(cases[i].text, e.inject_add, OURS);
		assert_int_equal(e.inject_remove.count, 1);
		envelope_free(&e);
		free((char *)begin);
	}
}

static void
mistakes(void **state)
{
	static const struct {
		const char *modify, *want;
	} cases[] = {
		{ "remove", "modify takes a list, one \"- name: { settings }\" a line" },
		{ "[ remove ]", "a step is written \"- name: { settings }\"" },
		{ "[ remvoe: { fields: A } ]", "there is no step \"remvoe\"; did you mean \"remove\"?" },
		{ "[ remove: { } ]", "\"fields\" is missing here" },
		{ "[ remove: { fields: from } ]", "fields: a message without from is none" },
		{ "[ remove: { fields: [ X, received ] } ]", "fields: received is not changed in this way" },
		{ "[ remove: { fields: content-Type } ]", "fields: content-Type is not changed in this way" },
		{ "[ remove: { fields: \"a b\" } ]", "fields: \"a b\" is no name of a field" },
		{ "[ add: { field: \"X-A\" } ]", "field: \"X-A\" is not written \"Name: value\"" },
		{ "[ add: { field: \"X-A: \" } ]", "field: \"X-A: \" is not written \"Name: value\"" },
		{ "[ add: { field: \"subject: x\" } ]", "field: subject stands in a message once" },
		{ "[ add: { field: \"List-Id: x\" } ]", "field: List-Id is not changed in this way" },
		{ "[ add: { field: \"X-A: \\u00e4\" } ]", "field: only printable ASCII can stand there" },
		{ "[ add: { field: \"X-A: a\\r\\nBcc: b\" } ]", "field: only printable ASCII can stand there" },
		{ "[ rewrite: { fields: A, match: \"(\", with: x } ]",
		  "match: \"(\" is no regular expression: missing closing parenthesis at its character 2" },
		{ "[ rewrite: { fields: A, match: \"(x)\", with: $2 } ]", "with: $2: the expression has 1 group" },
		{ "[ rewrite: { fields: A, match: x, with: $a } ]",
		  "with: behind a dollar stands a number, or another dollar" },
		{ "[ alias: { fields: Received } ]", "fields: Received is not changed in this way" },
		{ "[ alias: { fields: From, source: t } ]", "there is no source \"t\"; did you mean \"s\"?" },
		{ "[ alias: { fields: From, of: alias } ]",
		  "of: \"alias\" is not one of people, aliases; did you mean \"aliases\"?" },
		{ "[ subject-tag: { tag: none } ]", "tag: none is what a list without this step has" },
		{ "[ subject-tag: { tag: \"a\\nb\" } ]", "tag: neither control characters nor =? can stand there" },
		{ "[ reply-to: { to: none } ]", "to: none is what a list without this step has" },
		{ "[ reply-to: { to: psoter } ]",
		  "to: \"psoter\" is not one of none, poster, list, an address; did you mean \"poster\"?" },
		{ "[ program: { path: no/such } ]", "path: \"no/such\" is no absolute path" },
		{ "[ program: { path: /no/such } ]", "path: cannot look at /no/: No such file or directory" },
		{ "[ program: { path: /etc/passwd } ]", "path: /etc/passwd is no executable" },
		{ "[ rewrite: { fields: MIME-Version, match: x, with: y } ]",
		  "fields: MIME-Version is not changed in this way" },
		{ "[ rewrite: { fields: A, match: x, with: \"a\\nb\" } ]",
		  "with: only printable ASCII can stand there" },
	};
	static const char *const places[] = {
		"modify: %s", "lists: { a: { modify: %s } }", "senders: { in: { check: [ ], modify: %s } }" };
	const struct site_part none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * COUNT(places); i++) {
		const char *want = cases[i / COUNT(places)].want, *place = places[i % COUNT(places)];
		const char *hole = strstr(place, "%s");
		char *text = mem_format("state: /tmp\nsenders: { in: { ports: 25 } }\nsources: { s: { kind: fail } }\n"
		                        "destinations: { l.x: { sources: s, %.*s%s%s } }\n", (int)(hole - place), place,
		                        cases[i / COUNT(places)].modify, hole + 2);
		char *path = write_config(dir, text), *at;
		struct complaint why = { "" };

		assert_null(site_load(path, true, &none, &why));
		assert_true(strncmp(why.text + strlen(path), ":4:", 3) == 0);
		at = strstr(why.text + strlen(path) + 3, ": ");
		same_text(text, at + 2, want);
		free(path);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replacements), cmocka_unit_test(limits_of_replacements), cmocka_unit_test(steps),
		cmocka_unit_test(what_cannot_be_done), cmocka_unit_test(programs),
		cmocka_unit_test(programs_that_fail), cmocka_unit_test(mistakes),
	};

	dir = begin_in_dir();
	return end_in_dir(dir, RUN(tests));
}
