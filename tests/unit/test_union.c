/* Several sources as one: what each of them adds, and what one that fails takes away. */
#include "tests/unit/source_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"


/* The contract's lists, so that it takes both to answer nearly everything. */
static const char one[] =
	"{ \"lists\": ["
	"{ \"address\": \"staff@lists.example.com\", \"alternates\": [ \"Everybody@lists.example.com\" ],"
	"  \"members\": [ \"ann@example.com\", \"dev@lists.example.com\" ] },"
	"{ \"address\": \"dev@lists.example.com\","
	"  \"members\": [ \"carl@example.com\", \"ann@example.com\", \"staff@lists.example.com\" ] },"
	"{ \"address\": \"diamond@lists.example.com\","
	"  \"members\": [ \"left@lists.example.com\", \"right@lists.example.com\" ] },"
	"{ \"address\": \"left@lists.example.com\", \"members\": [ \"bottom@lists.example.com\" ] },"
	"{ \"address\": \"right@lists.example.com\","
	"  \"members\": [ \"bottom@lists.example.com\", \"ann@example.com\" ] } ] }";
static const char two[] =
	"{ \"lists\": ["
	"{ \"address\": \"staff@lists.example.com\", \"name\": \"All of us\", \"errors\": \"Errors@Example.com\","
	"  \"settings\": [ \"reply-to: list\" ],"
	"  \"members\": [ \"Bob@example.com\", \"guest@partner.example.net\", \"ann@example.com\" ],"
	"  \"owners\": [ \"ann@example.com\" ] },"
	"{ \"address\": \"dev-owner@lists.example.com\", \"members\": [ \"ann@example.com\" ] },"
	"{ \"address\": \"bottom@lists.example.com\", \"members\": [ \"dora@example.com\" ] },"
	"{ \"address\": \"selfish@lists.example.com\", \"members\": [ \"selfish@lists.example.com\" ] },"
	"{ \"address\": \"idn@b\xc3\xbc" "cher.example\", \"members\": [ \"ann@example.com\" ] } ] }";

/* Two files, a source of each, and both as one. */
struct both {
	char *dir, *paths[2];
	struct source *inner[2], *united;
};

static void
put(const struct both *b, int which, const char *text)
{
	char *new = mem_format("%s.new", b->paths[which]);

	write_file(new, text);
	assert_int_equal(rename(new, b->paths[which]), 0);
	free(new);
}

static struct both
begin(const char *first, const char *second, const char *cache)
{
	struct both b = { .dir = make_temp_dir() };

	for (int i = 0; i < 2; i++) {
		char *yaml;

		b.paths[i] = mem_format("%s/%d.json", b.dir, i);
		put(&b, i, i == 0 ? first : second);
		yaml = mem_format("  kind: file\n  path: %s\n%s", b.paths[i], cache);
		b.inner[i] = source_from_text(yaml);
		free(yaml);
	}
	b.united = source_unite(b.inner, 2);
	return b;
}

static void
end(struct both *b)
{
	source_close(&b->united);
	for (int i = 0; i < 2; i++) {
		source_close(&b->inner[i]);
		free(b->paths[i]);
	}
	remove_temp_dir(b->dir);
}

static const char forgetful[] = "  cache: { yes: 0s, no: 0s, stale: 0s }\n";

static void
both_together_keep_the_contract(void **state)
{
	static const char *const caches[] = { "", forgetful };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct both b = begin(one, two, caches[i]);

		same_text("name", b.united->name, "corp+corp");
		source_contract(i == 0 ? "union" : "union, no cache", b.united, 0);
		end(&b);
	}
}

static enum found
find(struct source *s, const char *address, struct list **l, struct complaint *why)
{
	size_t which;

	return source_find_list(s, &address, 1, deadline_in(5000), l, &which, why);
}

static bool
note(void *arg, const struct member *m)
{
	struct bytes *all = arg;

	bytes_format(all, "%s", m->canonical);
	for (const struct via *v = m->via; v != NULL; v = v->up)
		bytes_format(all, " %s", v->name);
	bytes_add_text(all, "\n");
	return true;
}

/* All members in order, each with its groups. */
static void
check_members(const struct both *b, const char *address, const char *want)
{
	struct complaint why;
	struct walk_report report;
	struct bytes all = { 0 };
	struct list *l;

	assert_int_equal(find(b->united, address, &l, &why), FOUND_YES);
	if (source_each_member(b->united, l, PEOPLE_MEMBERS, deadline_in(5000), note, &all, &report, &why) !=
	    FOUND_YES)
		fail_msg("%s: %s", address, why.text);
	same_text(address, bytes_text(&all), want);
	bytes_free(&all);
	list_drop(&l);
}

