/*
 * Sources that need no server: file, fail, and the cache around any. The ldap source has its own
 * run of the contract.
 */
#include "tests/unit/source_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/monitor.h"

#include <pthread.h>
#include <sys/stat.h>
#include <utime.h>

static void
file_keeps_the_contract(void **state)
{
	struct source *s = source_from_text("  kind: file\n  path: tests/fixtures/contract.json\n");

	(void)state;
	source_contract("file", s, 0);
	source_close(&s);
}

static void
file_without_memory_keeps_the_contract(void **state)
{
	struct source *s = source_from_text("  kind: file\n  path: tests/fixtures/contract.json\n"
	                                    "  cache: { yes: 0s, no: 0s, stale: 0s }\n");

	(void)state;
	source_contract("file, no cache", s, 0);
	source_close(&s);
}

/* Puts a file in place of the other, as an editor does it. */
static void
replace_file(const char *path, const char *text)
{
	char *new = mem_format("%s.new", path);

	write_file(new, text);
	assert_int_equal(rename(new, path), 0);
	free(new);
}

static void
a_file_is_read_again_when_it_changes(void **state)
{
	static const char one[] = "{\"lists\":[{\"address\":\"a@l.x\",\"members\":[\"x@y\"]}]}";
	static const char two[] = "{\"lists\":[{\"address\":\"b@l.x\",\"members\":[\"x@y\"]}]}";
	char *dir = make_temp_dir(), *path = mem_format("%s/lists.json", dir);
	char *yaml = mem_format("  kind: file\n  path: %s\n  cache: { yes: 0s, no: 0s }\n", path);
	struct source *s = source_from_text(yaml);
	struct complaint why;

	(void)state;
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "No such file"));
	replace_file(path, one);
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_YES);
	replace_file(path, two);
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_NO);
	assert_int_equal(ask_source(s, "b@l.x", &why), FOUND_YES);
	replace_file(path, "{\"lists\":[{\"address\":\"b@l.x\",");
	assert_int_equal(ask_source(s, "b@l.x", &why), FOUND_UNSURE);
	assert_int_equal(ask_source(s, "c@l.x", &why), FOUND_UNSURE);
	replace_file(path, one);
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_YES);
	source_close(&s);
	free(path);
	free(yaml);
	remove_temp_dir(dir);
}

static void
files_that_are_wrong(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "[]", "there is no list \"lists\"" },
		{ "{}", "there is no list \"lists\"" },
		{ "{\"lists\":[3]}", "lists[0]: is no object" },
		{ "{\"lists\":[{}]}", "lists[0]: \"address\" is no text" },
		{ "{\"lists\":[{\"address\":\"a\"}]}",
		  "lists[0]: \"address\": \"a\" is no mailbox address" },
		{ "{\"lists\":[{\"address\":\"a@x\",\"member\":[]}]}",
		  "lists[0]: there is no key \"member\" here" },
		{ "{\"lists\":[{\"address\":\"a@x\",\"members\":\"b@x\"}]}",
		  "lists[0]: \"members\" is no list" },
		{ "{\"lists\":[{\"address\":\"a@x\",\"members\":[\"b@x\",3]}]}",
		  "lists[0]: members[1] is no text" },
		{ "{\"lists\":[{\"address\":\"a@x\"},{\"address\":\"A@X\"}]}",
		  "lists[1]: two lists have the address a@x" },
		{ "{\"lists\":[{\"address\":\"a@x\",\"alternates\":[\"b\"]}]}",
		  "lists[0]: \"b\" is no mailbox address" },
		{ "{\"lists\":[{\"address\":\"a@x\",\"errors\":\"nobody\"}]}",
		  "lists[0]: \"errors\": \"nobody\" is no mailbox address" },
		{ "nothing", "line 1, column 7: '[' or '{' expected near 'nothing'" },
	};
	char *dir = make_temp_dir(), *path = mem_format("%s/lists.json", dir);
	char *yaml = mem_format("  kind: file\n  path: %s\n", path);
	struct source *s = source_from_text(yaml);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why;
		char *want = mem_format("%s: %s", path, cases[i].want);

		replace_file(path, cases[i].text);
		assert_int_equal(ask_source(s, "a@x", &why), FOUND_UNSURE);
		same_text(cases[i].text, why.text, want);
		free(want);
	}
	source_close(&s);
	free(path);
	free(yaml);
	remove_temp_dir(dir);
}

