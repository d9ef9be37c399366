/*
 * What a person wrote in a mail himself: without what is quoted of other mails, the lines that introduce
 * it, and a signature. A guess, since nothing of that has a form that all programs keep to.
 */
#ifndef MAIL_OWN_TEXT_H
#define MAIL_OWN_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>

/*
 * Adds it to `out`, UTF-8, on one line with single blanks, of a text as mime_first_text() gives it. False
 * where there are more bytes of it than `most`: then not all is added.
 */
bool own_text(const char *text, bool html, size_t most, struct bytes *out);

#endif
