/*
 * What every fuzz program includes. Each reads one format from the bytes that libFuzzer thinks of,
 * and holds the reader to what its header promises: where that is not so MUST() ends the program,
 * and libFuzzer keeps the bytes.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/bytes.h"
#include "mail/syntax.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() it is there in every build. */
#define MUST(promise)                                                                              \
	do {                                                                                       \
		if (!(promise)) {                                                                  \
			(void)fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__,   \
			              #promise);                                                   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input while it is eaten up; after its end come zeros. */
struct food {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
eat(struct food *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->at++;
}

/* Up to so many bytes, in place. */
static inline struct slice
eat_some(struct food *f, size_t most)
{
	struct slice s = { (const char *)f->at, f->left < most ? f->left : most };

	f->at += s.length;
	f->left -= s.length;
	return s;
}

/* What stands before the next byte of this value, which is eaten as well; else the rest. */
static inline struct slice
eat_until(struct food *f, char stop)
{
	const uint8_t *end = f->left == 0 ? NULL : memchr(f->at, stop, f->left);
	struct slice s = eat_some(f, end == NULL ? f->left : (size_t)(end - f->at));

	(void)eat(f);
	return s;
}

/* Whether a slice lies within another. */
static inline bool
lies_within(struct slice inner, struct slice outer)
{
	return inner.at >= outer.at && inner.length <= outer.length &&
	       inner.at + inner.length <= outer.at + outer.length;
}

static inline bool
same_bytes(struct slice a, struct slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static inline struct slice
slice_of(const struct bytes *b)
{
	return (struct slice){ bytes_text(b), b->length };
}

/* Both are the same text, or both NULL. */
static inline bool
same_texts(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* A callback that adds to struct bytes. */
static inline void
collect(void *arg, const char *bytes, size_t length)
{
	bytes_add(arg, bytes, length);
}

#endif