/* A list of the one may be a member in the other, at any depth; the way to everybody is told whole. */
static void
lists_of_the_other_are_walked(void **state)
{
	struct both b = begin("{\"lists\":[{\"address\":\"a@l.x\",\"members\":[\"b@l.x\",\"p@x\"]},"
	                      "{\"address\":\"c@l.x\",\"members\":[\"d@l.x\",\"e@other.x\"]},"
	                      "{\"address\":\"e@other.x\",\"members\":[\"f@other.x\"]}]}",
	                      "{\"lists\":[{\"address\":\"b@l.x\",\"members\":[\"b2@l.x\"]},"
	                      "{\"address\":\"b2@l.x\",\"members\":[\"q@x\",\"c@l.x\",\"nobody@l.x\"]},"
	                      "{\"address\":\"f@other.x\",\"members\":[\"s@x\"]},"
	                      "{\"address\":\"d@l.x\",\"members\":[\"r@x\",\"a@l.x\"]}]}", "");

	(void)state;
	check_members(&b, "a@l.x", "p@x a@l.x\nq@x b2@l.x b@l.x a@l.x\n"
	                           "nobody@l.x b2@l.x b@l.x a@l.x\n"
	                           "r@x d@l.x c@l.x b2@l.x b@l.x a@l.x\n"
	                           "s@x f@other.x e@other.x c@l.x b2@l.x b@l.x a@l.x\n");
	end(&b);
}

static void
one_unsure_is_unsure(void **state)
{
	struct both b = begin(one, two, forgetful);
	struct complaint why;
	struct walk_report report;
	struct bytes all = { 0 };
	struct list *l, *none;

	(void)state;
	assert_int_equal(find(b.united, "staff@lists.example.com", &l, &why), FOUND_YES);
	assert_int_equal(source_probe(b.united, deadline_in(5000), &why), FOUND_NO);
	for (int i = 0; i < 2; i++) {
		put(&b, i, "{");
		assert_int_equal(find(b.united, "staff@lists.example.com", &none, &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, b.paths[i]));
		assert_int_equal(find(b.united, "nobody@lists.example.com", &none, &why), FOUND_UNSURE);
		assert_int_equal(source_probe(b.united, deadline_in(5000), &why), FOUND_UNSURE);
		assert_int_equal(source_each_member(b.united, l, PEOPLE_MEMBERS, deadline_in(5000), note,
		                                    &all, &report, &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, b.paths[i]));
		assert_int_equal(source_each_member(b.united, l, PEOPLE_OWNERS, deadline_in(5000), note,
		                                    &all, &report, &why), FOUND_UNSURE);
		put(&b, i, i == 0 ? one : two);
	}
	bytes_free(&all);
	list_drop(&l);
	end(&b);
}

/* A "no" that is remembered is no reason to leave anybody out. */
static void
members_are_nobody_s_memory(void **state)
{
	struct both b = begin(one, "{\"lists\":[]}", "  cache: { yes: 1h, no: 1h }\n");
	struct complaint why;
	struct list *l;

	(void)state;
	check_members(&b, "staff@lists.example.com",
	              "ann@example.com staff@lists.example.com\n"
	              "carl@example.com dev@lists.example.com staff@lists.example.com\n"
	              "ann@example.com dev@lists.example.com staff@lists.example.com\n");
	put(&b, 1, "{\"lists\":[{\"address\":\"staff@lists.example.com\",\"members\":[\"eve@example.com\"]}]}");
	check_members(&b, "staff@lists.example.com",
	              "ann@example.com staff@lists.example.com\n"
	              "carl@example.com dev@lists.example.com staff@lists.example.com\n"
	              "ann@example.com dev@lists.example.com staff@lists.example.com\n"
	              "eve@example.com staff@lists.example.com\n");
	/* Nor is a "yes". */
	put(&b, 0, "{\"lists\":[]}");
	check_members(&b, "staff@lists.example.com", "eve@example.com staff@lists.example.com\n");
	assert_int_equal(find(b.united, "staff@lists.example.com", &l, &why), FOUND_YES);
	list_drop(&l);
	end(&b);
}

static void
what_is_remembered(void **state)
{
	static const char *const staff = "staff@lists.example.com";
	struct both b = begin(one, two, "");
	struct complaint why;
	struct list *l = NULL;
	size_t which;

	(void)state;
	assert_int_equal(source_peek_list(b.united, &staff, 1, false, &l, &which), FOUND_UNSURE);
	assert_int_equal(source_peek_list(b.united, &staff, 1, true, &l, &which), FOUND_UNSURE);
	assert_int_equal(find(b.inner[0], staff, &l, &why), FOUND_YES);
	list_drop(&l);
	/* One of two: enough to say that it exists, where nothing better can be had. */
	assert_int_equal(source_peek_list(b.united, &staff, 1, false, &l, &which), FOUND_UNSURE);
	assert_int_equal(source_peek_list(b.united, &staff, 1, true, &l, &which), FOUND_YES);
	list_drop(&l);
	assert_int_equal(find(b.united, staff, &l, &why), FOUND_YES);
	same_text("key", l->key, "corp: staff@lists.example.com; corp: staff@lists.example.com");
	list_drop(&l);
	assert_int_equal(source_peek_list(b.united, &staff, 1, false, &l, &which), FOUND_YES);
	same_text("name", l->name, "All of us");
	list_drop(&l);
	end(&b);
}

