/* What the cache knows of people, around a source that counts and waits; and rules about posters. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/monitor.h"
#include "base/net.h"
#include "sources/source.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

struct counting {
	struct source source;
	struct monitor monitor;
	size_t people, rules;             /* questions */
	size_t given_up;                  /* of them */
	int hold;                         /* until it can be read from nothing is answered; -1: no */
	enum found answer;
};

static enum found
wait_for_it(struct counting *c, size_t *questions, struct deadline by)
{
	enum waited waited = WAITED_READY;

	monitor_enter(&c->monitor);
	++*questions;
	monitor_wake(&c->monitor);
	monitor_leave(&c->monitor);
	if (c->hold >= 0)
		waited = net_wait(c->hold, POLLIN, by);
	monitor_enter(&c->monitor);
	c->given_up += waited == WAITED_CANCELLED;
	monitor_wake(&c->monitor);
	monitor_leave(&c->monitor);
	return waited == WAITED_READY ? c->answer : FOUND_UNSURE;
}

/* Waits until so many questions are being asked. */
static void
until_asked(struct counting *c, size_t count)
{
	struct deadline by = deadline_in(20000);

	monitor_enter(&c->monitor);
	while (c->people - c->given_up < count)
		if (!monitor_wait_until(&c->monitor, by))
			fail_msg("got %zu, want %zu", c->people - c->given_up, count);
	monitor_leave(&c->monitor);
}

static void
hold(struct counting *c)
{
	c->hold = eventfd(0, EFD_CLOEXEC);
	assert_true(c->hold >= 0);
}

static void
let_go(struct counting *c)
{
	(void)eventfd_write(c->hold, 1);
}

static enum found
find_person(struct source *s, const struct identity *id, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	struct counting *c = (struct counting *)s;
	enum found found = wait_for_it(c, &c->people, by);

	(void)complain(why, "told to");
	if (found == FOUND_YES)
		*person_r = person_new(id);
	return found;
}

static enum found
covers(struct source *s, const struct list *list, const struct poster *rule, const struct person *person,
       struct deadline by, struct complaint *why)
{
	struct counting *c = (struct counting *)s;

	(void)list, (void)rule, (void)person;
	(void)complain(why, "told to");
	return wait_for_it(c, &c->rules, by);
}

static void
close_source(struct source *s)
{
	(void)s;                          /* on the stack of the test */
}

static const struct source_ops ops = { .kind = "counting", .find_person = find_person, .covers = covers,
	                               .close = close_source };

static struct source *
wrap(struct counting *c, int64_t keep, int64_t entries)
{
	const struct cache_config config = { .people = keep, .entries = entries, .workers = 2,
		                             .patience = 3000 };

	*c = (struct counting){ .source = { &ops, mem_text("corp") }, .answer = FOUND_YES, .hold = -1 };
	monitor_init(&c->monitor);
	return cache_wrap(&c->source, &config);
}

static enum found
who(struct source *s, const char *login, const char *address, int64_t wait, struct complaint *why)
{
	const struct identity id = { login, address };
	struct person *p = NULL;
	enum found found = source_find_person(s, &id, deadline_in(wait), &p, why);

	assert_true((p != NULL) == (found == FOUND_YES));
	person_drop(&p);
	return found;
}

static enum found
is_covered(struct source *s, const char *list, const char *address, enum poster_kind kind, bool peek)
{
	const struct poster rule = { POSTER_ALLOW, kind, 0, NULL, (char *)"test" };
	struct person *p = person_new(&(struct identity){ NULL, address });
	struct list *l = list_new(mem_text(list), NULL, mem_text("k"), NULL);
	struct complaint why;
	enum found found = peek ? source_peek_covers(s, l, &rule, p)
	                        : source_covers(s, l, &rule, p, deadline_in(5000), &why);

	list_drop(&l);
	person_drop(&p);
	return found;
}