static bool
count_members(void *arg, const struct member *m)
{
	(void)m;
	++*(size_t *)arg;
	return true;
}

static void
members_that_are_no_mailboxes(void **state)
{
	char *dir = make_temp_dir(), *path = mem_format("%s/lists.json", dir);
	char *yaml = mem_format("  kind: file\n  path: %s\n", path);
	struct source *s = source_from_text(yaml);
	struct walk_report report;
	struct complaint why;
	const char *address = "a@l.x";
	struct list *l = NULL;
	size_t which, count = 0;

	(void)state;
	replace_file(path, "{\"lists\":[{\"address\":\"a@l.x\",\"members\":[\"x@y\",\"|/bin/sh\",\"/etc/x\","
	                   "\":include:/x\",\"nobody\"]}]}");
	assert_int_equal(source_find_list(s, &address, 1, deadline_in(5000), &l, &which, &why), FOUND_YES);
	assert_int_equal(source_each_member(s, l, PEOPLE_MEMBERS, deadline_in(5000), count_members, &count,
	                                    &report, &why), FOUND_YES);
	assert_int_equal(count, 1);
	assert_int_equal(report.refused, 4);
	list_drop(&l);
	source_close(&s);
	free(path);
	free(yaml);
	remove_temp_dir(dir);
}

static void
lists_within_lists_have_an_end(void **state)
{
	char *dir = make_temp_dir(), *path = mem_format("%s/lists.json", dir);
	char *yaml = mem_format("  kind: file\n  path: %s\n", path);
	struct source *s = source_from_text(yaml);
	struct bytes text = { 0 };
	struct walk_report report;
	struct complaint why;
	const char *address = "a0@l.x";
	struct list *l = NULL;
	size_t which, count = 0;

	(void)state;
	bytes_add_text(&text, "{\"lists\":[");
	for (int i = 0; i < 1000; i++)
		bytes_format(&text, "{\"address\":\"a%d@l.x\",\"members\":[\"a%d@l.x\"]},", i, i + 1);
	bytes_add_text(&text, "{\"address\":\"a1000@l.x\",\"members\":[\"x@y\"]}]}");
	replace_file(path, text.data);
	assert_int_equal(source_find_list(s, &address, 1, deadline_in(5000), &l, &which, &why), FOUND_YES);
	assert_int_equal(source_each_member(s, l, PEOPLE_MEMBERS, deadline_in(5000), count_members, &count,
	                                    &report, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "more than 500 deep"));
	list_drop(&l);
	source_close(&s);
	bytes_free(&text);
	free(path);
	free(yaml);
	remove_temp_dir(dir);
}

static void
fail_answers_as_told(void **state)
{
	struct source *s = source_from_text("  kind: fail\n  reason: no directory\n");
	struct complaint why;

	(void)state;
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_UNSURE);
	same_text("reason", why.text, "corp: no directory");
	source_close(&s);
	s = source_from_text("  kind: fail\n  answer: no\n");
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_NO);
	source_close(&s);
	s = source_from_text("  kind: fail\n  answer: yes\n  members: [ ann@x.org, wrong, bob@x.org ]\n");
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_YES);
	source_close(&s);
}

static void
a_source_that_cannot_be_opened_is_unsure(void **state)
{
	static const char text[] = "corp:\n  kind: ldap\n  uri: ldap://127.0.0.1:1\n  base: dc=x\n  bind: simple\n"
	                           "  bind-dn: cn=x\n  password-file: /nonexistent/password\n";
	struct complaint why;
	struct node *root = config_parse("test", text, sizeof(text) - 1, &why);
	struct source *s;

	(void)state;
	assert_null(source_from_config(root->children[0], true, NULL, &why));
	same_text("strict", why.text, "there is no file /nonexistent/password");
	s = source_from_config(root->children[0], false, NULL, &why);
	assert_non_null(s);
	assert_int_equal(ask_source(s, "a@l.x", &why), FOUND_UNSURE);
	same_text("stand-in", why.text, "corp: there is no file /nonexistent/password");
	source_close(&s);
	config_free(&root);
}

