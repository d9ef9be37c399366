/*
 * The header of a message (RFC 5322 section 2.2), read in place. A header ends at an empty line, or
 * where a line is neither a field nor the continuation of one: what stands behind is body for us as
 * it is for the MTA. An mbox line "From …" at the very beginning is skipped.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

struct field {
	const char *start;                /* the whole field, folds and line end included */
	size_t length;
	const char *name;
	size_t name_length;
	const char *value;                /* behind the colon, up to and without the last line end */
	size_t value_length;
};

/* The next field of text[*at..length), moving *at behind it. False at the end of the header. */
bool header_next(const char *text, size_t length, size_t *at, struct field *);

/* How many bytes of the text are header, without the empty line. */
size_t header_length(const char *text, size_t length);

/* How many fields of that name there are; and the first of them, if any. */
size_t header_count(const char *header, size_t length, const char *name, struct field *first);

bool field_is(const struct field *, const char *name);

/* The value on one line: folds removed, trimmed. */
void field_unfold(const struct field *, struct bytes *);

/* The same without comments (RFC 5322 section 3.2.2), for fields whose grammar is made of words. */
void field_words(const struct field *, struct bytes *);

/*
 * The value as it stands, folds included, without blanks around it; false, and nothing added, where
 * it is no UTF-8, holds a control character, is empty, or longer than 64 KiB: what can be kept.
 */
bool field_text(const struct field *, struct bytes *);

enum { FIELD_LONGEST = 900 };             /* of a value of ours: it has to go on a line of 998 octets */

/* Whether so many characters can be the name of a field (RFC 5322 section 3.6.8). -1: they cannot. */
int field_check_name(const char *name, size_t length, struct complaint *);

/* Whether a text can be the value of a field: printable ASCII, and not too long. -1: it cannot. */
int field_check_value(const char *text, struct complaint *);

/* The first field of that name. */
bool header_find(const char *text, size_t length, const char *name, struct field *);

/*
 * Whether this is the header of what may be an internationalized message (RFC 6531, RFC 6532): it has
 * letters beyond ASCII, or its body has some and parts with headers of their own. Clients say SMTPUTF8
 * of others as well.
 */
bool header_needs_utf8(const char *text, size_t length, bool eight_bit_body);

#endif
