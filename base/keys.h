/*
 * The site's keys: a directory with a file for each, which all daemons of all hosts share by having
 * copies of it. A key's name is the moment (UTC) from which it seals; of those in force the newest
 * does, and all that are there open what was sealed. So a new key is handed round before its time
 * comes, and an old one stays for as long as something sealed with it is under way.
 *
 * Nothing is done with a key itself: of each there is a secret for each purpose, a word like "stamp"
 * or "bounce" that says what it is for and never changes. What is made for one purpose is worth
 * nothing for another.
 *
 * Threads: struct keys may be shared.
 */
#ifndef BASE_KEYS_H
#define BASE_KEYS_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	KEYS_ID = 16,                     /* 20261122T081500Z */
	KEYS_TOKEN = 16                   /* characters of a token, 80 bits */
};

struct keys;

/*
 * Reads the directory. Where it is missing or has no key, it is made, with a key that seals at once:
 * by one of those that do so at the same time. `owner` is who is to have it, where root makes it; may
 * be NULL. Whatever is in the directory and is no key, or is open to others, is an error.
 */
struct keys *keys_open(const char *directory, const char *owner, struct complaint *);
void keys_close(struct keys **);

/* ---- sealing: nobody else can read it or make it ---- */

/* Adds what the text becomes: some 40 bytes more. */
void keys_seal(struct keys *, const char *purpose, const void *text, size_t length, struct bytes *sealed);

enum keys_result {
	KEYS_OPENED,
	KEYS_MALFORMED,                   /* no such thing, or of a version we do not know */
	KEYS_UNKNOWN,                     /* by a key that we do not have */
	KEYS_FALSE                        /* not made with that key for that purpose, or changed since */
};

/*
 * Adds the text, only where it is KEYS_OPENED. Before it says KEYS_UNKNOWN it looks whether the
 * directory has changed.
 */
enum keys_result keys_unseal(struct keys *, const char *purpose, const void *sealed, size_t length,
                             struct bytes *text);

/* ---- tokens: short marks of a text that everybody may know, for addresses and links ---- */

/* Letters and digits, safe against folding of case; not secret, but nobody else can make them. */
void keys_token(struct keys *, const char *purpose, const void *text, size_t length,
                char token[KEYS_TOKEN + 1]);

/* Whether it is the text's, by any of the keys. */
bool keys_token_is(struct keys *, const char *purpose, const void *text, size_t length, const char *token,
                   size_t token_length);

/* ---- looking after them ---- */

struct key_view {
	char id[KEYS_ID + 1];
	int64_t from;                     /* wall clock, ms: since when it may seal */
	int64_t until;                    /* when the next one took over, or will; 0: not known */
	bool seals;                       /* it is the one that seals now */
};

/* From the oldest on; false behind the newest. */
bool keys_view(struct keys *, size_t which, struct key_view *);

/* Makes a key that seals from then on (wall clock, ms), and gives its name. Durable. */
int keys_add(struct keys *, int64_t from, char id[KEYS_ID + 1], struct complaint *);

/* Removes a key. The last one is refused. Durable. */
int keys_remove(struct keys *, const char *id, struct complaint *);

#endif
