/* Small things of base/: bytes, sets, maps, text, digests, time, pools. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/complaint.h"
#include "base/daemon.h"
#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/set.h"
#include "base/text.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <sys/wait.h>

static void
bytes_grow_and_shrink(void **state)
{
	struct bytes b = { 0 };

	(void)state;
	same_text("empty", bytes_text(&b), "");
	for (int i = 0; i < 1000; i++)
		bytes_format(&b, "%d,", i);
	assert_int_equal(b.length, strlen(b.data));
	bytes_consume(&b, b.length - 4);
	same_text("consumed", b.data, "999,");
	bytes_consume(&b, 100);
	same_text("all consumed", b.data, "");
	bytes_format(&b, "%0200d", 7);
	assert_int_equal(b.length, 200);
	bytes_free(&b);
	assert_int_equal(b.length, 0);
}

static void
set_is_exact(void **state)
{
	struct set *s = set_open();
	size_t at, length;
	char key[32];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 50000; i++) {
			int n = snprintf(key, sizeof(key), "user%d@example.com", i);

			assert_int_equal(set_add(s, key, (size_t)n), round == 0);
		}
	assert_int_equal(set_count(s), 50000);
	assert_false(set_place(s, "user7@example.com", 17, &at));
	assert_memory_equal(set_at(s, at, &length), "user7@example.com", 17);
	assert_int_equal(length, 17);
	assert_true(set_has(s, "user7@example.com", 17));
	assert_false(set_has(s, "user7@example.co", 16));
	assert_true(set_add(s, "", 0));
	assert_false(set_add(s, "", 0));
	set_close(&s);
	assert_null(s);
}

static void
map_knows_the_oldest(void **state)
{
	struct map *m = map_open();
	static int values[1000];
	char key[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int n = snprintf(key, sizeof(key), "%d", i);

		values[i] = i;
		assert_null(map_put(m, key, (size_t)n, &values[i]));
	}
	assert_ptr_equal(map_put(m, "5", 1, &values[6]), &values[5]);
	assert_ptr_equal(map_get(m, "0", 1), &values[0]);          /* touched: not the oldest now */
	assert_ptr_equal(map_peek(m, "1", 1), &values[1]);         /* not touched */
	assert_ptr_equal(map_remove_oldest(m), &values[1]);
	assert_ptr_equal(map_remove(m, "999", 3), &values[999]);
	assert_null(map_remove(m, "999", 3));
	assert_int_equal(map_count(m), 998);
	map_close(&m);
}

static void
nearest_words(void **state)
{
	static const char *const words[] = { "sources", "destinations", "limits", "log", NULL };
	static const struct {
		const char *given, *want;
	} cases[] = {
		{ "source", "sources" },   { "Sources", "sources" }, { "destination", "destinations" },
		{ "limit", "limits" },     { "lgo", "log" },         { "completely-else", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_text(cases[i].given, text_nearest(cases[i].given, words), cases[i].want);
}

static void
numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t want;
	} cases[] = {
		{ "0", true, 0 },    { "-3", true, -3 }, { "12x", false, 0 }, { "", false, 0 },
		{ " 1", false, 0 },  { "+1", false, 0 }, { "99999999999999999999", false, 0 },
		{ "-", false, 0 },
	};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		same_number(cases[i].text, text_number(cases[i].text, &n), cases[i].ok);
		if (cases[i].ok)
			same_number(cases[i].text, n, cases[i].want);
	}
}

static void
digest_of_abc(void **state)
{
	/* FIPS 180-4: SHA-256("abc") begins ba7816bf 8f01cfea 414140de 5dae2223 */
	unsigned char out[DIGEST_SIZE];
	char name[DIGEST_NAME + 1];
	struct digest *d = digest_open();

	(void)state;
	digest_add(d, "a", 1);
	digest_add(d, "bc", 2);
	digest_end(&d, out);
	assert_null(d);
	assert_int_equal(out[0], 0xba);
	assert_int_equal(out[15], 0x23);
	digest_name(out, name);
	same_text("base32", name, "xj4bnp4pahh6uqkbidpf3lrcem");
}

