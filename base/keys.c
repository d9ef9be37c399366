/* Which key is used for what, and what is made with it. */
#include "base/keys.h"

#include "base/base32.h"
#include "base/cipher.h"
#include "base/clock.h"
#include "base/keyring.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/text.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is sealed: a version, the key's time in seconds, the nonce; then the text and its tag. */
enum { VERSION = 1, AT_TIME = 1, TIME_SIZE = 8, AT_NONCE = AT_TIME + TIME_SIZE,
       AT_TEXT = AT_NONCE + CIPHER_NONCE };

struct keys {
	struct keyring place;
	struct monitor monitor;
	struct ring ring;                 /* under the monitor */
};

/* Reads it anew. What was there stays where that fails. */
static int
load(struct keys *k, struct complaint *why)
{
	int dir = keyring_lock(&k->place, why), rc;
	struct ring ring, old;

	if (dir < 0)
		return -1;
	rc = keyring_read(&k->place, dir, &ring, why);
	if (rc == 0 && ring.count == 0) {
		rc = keyring_write(&k->place, dir, clock_wall() / 1000, why);
		if (rc == 0)
			rc = keyring_read(&k->place, dir, &ring, why);
	}
	(void)close(dir);
	if (rc < 0)
		return -1;
	monitor_enter(&k->monitor);
	old = k->ring;
	k->ring = ring;
	monitor_leave(&k->monitor);
	ring_free(&old);
	return 0;
}

struct keys *
keys_open(const char *directory, const char *owner, struct complaint *why)
{
	struct keys *k = mem_new(sizeof(*k));

	k->place.directory = mem_text(directory);
	k->place.owner = mem_text(owner);
	monitor_init(&k->monitor);
	if (load(k, why) < 0)
		keys_close(&k);
	return k;
}

void
keys_close(struct keys **keys)
{
	struct keys *k = *keys;

	*keys = NULL;
	if (k == NULL)
		return;
	ring_free(&k->ring);
	monitor_destroy(&k->monitor);
	free(k->place.directory);
	free(k->place.owner);
	free(k);
}

/* ---- which key ---- */

/* The newest in force; where the clock is before all of them, the oldest. Under the monitor. */
static size_t
sealing(const struct ring *r)
{
	int64_t now = clock_wall() / 1000;
	size_t i = r->count - 1;

	while (i > 0 && r->all[i].from > now)
		i--;
	return i;
}

static void
key_that_seals(struct keys *k, struct key *key)
{
	monitor_enter(&k->monitor);
	*key = k->ring.all[sealing(&k->ring)];
	monitor_leave(&k->monitor);
}

static bool
key_of_time(struct keys *k, int64_t from, struct key *key)
{
	bool found = false;

	monitor_enter(&k->monitor);
	for (size_t i = 0; i < k->ring.count && !found; i++) {
		found = k->ring.all[i].from == from;
		if (found)
			*key = k->ring.all[i];
	}
	monitor_leave(&k->monitor);
	return found;
}

/* Reads the directory again if it is not as it was. */
static void
look_again(struct keys *k)
{
	struct complaint unused;
	struct timespec seen;
	struct stat st;

	monitor_enter(&k->monitor);
	seen = k->ring.changed;
	monitor_leave(&k->monitor);
	if (stat(k->place.directory, &st) == 0 &&
	    (st.st_mtim.tv_sec != seen.tv_sec || st.st_mtim.tv_nsec != seen.tv_nsec))
		(void)load(k, &unused);
}

/* The secret of a key for one purpose; the key is forgotten. */
static void
derive(struct key *key, const char *purpose, unsigned char secret[CIPHER_KEY])
{
	char *words = mem_format("rollcall 1 %s", purpose);

	cipher_derive(key->secret, words, secret);
	cipher_forget(key, sizeof(*key));
	free(words);
}

/* ---- sealing ---- */

void
keys_seal(struct keys *k, const char *purpose, const void *text, size_t length, struct bytes *sealed)
{
	unsigned char *out = (unsigned char *)bytes_room(sealed, AT_TEXT + length + CIPHER_TAG);
	unsigned char secret[CIPHER_KEY];
	struct key key;

	key_that_seals(k, &key);
	out[0] = VERSION;
	for (size_t i = 0; i < TIME_SIZE; i++)
		out[AT_TIME + i] = (unsigned char)((uint64_t)key.from >> (TIME_SIZE - 1 - i) * 8);
	cipher_random(out + AT_NONCE, CIPHER_NONCE);
	derive(&key, purpose, secret);
	cipher_seal(secret, out + AT_NONCE, out, AT_NONCE, text, length, out + AT_TEXT,
	            out + AT_TEXT + length);
	cipher_forget(secret, sizeof(secret));
	sealed->length += AT_TEXT + length + CIPHER_TAG;
	sealed->data[sealed->length] = '\0';
}