static void
what_comes_first_counts(void **state)
{
	struct both b = begin("{\"lists\":[{\"address\":\"a@l.x\",\"errors\":\"e1@x\"}]}",
	                      "{\"lists\":[{\"address\":\"a@l.x\",\"name\":\"N2\",\"errors\":\"e2@x\"}]}", "");
	struct complaint why;
	struct list *l;

	(void)state;
	assert_int_equal(find(b.united, "a@l.x", &l, &why), FOUND_YES);
	same_text("errors", l->errors, "e1@x");
	same_text("name", l->name, "N2");
	list_drop(&l);
	end(&b);
}

/* The same alternate of different lists, or an alternate of the one that is a list of the other. */
static void
sources_that_contradict_each_other(void **state)
{
	static const char a[] = "{\"lists\":[{\"address\":\"a@l.x\",\"alternates\":[\"all@l.x\"]}]}";
	static const char b_[] = "{\"lists\":[{\"address\":\"b@l.x\",\"alternates\":[\"all@l.x\"]}]}";
	static const char c[] = "{\"lists\":[{\"address\":\"c@l.x\",\"alternates\":[\"a@l.x\"]}]}";
	struct both b = begin(a, b_, forgetful);
	struct complaint why;
	struct walk_report report;
	struct bytes all = { 0 };
	struct list *l;

	(void)state;
	assert_int_equal(find(b.united, "all@l.x", &l, &why), FOUND_UNSURE);
	same_text("why", why.text, "the same address is the list a@l.x in corp, and b@l.x in corp");
	assert_int_equal(find(b.united, "b@l.x", &l, &why), FOUND_YES);
	list_drop(&l);
	assert_int_equal(find(b.united, "a@l.x", &l, &why), FOUND_YES);
	put(&b, 1, c);
	assert_int_equal(source_each_member(b.united, l, PEOPLE_MEMBERS, deadline_in(5000), note, &all,
	                                    &report, &why), FOUND_UNSURE);
	same_text("why", why.text, "a@l.x is the list c@l.x in corp");
	list_drop(&l);
	assert_int_equal(find(b.united, "a@l.x", &l, &why), FOUND_UNSURE);
	assert_int_equal(find(b.united, "all@l.x", &l, &why), FOUND_UNSURE);
	end(&b);
}

/* ---- what no real source can be made to do: a list that is gone just after it was found ---- */

static enum found
fleeting_find(struct source *s, const char *const *addresses, size_t count, struct deadline by,
              struct list **list_r, size_t *which_r, struct complaint *why)
{
	(void)s, (void)count, (void)by, (void)why;
	*list_r = list_new(mem_text(addresses[0]), NULL, mem_text("k"), NULL);
	*which_r = 0;
	return FOUND_YES;
}

static enum found
fleeting_each(struct source *s, const struct list *list, enum people whom, struct deadline by,
              member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	(void)s, (void)list, (void)whom, (void)by, (void)fn, (void)arg, (void)report, (void)why;
	return FOUND_NO;
}

static void
fleeting_close(struct source *s)
{
	(void)s;
}

static const struct source_ops fleeting_ops = { .kind = "fleeting", .find_list = fleeting_find,
	                                        .each_member = fleeting_each, .close = fleeting_close };

static void
what_changes_meanwhile_is_unsure(void **state)
{
	struct both b = begin(one, two, "");
	struct source fleeting = { &fleeting_ops, mem_text("fleeting") };
	struct source *inner[] = { b.inner[0], &fleeting }, *united = source_unite(inner, 2), *s = &fleeting;
	struct complaint why;
	struct walk_report report;
	struct bytes all = { 0 };
	struct list *l;

	(void)state;
	assert_int_equal(find(united, "staff@lists.example.com", &l, &why), FOUND_YES);
	assert_int_equal(source_each_member(united, l, PEOPLE_MEMBERS, deadline_in(5000), note, &all,
	                                    &report, &why), FOUND_UNSURE);
	same_text("why", why.text, "fleeting: staff@lists.example.com was there, and is gone");
	bytes_free(&all);
	list_drop(&l);
	source_close(&united);
	source_close(&s);
	end(&b);
}

static void *
ask_often(void *arg)
{
	for (int i = 0; i < 50; i++)
		check_members(arg, "diamond@lists.example.com",
		              "ann@example.com right@lists.example.com diamond@lists.example.com\n"
		              "dora@example.com bottom@lists.example.com left@lists.example.com "
		              "diamond@lists.example.com\n");
	return NULL;
}

static void
several_may_ask_at_once(void **state)
{
	struct both b = begin(one, two, forgetful);

	(void)state;
	in_four_threads(ask_often, &b);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_together_keep_the_contract),
		cmocka_unit_test(lists_of_the_other_are_walked),
		cmocka_unit_test(one_unsure_is_unsure),
		cmocka_unit_test(members_are_nobody_s_memory),
		cmocka_unit_test(what_is_remembered),
		cmocka_unit_test(what_comes_first_counts),
		cmocka_unit_test(sources_that_contradict_each_other),
		cmocka_unit_test(what_changes_meanwhile_is_unsure),
		cmocka_unit_test(several_may_ask_at_once),
	};

	return RUN(tests);
}