static void
tear_down(void)
{
	_exit(3);
}

/* Whatever of OpenSSL is used first. Nothing before this test uses any. */
static void
daemons_end_without_tearing_down(void **state)
{
	char name[DIGEST_OLD_NAME + 1];
	int status;

	(void)state;
	if (fork() == 0) {
		daemon_begin();
		digest_old_name("abc", 3, name);
		exit(OPENSSL_atexit(tear_down) == 1 ? 0 : 1);
	}
	(void)wait(&status);
	assert_int_equal(status, 0);
}

static void
deadlines(void **state)
{
	struct deadline by = deadline_in(1000);

	(void)state;
	assert_false(deadline_passed(by));
	assert_in_range(deadline_left(by), 900, 1000);
	clock_shift(2000);
	assert_true(deadline_passed(by));
	assert_int_equal(deadline_left(by), 0);
	clock_shift(-2000);
	assert_int_equal(deadline_earlier(deadline_in(5000), by).at, by.at);
}

static void
a_clock_that_jumps(void **state)
{
	enum { DAY = 86400000 };
	int64_t apart = INT64_MAX, began = clock_sober(&apart), ticks = clock_ticks();
	_Atomic int64_t next = 0;

	(void)state;
	assert_true(llabs(began - clock_wall()) < 1000);
	clock_jump(DAY);
	assert_true(llabs(clock_sober(&apart) - began) < 1000);
	clock_jump(-2 * DAY);                    /* back it is believed, … */
	assert_true(llabs(clock_sober(&apart) - (began - DAY)) < 1000);
	clock_jump(DAY);                         /* … and from there on not ahead */
	assert_true(llabs(clock_sober(&apart) - (began - DAY)) < 1000);
	assert_true(clock_ticks() - ticks < 1000);
	assert_true(clock_again(&next, 1000));
	assert_false(clock_again(&next, 1000));
	clock_jump(DAY);
	assert_false(clock_again(&next, 1000));
	clock_jump(-DAY);
	clock_shift(1001);
	assert_true(clock_again(&next, 1000));
	clock_shift(-1001);
}

static void
complaints_keep_their_words(void **state)
{
	struct complaint why;

	(void)state;
	errno = ENOENT;
	assert_int_equal(complain_errno(&why, "cannot open %s", "x"), -1);
	same_text("errno", why.text, "cannot open x: No such file or directory");
	(void)complain_within(&why, "source %d", 3);
	same_text("within", why.text, "source 3: cannot open x: No such file or directory");
	for (int i = 0; i < 100; i++)
		(void)complain_within(&why, "far too long a context");
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

static atomic_int jobs;

static void
job(void *arg)
{
	(void)arg;
	atomic_fetch_add(&jobs, 1);
}

static void
pool_runs_everything(void **state)
{
	struct pool *p = pool_open("test", 3, 2000);
	int taken = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		taken += pool_submit(p, job, NULL);
	pool_close(&p);
	assert_int_equal(taken, 1000);
	assert_int_equal(atomic_load(&jobs), 1000);
}

static void
block_until(void *arg)
{
	while (!atomic_load((atomic_bool *)arg))
		usleep(1000);
}

static void
pool_refuses_what_it_cannot_hold(void **state)
{
	struct pool *p = pool_open("test", 1, 2);
	atomic_bool go = false;
	int taken = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		taken += pool_submit(p, block_until, &go);
	assert_in_range(taken, 2, 3);
	atomic_store(&go, true);
	pool_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(daemons_end_without_tearing_down),
		cmocka_unit_test(bytes_grow_and_shrink),
		cmocka_unit_test(set_is_exact),
		cmocka_unit_test(map_knows_the_oldest),
		cmocka_unit_test(nearest_words),
		cmocka_unit_test(numbers),
		cmocka_unit_test(digest_of_abc),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(a_clock_that_jumps),
		cmocka_unit_test(complaints_keep_their_words),
		cmocka_unit_test(pool_runs_everything),
		cmocka_unit_test(pool_refuses_what_it_cannot_hold),
	};

	return RUN(tests);
}
