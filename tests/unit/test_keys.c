/* Keys: files, which one seals, what is made with them; and the base32 that it is written in. */
#include "tests/unit/unit.h"

#include "base/base32.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/keyring.h"
#include "base/keys.h"
#include "base/mem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { HOUR = 3600000 };

/* The bytes 0 to 31, as the secret of a key. */
static const char counting[] = "rollcall-key 1 aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq\n";

struct place {
	char *directory;                  /* temporary */
	char *keys;                       /* of the keys, in it */
};

static int
begin(void **state)
{
	struct place *p = mem_new(sizeof(*p));

	p->directory = mem_text(make_temp_dir());
	p->keys = mem_format("%s/keys", p->directory);
	*state = p;
	return 0;
}

static int
end(void **state)
{
	struct place *p = *state;

	remove_temp_dir(p->directory);
	free(p->directory);
	free(p->keys);
	free(p);
	return 0;
}

static struct keys *
opened(const struct place *p)
{
	struct complaint why = { "" };
	struct keys *k = keys_open(p->keys, NULL, &why);

	if (k == NULL)
		fail_msg("keys_open: %s", why.text);
	return k;
}

static void
put(const struct place *p, const char *name, const char *text, mode_t mode)
{
	char *path = mem_format("%s/%s", p->keys, name);

	(void)mkdir(p->keys, 0700);
	write_file(path, text);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static size_t
count_keys(struct keys *k)
{
	struct key_view v;
	size_t n = 0;

	while (keys_view(k, n, &v))
		n++;
	return n;
}

static void
base32(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {                     /* RFC 4648 section 10, without padding */
		{ "", "" },           { "f", "my" },         { "fo", "mzxq" },
		{ "foo", "mzxw6" },   { "foob", "mzxw6yq" }, { "fooba", "mzxw6ytb" },
		{ "foobar", "mzxw6ytboi" },
	};
	static const char *const bad[] = { "m", "mzx", "mzxw6y", "m1", "mz", "mzxw=", "m\xff", "m y", "mzxw6ytbo" };
	char text[32], bytes[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t length = strlen(cases[i].text);

		base32_write(cases[i].bytes, strlen(cases[i].bytes), text);
		same_text(cases[i].bytes, text, cases[i].text);
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(base32_read(text, length, bytes), 0);
		same_text(cases[i].text, bytes, cases[i].bytes);
		for (char *c = text; *c != '\0'; c++)
			*c = *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
		assert_int_equal(base32_read(text, length, bytes), 0);
		same_text("in capitals", bytes, cases[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (base32_read(bad[i], strlen(bad[i]), bytes) == 0)
			fail_msg("\"%s\" was read", bad[i]);
}

static void
the_first_key_is_made(void **state)
{
	const struct place *p = *state;
	struct keys *k = opened(p);
	struct key_view v;
	struct stat st;
	char *path;

	assert_int_equal(count_keys(k), 1);
	assert_true(keys_view(k, 0, &v));
	assert_true(v.seals && v.until == 0);
	assert_in_range(v.from, clock_wall() - 60000, clock_wall());
	assert_int_equal(stat(p->keys, &st), 0);
	same_number("mode of the directory", st.st_mode & 07777, 0700);
	path = mem_format("%s/%s", p->keys, v.id);
	assert_int_equal(stat(path, &st), 0);
	same_number("mode of the key", st.st_mode & 07777, 0600);
	free(path);
	keys_close(&k);
	assert_null(k);
	k = opened(p);
	assert_int_equal(count_keys(k), 1);
	keys_close(&k);
}

/* However many find no key at the same time, they end up with the same one. */
static void
one_of_many_makes_it(void **state)
{
	enum { MANY = 12 };
	const struct place *p = *state;
	struct bytes sealed = { 0 }, text = { 0 };
	struct keys *k;
	int from[2];

	assert_int_equal(pipe(from), 0);
	for (int i = 0; i < MANY; i++) {
		if (fork() != 0)
			continue;
		k = opened(p);
		keys_seal(k, "stamp", "same", 4, &sealed);
		_exit(count_keys(k) == 1 && write(from[1], sealed.data, sealed.length) > 0 ? 0 : 1);
	}
	for (int i = 0; i < MANY; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	k = opened(p);
	for (int i = 0; i < MANY; i++) {
		char one[64];
		ssize_t n = read(from[0], one, 1 + 8 + 12 + 4 + 16);

		assert_int_equal(keys_unseal(k, "stamp", one, (size_t)n, &text), KEYS_OPENED);
	}
	assert_int_equal(text.length, 4 * MANY);
	bytes_free(&text);
	keys_close(&k);
	(void)close(from[0]);
	(void)close(from[1]);
}

static void
what_is_no_key_is_an_error(void **state)
{
	static const struct {
		const char *name, *text;
		mode_t mode;
		const char *want;
	} cases[] = {
		{ "README", "", 0600, "/README is no key: their names are like 20261122T081500Z" },
		{ "20261322T081500Z", counting, 0600, "is no key: their names" },
		{ "20261122T081500Zz", counting, 0600, "is no key: their names" },
		{ "20261122T081500Z", counting, 0640, "only its owner can read (mode 0600)" },
		{ "20261122T081500Z", "", 0600, "is no key of a version that is known" },
		{ "20261122T081500Z", "rollcall-key 2 aaaa\n", 0600, "no key of a version" },
		{ "20261122T081500Z",
		  "rollcall-key 1 aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp1\n", 0600,
		  "no key of a version" },
	};
	const struct place *p = *state;
	struct complaint why;
	char *path;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put(p, cases[i].name, cases[i].text, cases[i].mode);
		assert_null(keys_open(p->keys, NULL, &why));
		if (strstr(why.text, cases[i].want) == NULL || strstr(why.text, p->keys) == NULL)
			fail_msg("%zu: got \"%s\", want \"%s\"", i, why.text, cases[i].want);
		path = mem_format("%s/%s", p->keys, cases[i].name);
		assert_int_equal(unlink(path), 0);
		free(path);
	}
	put(p, ".new", "half a key", 0600);              /* of somebody who died */
	assert_int_equal(chmod(p->keys, 0750), 0);
	assert_null(keys_open(p->keys, NULL, &why));
	assert_non_null(strstr(why.text, "mode 0700"));
	assert_int_equal(chmod(p->keys, 0700), 0);
	{
		struct keys *k = opened(p);

		assert_int_equal(count_keys(k), 1);
		keys_close(&k);
	}
	assert_null(keys_open("/nonexistent/keys", NULL, &why));
	assert_non_null(strstr(why.text, "cannot make the directory /nonexistent/keys: No such file"));
	path = mem_format("%s/other", p->directory);
	assert_null(keys_open(path, "nobody-of-that-name", &why));
	assert_non_null(strstr(why.text, "there is no user \"nobody-of-that-name\""));
	free(path);
}

static void
sealed_text(void **state)
{
	const struct place *p = *state;
	struct keys *k = opened(p);
	struct bytes sealed = { 0 }, again = { 0 }, text = { 0 };

	keys_seal(k, "stamp", "what is known", 13, &sealed);
	keys_seal(k, "stamp", "what is known", 13, &again);
	assert_int_equal(sealed.length, again.length);
	assert_memory_not_equal(sealed.data, again.data, sealed.length);
	assert_null(memmem(sealed.data, sealed.length, "known", 5));
	assert_int_equal(keys_unseal(k, "stamp", sealed.data, sealed.length, &text), KEYS_OPENED);
	same_text("opened", text.data, "what is known");
	bytes_clear(&text);
	assert_int_equal(keys_unseal(k, "bounce", sealed.data, sealed.length, &text), KEYS_FALSE);
	same_text("nothing", bytes_text(&text), "");
	for (size_t i = 0; i < sealed.length; i++) {
		enum keys_result want = i == 0 ? KEYS_MALFORMED : i < 9 ? KEYS_UNKNOWN : KEYS_FALSE;

		sealed.data[i] ^= 1;
		same_number("changed", keys_unseal(k, "stamp", sealed.data, sealed.length, &text), want);
		sealed.data[i] ^= 1;
	}
	for (size_t n = 0; n < sealed.length; n++)
		assert_true(keys_unseal(k, "stamp", sealed.data, n, &text) != KEYS_OPENED);
	bytes_clear(&again);
	keys_seal(k, "stamp", "", 0, &again);
	assert_int_equal(keys_unseal(k, "stamp", again.data, again.length, &text), KEYS_OPENED);
	same_text("an empty one", bytes_text(&text), "");
	bytes_free(&sealed);
	bytes_free(&again);
	bytes_free(&text);
	keys_close(&k);
}

static void
tokens(void **state)
{
	const struct place *p = *state;
	char token[KEYS_TOKEN + 1];
	struct keys *k;

	put(p, "20261122T081500Z", counting, 0600);
	k = opened(p);
	keys_token(k, "bounce", "ann@example.com", 15, token);
	same_text("HKDF and HMAC as others make them", token, "tfmnwuccdvjrntcm");
	assert_true(keys_token_is(k, "bounce", "ann@example.com", 15, token, KEYS_TOKEN));
	assert_false(keys_token_is(k, "confirm", "ann@example.com", 15, token, KEYS_TOKEN));
	assert_false(keys_token_is(k, "bounce", "bob@example.com", 15, token, KEYS_TOKEN));
	assert_false(keys_token_is(k, "bounce", "ann@example.com", 15, token, KEYS_TOKEN - 1));
	assert_true(keys_token_is(k, "bounce", "ann@example.com", 15, "TFMNWUCCDVJRNTCM", KEYS_TOKEN));
	token[KEYS_TOKEN - 1] = token[KEYS_TOKEN - 1] == 'a' ? 'b' : 'a';
	assert_false(keys_token_is(k, "bounce", "ann@example.com", 15, token, KEYS_TOKEN));
	keys_close(&k);
}

/* A new key is known at once, and seals when its time comes; what the old one sealed stays good. */
static void
rotation(void **state)
{
	const struct place *p = *state;
	struct keys *k = opened(p), *other = opened(p);
	struct bytes first = { 0 }, second = { 0 }, text = { 0 };
	char id[KEYS_ID + 1], token[KEYS_TOKEN + 1];
	struct complaint why;
	struct key_view v, w;

	keys_seal(k, "stamp", "1", 1, &first);
	keys_token(k, "bounce", "x", 1, token);
	assert_int_equal(keys_add(k, clock_wall() + HOUR, id, &why), 0);
	assert_int_equal(count_keys(k), 2);
	assert_true(keys_view(k, 0, &v) && keys_view(k, 1, &w));
	assert_true(v.seals && !w.seals && v.until == w.from && w.until == 0);
	same_text("name", w.id, id);
	assert_int_equal(keys_add(k, clock_wall() + HOUR, id, &why), -1);
	assert_non_null(strstr(why.text, "File exists"));
	clock_jump(HOUR + 1000);
	assert_true(keys_view(k, 1, &w) && w.seals);
	keys_seal(k, "stamp", "2", 1, &second);
	assert_memory_not_equal(first.data, second.data, 9);
	/* Another process, which has not been told: it looks. */
	assert_int_equal(count_keys(other), 1);
	assert_int_equal(keys_unseal(other, "stamp", second.data, second.length, &text), KEYS_OPENED);
	assert_int_equal(keys_unseal(other, "stamp", first.data, first.length, &text), KEYS_OPENED);
	assert_int_equal(count_keys(other), 2);
	assert_true(keys_token_is(other, "bounce", "x", 1, token, KEYS_TOKEN));
	/* And the end of the old one. */
	assert_int_equal(keys_remove(k, "yesterday", &why), -1);
	assert_non_null(strstr(why.text, "\"yesterday\" is no name of a key"));
	assert_int_equal(keys_remove(k, "20001122T081500Z", &why), -1);
	same_text("no such key", why.text, "there is no key 20001122T081500Z");
	assert_int_equal(keys_remove(k, v.id, &why), 0);
	assert_int_equal(keys_unseal(k, "stamp", first.data, first.length, &text), KEYS_UNKNOWN);
	assert_int_equal(keys_unseal(k, "stamp", second.data, second.length, &text), KEYS_OPENED);
	assert_false(keys_token_is(k, "bounce", "x", 1, token, KEYS_TOKEN));
	assert_int_equal(keys_remove(k, id, &why), -1);
	assert_non_null(strstr(why.text, "is the only key"));
	clock_jump(-HOUR - 1000);
	bytes_free(&first);
	bytes_free(&second);
	bytes_free(&text);
	keys_close(&k);
	keys_close(&other);
}

/* A clock that is behind all keys: the oldest seals, rather than none. */
static void
no_key_in_force(void **state)
{
	const struct place *p = *state;
	struct keys *k;
	struct key_view v;

	put(p, "29990101T000000Z", counting, 0600);
	put(p, "29980101T000000Z", counting, 0600);
	k = opened(p);
	assert_true(keys_view(k, 0, &v) && v.seals);
	same_text("the oldest", v.id, "29980101T000000Z");
	keys_close(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base32),
		cmocka_unit_test_setup_teardown(the_first_key_is_made, begin, end),
		cmocka_unit_test_setup_teardown(one_of_many_makes_it, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_key_is_an_error, begin, end),
		cmocka_unit_test_setup_teardown(sealed_text, begin, end),
		cmocka_unit_test_setup_teardown(tokens, begin, end),
		cmocka_unit_test_setup_teardown(rotation, begin, end),
		cmocka_unit_test_setup_teardown(no_key_in_force, begin, end),
	};

	return RUN(tests);
}
