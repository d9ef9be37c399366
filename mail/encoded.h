/* Encoded words (RFC 2047): header values as people read them. */
#ifndef MAIL_ENCODED_H
#define MAIL_ENCODED_H

#include "base/bytes.h"

/*
 * Adds an unfolded value with its encoded words in UTF-8. A word in a character set that is not
 * known, or that is malformed, stays as it is written.
 */
void encoded_read(struct bytes *, const char *value, size_t length);

#endif
