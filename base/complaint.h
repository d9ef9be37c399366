/*
 * Why something failed, in words, owned by the caller. A function that can fail takes one as its
 * last parameter and fills it before it says so; its content is undefined after success. The words
 * go to the log and to the operator, never to an SMTP client.
 */
#ifndef BASE_COMPLAINT_H
#define BASE_COMPLAINT_H

struct complaint {
	char text[512];                   /* cut off, never overrun */
};

/* Sets the text. Returns -1, so that a failing function can `return complain(why, ...)`. */
int complain(struct complaint *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, followed by ": " and the words for errno. */
int complain_errno(struct complaint *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts a context and ": " before what is there. Returns -1. */
int complain_within(struct complaint *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