static void
a_yes_is_remembered_for_a_while(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, 30000, 100);
	struct complaint why;
	const struct identity ann = { NULL, "ann@x" };
	struct person *p = NULL;

	(void)state;
	assert_int_equal(source_peek_person(s, &ann, &p), FOUND_UNSURE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(who(s, NULL, "ann@x", 5000, &why), FOUND_YES);
		assert_int_equal(who(s, "ann@x", NULL, 5000, &why), FOUND_YES);    /* another question */
		assert_int_equal(is_covered(s, "a@l", "ann@x", POSTER_MEMBERS, false), FOUND_YES);
		assert_int_equal(is_covered(s, "b@l", "ann@x", POSTER_MEMBERS, false), FOUND_YES);
		assert_int_equal(is_covered(s, "a@l", "ann@x", POSTER_OWNERS, false), FOUND_YES);
	}
	assert_int_equal(c.people, 2);
	assert_int_equal(c.rules, 3);
	assert_int_equal(source_peek_person(s, &ann, &p), FOUND_YES);
	same_text("peeked", p->addresses.items[0], "ann@x");
	person_drop(&p);
	assert_int_equal(is_covered(s, "a@l", "ann@x", POSTER_MEMBERS, true), FOUND_YES);
	assert_int_equal(is_covered(s, "a@l", "bob@x", POSTER_MEMBERS, true), FOUND_UNSURE);
	clock_shift(30000);
	assert_int_equal(source_peek_person(s, &ann, &p), FOUND_UNSURE);
	assert_int_equal(is_covered(s, "a@l", "ann@x", POSTER_MEMBERS, true), FOUND_UNSURE);
	assert_int_equal(is_covered(s, "a@l", "ann@x", POSTER_MEMBERS, false), FOUND_YES);
	assert_int_equal(c.rules, 4);
	clock_shift(-30000);
	source_close(&s);
}

static void
no_and_unsure_are_not(void **state)
{
	static const enum found answers[] = { FOUND_NO, FOUND_UNSURE };
	struct complaint why;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct counting c;
		struct source *s = wrap(&c, 30000, 100);

		c.answer = answers[i];
		for (size_t n = 1; n < 4; n++) {
			assert_int_equal(who(s, "ann", NULL, 5000, &why), answers[i]);
			assert_int_equal(is_covered(s, "a@l", "ann@x", POSTER_MEMBERS, false), answers[i]);
			assert_int_equal(c.people, n);
			assert_int_equal(c.rules, n);
		}
		if (answers[i] == FOUND_UNSURE)
			same_text("why", why.text, "told to");
		source_close(&s);
	}
}

static void
it_is_bounded_and_can_be_off(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, 30000, 16);
	struct complaint why;

	(void)state;
	for (int i = 0; i < 40; i++) {
		char *address = mem_format("p%d@x", i);

		assert_int_equal(who(s, NULL, address, 5000, &why), FOUND_YES);
		free(address);
	}
	assert_int_equal(who(s, NULL, "p39@x", 5000, &why), FOUND_YES);
	assert_int_equal(c.people, 40);
	assert_int_equal(who(s, NULL, "p0@x", 5000, &why), FOUND_YES);
	assert_int_equal(c.people, 41);
	source_close(&s);
	s = wrap(&c, 0, 16);
	source_expect_person(s, &(struct identity){ NULL, "ann@x" });
	for (int i = 0; i < 3; i++)
		assert_int_equal(who(s, NULL, "ann@x", 5000, &why), FOUND_YES);
	assert_int_equal(c.people, 3);
	source_close(&s);
}

static void *
ask_in_thread(void *source)
{
	struct complaint why;

	return who(source, "ann", NULL, 20000, &why) == FOUND_YES ? source : NULL;
}

static void *
ask_for_bob(void *source)
{
	struct complaint why;

	return who(source, "bob", NULL, 20000, &why) == FOUND_YES ? source : NULL;
}

/* The source has two workers: they are free at once, whoever left and why. */
static void
what_nobody_waits_for_is_given_up(void **state)
{
	struct counting c;
	struct source *s = wrap(&c, 30000, 100);
	int cancelled = eventfd(1, EFD_CLOEXEC);
	struct complaint why;
	struct person *p = NULL;
	pthread_t threads[2];
	void *result;

	(void)state;
	hold(&c);
	for (size_t n = 1; n <= 10; n++) {
		char *login = mem_format("p%zu", n);
		struct deadline by = { deadline_in(20000).at, cancelled };

		if (n % 2 == 0)
			by = deadline_in(5);
		assert_int_equal(source_find_person(s, &(struct identity){ login, NULL }, by, &p, &why),
		                 FOUND_UNSURE);
		same_text("why", why.text, "corp: no answer in time");
		free(login);
	}
	assert_int_equal(pthread_create(&threads[0], NULL, ask_in_thread, s), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, ask_for_bob, s), 0);
	until_asked(&c, 2);
	/* As long as somebody waits it goes on; and what has not begun never does. */
	assert_int_equal(who(s, "ann", NULL, 5, &why), FOUND_UNSURE);
	assert_int_equal(who(s, "carl", NULL, 5, &why), FOUND_UNSURE);
	let_go(&c);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, s);
	}
	assert_int_equal(who(s, "carl", NULL, 20000, &why), FOUND_YES);
	assert_int_equal(c.people, c.given_up + 3);
	source_close(&s);
	(void)close(cancelled);
	(void)close(c.hold);
}

