/* Those who may get a post, their order, and what they want where that is kept here. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "expander/fanout/chosen.h"
#include "expander/fanout/order.h"
#include "policies/preferences.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static void
add(struct roster *r, const char *address)
{
	roster_add(r, address, address, 0);
}

/* The members in their order, with blanks between. */
static char *
in_order(const struct roster *r)
{
	struct bytes b = { 0 };

	for (size_t i = 0; i < r->count; i++)
		if (r->people[r->order[i]].out == OUT_NOT)
			bytes_format(&b, "%s%s", b.length == 0 ? "" : " ", roster_spelling(r, r->order[i]));
	return bytes_take(&b);
}

static void
expect(const char *what, const struct roster *r, const char *want)
{
	char *got = in_order(r);

	same_text(what, got, want);
	free(got);
}

static void
members_are_there_once(void **state)
{
	struct roster r;
	uint32_t number;

	(void)state;
	roster_open(&r);
	roster_bar(&r, "early@example.com", OUT_WITHOUT);
	roster_add(&r, "ann@example.com", "Ann@example.com", PREFER_DIGEST);
	roster_add(&r, "ann@example.com", "ANN@example.com", PREFER_NOT_MINE);
	add(&r, "early@example.com");
	add(&r, "bob@example.com");
	add(&r, "late@example.com");
	roster_bar(&r, "late@example.com", OUT_BEFORE);
	roster_bar(&r, "late@example.com", OUT_LIST);
	expect("who is in", &r, "Ann@example.com bob@example.com");
	assert_int_equal(r.count, 4);
	assert_int_equal(roster_left(&r), 2);
	/* What is wanted in several places adds up; the first reason counts. */
	assert_true(roster_find(&r, "ann@example.com", &number));
	assert_int_equal(r.people[number].preferences, PREFER_DIGEST | PREFER_NOT_MINE);
	assert_true(roster_find(&r, "late@example.com", &number));
	assert_int_equal(r.people[number].out, OUT_BEFORE);
	assert_false(roster_find(&r, "nobody@example.com", &number));
	roster_close(&r);
}

static void
domains_stay_together(void **state)
{
	struct roster r;

	(void)state;
	roster_open(&r);
	add(&r, "z@example.net");
	add(&r, "b@mail.example.com");
	add(&r, "c@example.com");
	add(&r, "d@example.comet");
	add(&r, "a@example.com");
	add(&r, "e@a.mail.example.com");
	add(&r, "f@mailx.example.com");
	add(&r, "y@example.net");
	order_roster(&r, NULL, NULL);
	expect("as they came", &r,
	       "z@example.net b@mail.example.com c@example.com d@example.comet a@example.com "
	       "e@a.mail.example.com f@mailx.example.com y@example.net");
	order_roster(&r, "domain", NULL);
	expect("by domain", &r,
	       "c@example.com a@example.com b@mail.example.com e@a.mail.example.com "
	       "f@mailx.example.com d@example.comet z@example.net y@example.net");
	roster_close(&r);
}

/* Nobody is lost, and a domain is in one piece, whatever there is. */
static void
any_order_has_everybody(void **state)
{
	struct roster r;
	bool *seen = mem_array(20000, sizeof(bool));
	struct set *ended = set_open();
	const char *before = "";

	(void)state;
	roster_open(&r);
	srand(7);
	for (int i = 0; i < 20000; i++) {
		char *address = mem_format("u%d@d%d.s%d.example", i, rand() % 97, rand() % 13);

		add(&r, address);
		if (i % 3 == 0)
			roster_bar(&r, address, OUT_NO_MAIL);
		free(address);
	}
	order_roster(&r, "domain", NULL);
	assert_int_equal(r.count, 20000);
	for (size_t i = 0; i < r.count; i++) {
		const char *domain = strchr(roster_canonical(&r, r.order[i]), '@');

		assert_false(seen[r.order[i]]);
		seen[r.order[i]] = true;
		if (strcmp(domain, before) != 0)
			assert_true(set_add(ended, domain, strlen(domain)));
		else
			assert_true(r.order[i] > r.order[i - 1]);
		before = domain;
	}
	roster_close(&r);
	set_close(&ended);
	free(seen);
}

