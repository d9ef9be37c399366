/*
 * A display name as RFC 5322 section 3.2.5 writes it: words, a quoted string, or encoded words (RFC
 * 2047).
 */
#ifndef MAIL_PHRASE_H
#define MAIL_PHRASE_H

#include "base/bytes.h"

#include <stdbool.h>

/*
 * Adds the phrase on one logical line: line ends and other control characters become blanks, and
 * what is longer than `most` characters is cut at a character. Long encoded words are folded. Text
 * that is no UTF-8 adds nothing.
 */
void phrase_add(struct bytes *, const char *text, size_t most);

/*
 * Adds the text, which is UTF-8, as encoded words (RFC 2047 section 2), folded, whatever is in it.
 */
void phrase_encode(struct bytes *, const char *text);

/* Whether a text is UTF-8 and holds no control characters. */
bool phrase_is_plain(const char *text);

#endif
