/*
 * Base32 (RFC 4648) in lower case and without padding: bytes as letters and digits that survive
 * whoever folds case.
 */
#ifndef BASE_BASE32_H
#define BASE_BASE32_H

#include <stddef.h>

/* All of them, in the order of their values. */
extern const char base32_letters[];

/* How many characters so many bytes become, without a NUL; and how many bytes so many become. */
#define BASE32_LENGTH(bytes) (((bytes) * 8 + 4) / 5)
#define BASE32_BYTES(characters) ((characters) * 5 / 8)

/* Writes the characters and a NUL behind them. */
void base32_write(const void *bytes, size_t length, char *text);

/*
 * Writes BASE32_BYTES(length) bytes. -1 where the text is none: a foreign character, a length that
 * no bytes have, or bits at its end that are not zero, so that bytes have one spelling but for case.
 */
int base32_read(const char *text, size_t length, void *bytes);

#endif