/* ---- the cache, around a source that counts and waits ---- */

struct counting {
	struct source source;
	struct monitor monitor;
	size_t finds;
	bool hold;                        /* do not answer yet */
	enum found answer;
	const char *exists;               /* the only list there is; NULL: all are */
};

static enum found
count_find(struct source *s, const char *const *addresses, size_t count, struct deadline by,
           struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct counting *c = (struct counting *)s;
	enum found found;

	monitor_enter(&c->monitor);
	c->finds++;
	while (c->hold && monitor_wait_until(&c->monitor, by))
		;
	found = c->hold ? FOUND_UNSURE : c->answer;
	monitor_leave(&c->monitor);
	(void)complain(why, "told to");
	if (found == FOUND_YES) {
		for (size_t i = 0; i < count; i++)
			if (c->exists == NULL || strcmp(addresses[i], c->exists) == 0) {
				*which_r = i;
				*list_r = list_new(mem_text(addresses[i]), NULL, mem_text("k"), NULL);
				return FOUND_YES;
			}
		return FOUND_NO;
	}
	return found;
}

static enum found
count_each(struct source *s, const struct list *list, enum people whom, struct deadline by,
           member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	(void)s, (void)list, (void)whom, (void)by, (void)fn, (void)arg, (void)report;
	(void)complain(why, "gone");
	return FOUND_NO;
}

static void
count_close(struct source *s)
{
	(void)s;                          /* on the stack of the test */
}

static const struct source_ops counting_ops = { .kind = "counting", .find_list = count_find,
	                                        .each_member = count_each, .close = count_close };

static struct source *
wrap(struct counting *c, const struct cache_config *config)
{
	*c = (struct counting){ .source = { &counting_ops, mem_text("corp") }, .answer = FOUND_YES,
		                .exists = "staff@l.x" };
	monitor_init(&c->monitor);
	return cache_wrap(&c->source, config);
}

static const struct cache_config config = { .yes = 60000, .no = 10000, .stale = 3600000,
	                                    .entries = 16, .workers = 4, .patience = 3000 };

static void
what_is_known_is_not_asked_again(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
		assert_int_equal(ask_source(s, "stuff@l.x", &why), FOUND_NO);
	}
	assert_int_equal(c.finds, 2);
	clock_shift(11000);               /* "no" is forgotten sooner */
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
	assert_int_equal(c.finds, 2);
	assert_int_equal(ask_source(s, "stuff@l.x", &why), FOUND_NO);
	assert_int_equal(c.finds, 3);
	clock_shift(50000);
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
	assert_int_equal(c.finds, 4);
	clock_shift(-61000);
	source_close(&s);
}

static void
several_readings_share_what_is_known(void **state)
{
	static const char *const owner[] = { "staff-owner@l.x", "staff@l.x" };
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;
	struct list *l = NULL;
	size_t which = 9;

	(void)state;
	assert_int_equal(source_find_list(s, owner, 2, deadline_in(5000), &l, &which, &why), FOUND_YES);
	assert_int_equal(which, 1);
	list_drop(&l);
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);         /* learnt on the way */
	assert_int_equal(ask_source(s, "staff-owner@l.x", &why), FOUND_NO);
	assert_int_equal(c.finds, 1);
	source_close(&s);
}

static void
unsure_is_never_remembered(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;

	(void)state;
	c.answer = FOUND_UNSURE;
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_UNSURE);
	same_text("why", why.text, "told to");
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_UNSURE);
	assert_int_equal(c.finds, 2);
	c.answer = FOUND_YES;
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
	source_close(&s);
}

static void
a_stale_yes_is_for_existence_only(void **state)
{
	static const char *const staff = "staff@l.x";
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;
	struct list *l = NULL;
	size_t which;

	(void)state;
	assert_int_equal(ask_source(s, staff, &why), FOUND_YES);
	clock_shift(120000);
	c.answer = FOUND_UNSURE;
	assert_int_equal(source_peek_list(s, &staff, 1, false, &l, &which), FOUND_UNSURE);
	assert_int_equal(source_peek_list(s, &staff, 1, true, &l, &which), FOUND_YES);
	list_drop(&l);
	assert_int_equal(ask_source(s, staff, &why), FOUND_UNSURE);
	clock_shift(3600000);
	assert_int_equal(source_peek_list(s, &staff, 1, true, &l, &which), FOUND_UNSURE);
	clock_shift(-3720000);
	source_close(&s);
}

