/*
 * Leaving a list by one click (RFC 8058). Each member's copy of a post has a URI of https with a token: the
 * list's address and the member's, and a mark of them that only the site's keys can make. It consists of
 * letters and digits, and stays good where case is folded.
 *
 * Threads: any.
 */
#ifndef MAIL_LEAVING_H
#define MAIL_LEAVING_H

#include "base/bytes.h"
#include "base/keys.h"

#include <stdbool.h>

/* What stands for the token in the setting, and in fields that are to be filled for each member. */
#define LEAVING_HOLE "{token}"

/* Of canonical addresses. Allocated. */
char *leaving_token(struct keys *, const char *list, const char *member);

/* Whether it is one of ours, by a key that is there; if so *list and *member are allocated, else NULL. */
bool leaving_read(struct keys *, const char *token, size_t length, char **list, char **member);

/*
 * Adds fields with the member's token in their hole. Nothing where a line would be longer than mail may have.
 */
void leaving_fill(const char *fields, struct keys *, const char *list, const char *member, struct bytes *out);

#endif
