/*
 * Bytes that grow. The data always ends in a NUL that `length` does not count, so that what
 * holds text can be used as a string. A zeroed struct is an empty one.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	char *data;                       /* NULL while nothing was ever added */
	size_t length;
	size_t capacity;
};

void bytes_add(struct bytes *, const void *from, size_t length);
void bytes_add_text(struct bytes *, const char *text);
void bytes_add_char(struct bytes *, char c);
void bytes_format(struct bytes *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Text from elsewhere for a log or a terminal: control characters, those of C1 included, and the
 * characters in `also` become \xNN.
 */
void bytes_add_printable(struct bytes *, const char *text, const char *also);

/* The text with every byte as %XX that is neither an ASCII letter, a digit nor among `plain`. */
void bytes_add_escaped(struct bytes *, const char *text, size_t length, const char *plain);

/* Room for `length` more bytes at data + length; the caller adds to `length` what it used. */
char *bytes_room(struct bytes *, size_t length);

/* Forgets the first `length` bytes. */
void bytes_consume(struct bytes *, size_t length);

/* Keeps the memory, forgets the content. */
void bytes_clear(struct bytes *);

/* The content as a string: "" where there is none. */
const char *bytes_text(const struct bytes *);

/* The content as an allocated string that the caller owns; leaves an empty struct. */
char *bytes_take(struct bytes *);

void bytes_free(struct bytes *);
void bytes_wipe(struct bytes *);          /* the same, of a secret */

#endif