/* "No" of everything that an address could mean, or of nothing. */
static void
a_stale_no_is_a_whole_one(void **state)
{
	static const char *const owner[] = { "ann-owner@l.x", "ann@l.x" };
	static const char *const staff[] = { "staff-owner@l.x", "staff@l.x" };
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;
	struct list *l = NULL;
	size_t which;

	(void)state;
	assert_int_equal(ask_source(s, owner[0], &why), FOUND_NO);
	assert_int_equal(ask_source(s, staff[1], &why), FOUND_YES);
	clock_shift(120000);
	assert_int_equal(source_peek_list(s, owner, 1, false, &l, &which), FOUND_UNSURE);
	assert_int_equal(source_peek_list(s, owner, 1, true, &l, &which), FOUND_NO);
	assert_int_equal(source_peek_list(s, owner, 2, true, &l, &which), FOUND_UNSURE);
	assert_int_equal(source_peek_list(s, staff, 2, true, &l, &which), FOUND_YES);
	assert_int_equal(which, 1);
	list_drop(&l);
	clock_shift(-120000);
	assert_int_equal(ask_source(s, owner[1], &why), FOUND_NO);
	clock_shift(120000);
	assert_int_equal(source_peek_list(s, owner, 2, true, &l, &which), FOUND_NO);
	clock_shift(3600000);
	assert_int_equal(source_peek_list(s, owner, 2, true, &l, &which), FOUND_UNSURE);
	clock_shift(-3720000);
	source_close(&s);
}

/* Whoever tries addresses makes no list be forgotten; what changes is remembered once. */
static void
lists_are_remembered_apart(void **state)
{
	static const char *const staff = "staff@l.x";
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;
	struct list *l = NULL;
	size_t which;
	char address[32];

	(void)state;
	assert_int_equal(ask_source(s, staff, &why), FOUND_YES);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "x%d@l.x", i);
		assert_int_equal(ask_source(s, address, &why), FOUND_NO);
	}
	assert_int_equal(source_peek_list(s, &staff, 1, false, &l, &which), FOUND_YES);
	list_drop(&l);
	clock_shift(61000);
	c.exists = "other@l.x";
	assert_int_equal(ask_source(s, staff, &why), FOUND_NO);
	assert_int_equal(source_peek_list(s, &staff, 1, true, &l, &which), FOUND_NO);
	clock_shift(11000);
	c.exists = staff;
	assert_int_equal(ask_source(s, staff, &why), FOUND_YES);
	assert_int_equal(source_peek_list(s, &staff, 1, true, &l, &which), FOUND_YES);
	list_drop(&l);
	clock_shift(-72000);
	source_close(&s);
}

static void
a_probe_is_never_answered_from_memory(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;

	(void)state;
	for (size_t i = 1; i <= 3; i++) {
		assert_int_equal(source_probe(s, deadline_in(1000), &why), FOUND_NO);
		assert_int_equal(c.finds, i);
	}
	monitor_enter(&c.monitor);
	c.hold = true;
	monitor_leave(&c.monitor);
	assert_int_equal(source_probe(s, deadline_in(50), &why), FOUND_UNSURE);
	/* The one that still waits serves the next. */
	assert_int_equal(source_probe(s, deadline_in(50), &why), FOUND_UNSURE);
	monitor_enter(&c.monitor);
	assert_int_equal(c.finds, 4);
	c.hold = false;
	monitor_wake(&c.monitor);
	monitor_leave(&c.monitor);
	assert_int_equal(source_probe(s, deadline_in(1000), &why), FOUND_NO);
	source_close(&s);
}

