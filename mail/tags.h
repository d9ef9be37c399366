/*
 * Lists of tags, "name=value; name=value" (RFC 6376 section 3.2), as DKIM and DMARC write them. Nothing
 * is allocated; the slices point into the text.
 */
#ifndef MAIL_TAGS_H
#define MAIL_TAGS_H

#include "mail/syntax.h"

/*
 * The next tag of `rest`, without the blanks around its name and value. False at the end. One that
 * is malformed has a name of length zero.
 */
bool tag_next(struct slice *rest, struct slice *name, struct slice *value);

/* The value of the first tag of that name; false where there is none. */
bool tag_find(struct slice list, const char *name, struct slice *value);

/* The next word of a value that has `between` between its words, without blanks. False at the end. */
bool tag_word(struct slice *rest, char between, struct slice *word);

#endif
