/*
 * What is left to a library for MIME, GMime: decoding what others encoded. The only file that knows
 * it is mime.c. It never touches a message that goes out.
 *
 * Threads: any.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "base/bytes.h"

#include <stdbool.h>

/*
 * The value of an unstructured field for reading: encoded words (RFC 2047) decoded. UTF-8, where
 * nothing else can be made of it with characters that stand for what is lost. Allocated.
 */
char *mime_decode(const char *value);

/*
 * The first mailbox of a field of addresses: its address, and its name with encoded words decoded, or
 * NULL where it has none. Both allocated. False where there is no mailbox.
 */
bool mime_mailbox(const char *value, char **name, char **address);

/* The address of a field that holds one mailbox and nothing else, allocated; NULL: it does not. */
char *mime_sole_address(const char *value);

/* What a Content-Type says, with its comments and encodings taken off. Owned. */
struct mime_type {
	char *type;                       /* "text/plain"; "" where it cannot be understood */
	char *charset;                    /* NULL: it names none */
};
void mime_type_parse(struct mime_type *, const char *value);
void mime_type_free(struct mime_type *);

/* One part of a message: the whole, what a multipart has in it, or a message within. */
struct mime_part {
	const char *type;                 /* "image/png", as it is written */
	const char *name;                 /* of the file, decoded; NULL: it has none */
	unsigned depth;                   /* 0 is the whole */
	bool leaf;                        /* nothing in it is looked at */
};

/* Called for each part, outer ones first. All of it is valid during the call only. False ends it. */
typedef bool mime_part_fn(void *arg, const struct mime_part *);

/*
 * Reads the message in the file from its beginning and walks all its parts. -1 where there are more
 * than so many, or they lie deeper: what is further in has not been seen then. The file's position is
 * not used.
 */
int mime_each_part(int file, unsigned depth, unsigned count, mime_part_fn *, void *arg);

/*
 * The first text of a message, of which the header is given and how the body begins: of parts that are no
 * attachments the first text/plain, else the first text/html. Decoded, UTF-8, allocated; NULL: there is none.
 */
char *mime_first_text(const struct bytes *message, bool *html);

/* Lines that end in LF as quoted-printable (RFC 2045 section 6.7), with CRLF. */
void mime_quote(struct bytes *, const char *text);

/* Bytes in base64, on one line. */
void mime_base64(struct bytes *, const void *bytes, size_t length);

#endif