static void
the_cache_is_bounded(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;
	char address[32];

	(void)state;
	/* Many unknown addresses leave the lists alone, and of the unknown the youngest stay. */
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "x%d@l.x", i);
		assert_int_equal(ask_source(s, address, &why), FOUND_NO);
	}
	assert_int_equal(c.finds, 101);
	assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
	assert_int_equal(ask_source(s, "x99@l.x", &why), FOUND_NO);
	assert_int_equal(c.finds, 101);
	assert_int_equal(ask_source(s, "x0@l.x", &why), FOUND_NO);
	assert_int_equal(c.finds, 102);
	/* The lists are bounded as well; what is asked for often stays. */
	c.exists = NULL;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "l%d@l.x", i);
		assert_int_equal(ask_source(s, address, &why), FOUND_YES);
		if (i % 8 == 0)
			assert_int_equal(ask_source(s, "staff@l.x", &why), FOUND_YES);
	}
	assert_int_equal(c.finds, 202);
	assert_int_equal(ask_source(s, "l99@l.x", &why), FOUND_YES);
	assert_int_equal(c.finds, 202);
	assert_int_equal(ask_source(s, "l0@l.x", &why), FOUND_YES);
	assert_int_equal(c.finds, 203);
	source_close(&s);
}

static void
a_list_that_is_gone_is_looked_for_afresh(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct complaint why;
	struct walk_report report;
	const char *address = "staff@l.x";
	struct list *l = NULL;
	size_t which;

	(void)state;
	assert_int_equal(source_find_list(s, &address, 1, deadline_in(5000), &l, &which, &why), FOUND_YES);
	assert_int_equal(source_each_member(s, l, PEOPLE_MEMBERS, deadline_in(5000), count_members, NULL,
	                                    &report, &why), FOUND_NO);
	list_drop(&l);
	assert_int_equal(ask_source(s, address, &why), FOUND_YES);
	assert_int_equal(c.finds, 2);
	source_close(&s);
}

struct asking {
	struct source *source;
	int64_t patience;
	enum found found;
	pthread_t thread;
};

static void *
ask_in_thread(void *arg)
{
	struct asking *a = arg;
	const char *address = "staff@l.x";
	struct complaint why;
	struct list *l = NULL;
	size_t which;

	a->found = source_find_list(a->source, &address, 1, deadline_in(a->patience), &l, &which, &why);
	list_drop(&l);
	return NULL;
}

static void
callers_share_one_question(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, &config);
	struct asking all[20];

	(void)state;
	c.hold = true;
	for (int i = 0; i < 20; i++) {
		all[i] = (struct asking){ .source = s, .patience = i == 0 ? 50 : 5000 };
		assert_int_equal(pthread_create(&all[i].thread, NULL, ask_in_thread, &all[i]), 0);
	}
	(void)pthread_join(all[0].thread, NULL);       /* its deadline is its own */
	assert_int_equal(all[0].found, FOUND_UNSURE);
	monitor_enter(&c.monitor);
	c.hold = false;
	monitor_wake(&c.monitor);
	monitor_leave(&c.monitor);
	for (int i = 1; i < 20; i++) {
		(void)pthread_join(all[i].thread, NULL);
		assert_int_equal(all[i].found, FOUND_YES);
	}
	assert_int_equal(c.finds, 1);
	source_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_keeps_the_contract),
		cmocka_unit_test(file_without_memory_keeps_the_contract),
		cmocka_unit_test(a_file_is_read_again_when_it_changes),
		cmocka_unit_test(files_that_are_wrong),
		cmocka_unit_test(members_that_are_no_mailboxes),
		cmocka_unit_test(lists_within_lists_have_an_end),
		cmocka_unit_test(fail_answers_as_told),
		cmocka_unit_test(a_source_that_cannot_be_opened_is_unsure),
		cmocka_unit_test(what_is_known_is_not_asked_again),
		cmocka_unit_test(several_readings_share_what_is_known),
		cmocka_unit_test(unsure_is_never_remembered),
		cmocka_unit_test(a_stale_yes_is_for_existence_only),
		cmocka_unit_test(a_stale_no_is_a_whole_one),
		cmocka_unit_test(lists_are_remembered_apart),
		cmocka_unit_test(a_probe_is_never_answered_from_memory),
		cmocka_unit_test(the_cache_is_bounded),
		cmocka_unit_test(a_list_that_is_gone_is_looked_for_afresh),
		cmocka_unit_test(callers_share_one_question),
	};

	return RUN(tests);
}
