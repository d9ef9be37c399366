/*
 * The files of keys, for keys.c: a directory, and what it holds. Everything but keyring_lock() is called
 * with the descriptor that it gave, which holds the lock until it is closed.
 */
#ifndef BASE_KEYRING_H
#define BASE_KEYRING_H

#include "base/cipher.h"
#include "base/complaint.h"
#include "base/keys.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct keyring {
	char *directory;
	char *owner;                      /* see keys_open() */
};

struct key {
	int64_t from;                     /* seconds */
	unsigned char secret[CIPHER_KEY];
};

/* What the directory holds. */
struct ring {
	struct key *all;                  /* from the oldest on */
	size_t count;
	struct timespec changed;          /* the directory, when it was read */
};

void ring_free(struct ring *);

/* The name of a key, which says its time. */
void key_print_id(int64_t from, char id[KEYS_ID + 1]);
bool key_parse_id(const char *id, int64_t *from);

/* Makes the directory where it is missing. The descriptor, or -1 with a complaint. */
int keyring_lock(const struct keyring *, struct complaint *);

int keyring_read(const struct keyring *, int dir, struct ring *, struct complaint *);

/* Makes a key, durably. One of the same second that is there already is an error. */
int keyring_write(const struct keyring *, int dir, int64_t from, struct complaint *);

/* Removes one, durably, unless it is the only one. */
int keyring_remove(const struct keyring *, int dir, const char *id, struct complaint *);

#endif
