/*
 * What is done with a secret, by OpenSSL: other secrets are derived of it (HKDF-SHA-256, RFC 5869),
 * bytes are sealed (AES-256-GCM), and short marks are made of them (HMAC-SHA-256). Any thread.
 */
#ifndef BASE_CIPHER_H
#define BASE_CIPHER_H

#include <stddef.h>

/*
 * Before anything else is asked of OpenSSL in this process, here or by another library: nothing of it is
 * torn down at the end, when libmilter's threads may still be there.
 */
void cipher_begin(void);

enum { CIPHER_KEY = 32, CIPHER_NONCE = 12, CIPHER_TAG = 16, CIPHER_MAC = 32 };

/* A secret for one purpose: the same for the same words, and it tells nothing of the others. */
void cipher_derive(const unsigned char secret[CIPHER_KEY], const char *purpose,
                   unsigned char key[CIPHER_KEY]);

/* Random bytes, at most 256. */
void cipher_random(void *bytes, size_t length);

/*
 * Encrypts `plain` to as many bytes, and makes the tag of them and of `open`, which is only
 * protected. A nonce is never used twice with a key.
 */
void cipher_seal(const unsigned char key[CIPHER_KEY], const unsigned char nonce[CIPHER_NONCE],
                 const void *open, size_t open_length, const void *plain, size_t length,
                 unsigned char *sealed, unsigned char tag[CIPHER_TAG]);

/* The other way. -1, and `plain` worth nothing, where any of it is not as it was made. */
int cipher_unseal(const unsigned char key[CIPHER_KEY], const unsigned char nonce[CIPHER_NONCE],
                  const void *open, size_t open_length, const unsigned char *sealed, size_t length,
                  const unsigned char tag[CIPHER_TAG], void *plain);

void cipher_mac(const unsigned char key[CIPHER_KEY], const void *bytes, size_t length,
                unsigned char mac[CIPHER_MAC]);

/* Compares in a time that tells nothing of where they differ. */
int cipher_same(const void *a, const void *b, size_t length);

/* Overwrites a secret for good. */
void cipher_forget(void *secret, size_t length);

#endif
