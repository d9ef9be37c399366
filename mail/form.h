/*
 * What a form of HTML brings by POST: application/x-www-form-urlencoded, or multipart/form-data (RFC 7578).
 *
 * Threads: any.
 */
#ifndef MAIL_FORM_H
#define MAIL_FORM_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a body of this Content-Type says that the field of the name has just this value. */
bool form_says(const char *type, const char *body, size_t length, const char *name, const char *value);

#endif