enum keys_result
keys_unseal(struct keys *k, const char *purpose, const void *sealed, size_t length, struct bytes *text)
{
	const unsigned char *in = sealed;
	unsigned char secret[CIPHER_KEY];
	struct key key;
	uint64_t from = 0;
	size_t rest;
	int rc;

	if (length < AT_TEXT + CIPHER_TAG || in[0] != VERSION)
		return KEYS_MALFORMED;
	for (size_t i = 0; i < TIME_SIZE; i++)
		from = from << 8 | in[AT_TIME + i];
	if (!key_of_time(k, (int64_t)from, &key)) {
		look_again(k);
		if (!key_of_time(k, (int64_t)from, &key))
			return KEYS_UNKNOWN;
	}
	rest = length - AT_TEXT - CIPHER_TAG;
	derive(&key, purpose, secret);
	rc = cipher_unseal(secret, in + AT_NONCE, in, AT_NONCE, in + AT_TEXT, rest, in + AT_TEXT + rest,
	                   bytes_room(text, rest));
	cipher_forget(secret, sizeof(secret));
	if (rc == 0)
		text->length += rest;
	text->data[text->length] = '\0';
	return rc == 0 ? KEYS_OPENED : KEYS_FALSE;
}

/* ---- tokens ---- */

static void
make_token(struct key *key, const char *purpose, const void *text, size_t length, char token[KEYS_TOKEN + 1])
{
	unsigned char secret[CIPHER_KEY], mac[CIPHER_MAC];

	derive(key, purpose, secret);
	cipher_mac(secret, text, length, mac);
	cipher_forget(secret, sizeof(secret));
	base32_write(mac, BASE32_BYTES(KEYS_TOKEN), token);
}

void
keys_token(struct keys *k, const char *purpose, const void *text, size_t length, char token[KEYS_TOKEN + 1])
{
	struct key key;

	key_that_seals(k, &key);
	make_token(&key, purpose, text, length, token);
}

/* One of them, from the newest on. */
static bool
key_at(struct keys *k, size_t which, struct key *key)
{
	bool found;

	monitor_enter(&k->monitor);
	found = which < k->ring.count;
	if (found)
		*key = k->ring.all[k->ring.count - 1 - which];
	monitor_leave(&k->monitor);
	return found;
}

bool
keys_token_is(struct keys *k, const char *purpose, const void *text, size_t length, const char *token,
              size_t token_length)
{
	char ours[KEYS_TOKEN + 1], theirs[KEYS_TOKEN + 1];
	struct key key;
	bool same = false;

	if (token_length != KEYS_TOKEN)
		return false;
	for (size_t i = 0; i < KEYS_TOKEN; i++)
		theirs[i] = text_lower(token[i]);
	for (size_t i = 0; !same && key_at(k, i, &key); i++) {
		make_token(&key, purpose, text, length, ours);
		same = cipher_same(ours, theirs, KEYS_TOKEN);
	}
	return same;
}

/* ---- looking after them ---- */

bool
keys_view(struct keys *k, size_t which, struct key_view *v)
{
	const struct ring *r = &k->ring;
	bool there;

	monitor_enter(&k->monitor);
	there = which < r->count;
	if (there) {
		*v = (struct key_view){ .from = r->all[which].from * 1000, .seals = which == sealing(r),
			                .until = which + 1 < r->count ? r->all[which + 1].from * 1000 : 0 };
		key_print_id(r->all[which].from, v->id);
	}
	monitor_leave(&k->monitor);
	return there;
}

int
keys_add(struct keys *k, int64_t from, char id[KEYS_ID + 1], struct complaint *why)
{
	int dir = keyring_lock(&k->place, why), rc;

	if (dir < 0)
		return -1;
	key_print_id(from / 1000, id);
	rc = keyring_write(&k->place, dir, from / 1000, why);
	(void)close(dir);
	return rc < 0 ? -1 : load(k, why);
}

int
keys_remove(struct keys *k, const char *id, struct complaint *why)
{
	int dir = keyring_lock(&k->place, why), rc;

	if (dir < 0)
		return -1;
	rc = keyring_remove(&k->place, dir, id, why);
	(void)close(dir);
	return rc < 0 ? -1 : load(k, why);
}