/* ---- preferences ---- */

struct seen {
	struct bytes text;
};

static void
see(void *arg, const char *canonical, unsigned preferences)
{
	struct seen *s = arg;

	bytes_format(&s->text, "%s=", canonical);
	preferences_print(preferences, &s->text);
	bytes_add_char(&s->text, ';');
}

static char *
read_all(const struct site *site, const char *list)
{
	struct seen s = { 0 };
	struct complaint why;

	if (preferences_each(site, list, see, &s, &why) < 0) {
		bytes_clear(&s.text);
		bytes_format(&s.text, "failed: %s", strrchr(why.text, ':') + 2);
	}
	return bytes_take(&s.text);
}

static void
expect_wants(const struct site *site, const char *list, const char *want)
{
	char *got = read_all(site, list);

	same_text(list, got == NULL ? "" : got, want);
	free(got);
}

static void
what_members_want_is_kept(void **state)
{
	char *dir = make_temp_dir();
	struct site site = { .state = dir };
	struct complaint why;

	(void)state;
	expect_wants(&site, "staff@x", "");
	assert_int_equal(preferences_set(&site, "staff@x", "ann@x", PREFER_NO_MAIL, &why), 0);
	assert_int_equal(preferences_set(&site, "staff@x", "\"a b\"@x", PREFER_DIGEST, &why), 0);
	assert_int_equal(preferences_set(&site, PREFERENCES_ALL, "bob@x",
	                                 PREFER_DIGEST | PREFER_NOT_MINE, &why), 0);
	expect_wants(&site, "staff@x", "ann@x=no-mail;\"a b\"@x=digest;");
	expect_wants(&site, PREFERENCES_ALL, "bob@x=digest not-mine;");
	expect_wants(&site, "dev@x", "");
	assert_int_equal(preferences_set(&site, "staff@x", "ann@x", PREFER_NOT_MINE, &why), 0);
	assert_int_equal(preferences_set(&site, "staff@x", "\"a b\"@x", 0, &why), 0);
	expect_wants(&site, "staff@x", "ann@x=not-mine;");
	remove_temp_dir(dir);
}

/* The name of the one file there is. */
static char *
only_file(const char *dir)
{
	char *command = mem_format("ls -d %s/preferences/*", dir), line[256] = "";
	FILE *f = popen(command, "r");

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_null(fgets(line + strlen(line), 2, f));
	(void)pclose(f);
	free(command);
	return mem_copy(line, strcspn(line, "\n"));
}

static void
what_is_damaged_says_so(void **state)
{
	static const struct {
		const char *what, *text, *want;
	} cases[] = {
		{ "nothing", "", "failed: it is damaged" },
		{ "no end", "preferences 1 staff@x\nann@x\tno-mail\n", "failed: it is damaged" },
		{ "half an end", "preferences 1 staff@x\nann@x\tno-mail\nend 1", "failed: it is damaged" },
		{ "less", "preferences 1 staff@x\nend 1\n", "failed: it is damaged" },
		{ "a word", "preferences 1 staff@x\nann@x\tno-male\nend 1\n", "failed: it is damaged" },
		{ "no word", "preferences 1 staff@x\nann@x\t\nend 1\n", "failed: it is damaged" },
		{ "no address", "preferences 1 staff@x\nann\tdigest\nend 1\n", "failed: it is damaged" },
		{ "more", "preferences 1 staff@x\nend 0\nann@x\tdigest\n", "failed: it is damaged" },
		{ "another list", "preferences 1 dev@x\nend 0\n", "failed: it is damaged" },
		{ "newer", "preferences 2 staff@x\nend 0\n", "failed: it is of a newer version, 2" },
		{ "right", "preferences 1 staff@x\nann@x\tdigest\nend 1\n", "ann@x=digest;" },
	};
	char *dir = make_temp_dir(), *file;
	struct site site = { .state = dir };
	struct complaint why;

	(void)state;
	assert_int_equal(preferences_set(&site, "staff@x", "ann@x", PREFER_NO_MAIL, &why), 0);
	file = only_file(dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got;

		write_file(file, cases[i].text);
		got = read_all(&site, "staff@x");
		same_text(cases[i].what, got, cases[i].want);
		free(got);
		/* And is not written over. */
		if (i + 1 < sizeof(cases) / sizeof(*cases))
			assert_int_equal(preferences_set(&site, "staff@x", "bob@x", 0, &why), -1);
	}
	free(file);
	remove_temp_dir(dir);
}