static void
a_question_is_shared_and_can_be_begun_early(void **state)
{
	enum { THREADS = 8 };
	struct counting c;
	struct source *s = wrap(&c, 30000, 100);
	pthread_t threads[THREADS];
	struct complaint why;
	void *result;

	(void)state;
	hold(&c);
	for (int i = 0; i < 3; i++)
		source_expect_person(s, &(struct identity){ "ann", NULL });
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_in_thread, s), 0);
	let_go(&c);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, s);
	}
	source_expect_person(s, &(struct identity){ "ann", NULL });
	assert_int_equal(who(s, "ann", NULL, 5000, &why), FOUND_YES);
	assert_int_equal(c.people, 1);
	source_close(&s);
}

static void
too_many_questions(void **state)
{
	enum { MORE = 1100 };
	struct counting c;
	struct source *s = wrap(&c, 30000, 100);
	struct complaint why;

	(void)state;
	hold(&c);
	for (int i = 0; i < MORE; i++) {
		char *login = mem_format("p%d", i);

		source_expect_person(s, &(struct identity){ login, NULL });
		free(login);
	}
	assert_int_equal(who(s, "ann", NULL, 5000, &why), FOUND_UNSURE);
	same_text("why", why.text, "corp: too many questions are waiting");
	let_go(&c);
	source_close(&s);
}

/* ---- rules ---- */

static void
addresses_of_rules(void **state)
{
	static const struct {
		enum poster_kind kind;
		const char *value, *address;
		bool want;
	} cases[] = {
		{ POSTER_ADDRESS, "a@b.c", "a@b.c", true },
		{ POSTER_ADDRESS, "a@b.c", "aa@b.c", false },
		{ POSTER_DOMAIN, "b.c", "x@b.c", true },
		{ POSTER_DOMAIN, "b.c", "x@a.b.c", false },
		{ POSTER_SUBDOMAINS, "b.c", "x@b.c", true },
		{ POSTER_SUBDOMAINS, "b.c", "x@a.b.c", true },
		{ POSTER_SUBDOMAINS, "b.c", "x@ab.c", false },
		{ POSTER_SUBDOMAINS, "b.c", "x@c", false },
		{ POSTER_GLOB, "*.b.c", "x@a.b.c", true },
		{ POSTER_GLOB, "*.b.c", "x@b.c", false },
		{ POSTER_GLOB, "*", "x@b.c", true },
		{ POSTER_GLOB, "a*c*e", "x@abcabcde", true },
		{ POSTER_GLOB, "a*c*e", "x@abcabcd", false },
		{ POSTER_GLOB, "B.*", "x@b.", true },
		{ POSTER_GLOB, "b.c*", "x@b", false },
		{ POSTER_MEMBERS, NULL, "x@b", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct poster p = { POSTER_ALLOW, cases[i].kind, 0, (char *)cases[i].value, NULL };
		char *what = mem_format("%s and %s", cases[i].value == NULL ? "-" : cases[i].value,
		                        cases[i].address);

		same_number(what, poster_has_address(&p, cases[i].address), cases[i].want);
		free(what);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_yes_is_remembered_for_a_while),
		cmocka_unit_test(no_and_unsure_are_not),
		cmocka_unit_test(it_is_bounded_and_can_be_off),
		cmocka_unit_test(what_nobody_waits_for_is_given_up),
		cmocka_unit_test(a_question_is_shared_and_can_be_begun_early),
		cmocka_unit_test(too_many_questions),
		cmocka_unit_test(addresses_of_rules),
	};

	return RUN(tests);
}
