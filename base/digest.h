/*
 * SHA-256 and the base32 in which names of entries are written, and names that nobody guesses. One
 * thread per digest.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

enum { DIGEST_SIZE = 32, DIGEST_NAME = 26 };

struct digest;

struct digest *digest_open(void);
void digest_add(struct digest *, const void *bytes, size_t length);
void digest_end(struct digest **, unsigned char out[DIGEST_SIZE]);      /* closes as well */
void digest_close(struct digest **);

/* The first 128 bits as 26 lower-case letters and digits (RFC 4648 base32) and a NUL. */
void digest_name(const unsigned char digest[DIGEST_SIZE], char name[DIGEST_NAME + 1]);

/* The name of these bytes by their SHA-256. Any thread. */
void digest_of(const void *bytes, size_t length, char name[DIGEST_NAME + 1]);

/* 128 random bits, written the same way. Any thread. */
void digest_random(char name[DIGEST_NAME + 1]);

enum { DIGEST_OLD_NAME = 32 };

/*
 * SHA-1 as 32 upper-case letters and digits of base32, and a NUL: by which others name things, and no
 * protection against anybody. Any thread.
 */
void digest_old_name(const void *bytes, size_t length, char name[DIGEST_OLD_NAME + 1]);

#endif