static void
what_cannot_be_written_changes_nothing(void **state)
{
	char *dir = make_temp_dir(), *path = mem_format("%s/state", dir);
	struct site site = { .state = path };
	struct complaint why;

	(void)state;
	write_file(path, "a file\n");
	assert_int_equal(preferences_set(&site, "staff@x", "ann@x", PREFER_NO_MAIL, &why), -1);
	free(path);
	remove_temp_dir(dir);
}

/* ---- who gets a post by its other lists ---- */

static void
tell(struct chosen **c, size_t count)
{
	struct set *in = set_open();

	for (size_t i = 0; i < count; i++)
		(void)set_add(in, &i, sizeof(i));
	chosen_tell(*c, &in);
	assert_null(in);
	chosen_drop(c);
}

/* How many somebody hears of: -1 that he is to tell himself. */
static int
heard(const char *post, const char *list)
{
	struct chosen *c = chosen_take(post, list, deadline_in(0));
	int count = chosen_addresses(c) == NULL ? -1 : (int)set_count(chosen_addresses(c));

	chosen_drop(&c);
	return count;
}

static void
lists_hear_of_each_other(void **state)
{
	struct chosen *c = chosen_begin("post", "a"), *other;

	(void)state;
	assert_non_null(c);
	assert_null(chosen_begin("post", "a"));
	assert_null(chosen_take("post", "a", deadline_in(0)));      /* nobody has told yet */
	other = chosen_begin("another", "a");
	assert_non_null(other);
	chosen_drop(&other);
	tell(&c, 3);
	assert_int_equal(heard("post", "a"), 3);
	assert_int_equal(heard("another", "a"), -1);
	assert_int_equal(heard("post", "b"), -1);
	assert_int_equal(heard("post", "b"), -1);
}

static void
what_is_old_or_too_much_is_forgotten(void **state)
{
	struct chosen *c = chosen_begin("old", "a"), *held;

	(void)state;
	tell(&c, 1);
	held = chosen_take("old", "a", deadline_in(0));
	clock_shift(600001);
	assert_int_equal(heard("old", "a"), -1);
	assert_int_equal(set_count(chosen_addresses(held)), 1);      /* whoever has it keeps it */
	chosen_drop(&held);
	c = chosen_begin("first", "a");
	tell(&c, 300000);
	c = chosen_begin("second", "a");
	tell(&c, 250000);
	assert_int_equal(heard("second", "a"), 250000);
	assert_int_equal(heard("first", "a"), -1);
}

static void *
wait_for_it(void *arg)
{
	struct chosen *c = chosen_take("waited", "a", deadline_in(60000));

	(void)arg;
	/* Who was to tell gave up: it is for this one, or the other. */
	if (chosen_addresses(c) == NULL)
		tell(&c, 5);
	else
		assert_int_equal(set_count(chosen_addresses(c)), 5);
	chosen_drop(&c);
	return NULL;
}

static void
those_who_wait_hear_or_read_themselves(void **state)
{
	struct chosen *c = chosen_begin("waited", "a");
	pthread_t threads[2];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_it, NULL), 0);
	chosen_drop(&c);
	for (size_t i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(heard("waited", "a"), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_there_once),
		cmocka_unit_test(domains_stay_together),
		cmocka_unit_test(any_order_has_everybody),
		cmocka_unit_test(what_members_want_is_kept),
		cmocka_unit_test(what_is_damaged_says_so),
		cmocka_unit_test(what_cannot_be_written_changes_nothing),
		cmocka_unit_test(lists_hear_of_each_other),
		cmocka_unit_test(what_is_old_or_too_much_is_forgotten),
		cmocka_unit_test(those_who_wait_hear_or_read_themselves),
	};

	return RUN(tests);
}
