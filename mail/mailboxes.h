/* The addresses in a header field: To, Cc and their like (RFC 5322 section 3.4). */
#ifndef MAIL_MAILBOXES_H
#define MAIL_MAILBOXES_H

#include "mail/header.h"

#include <stdbool.h>

/*
 * Whether the field names an address, which is canonical: by itself, with a display name, or in a
 * group. Comments and the display name itself name nobody.
 */
bool mailboxes_have(const struct field *, const char *canonical);

/*
 * What an address, canonical, becomes: allocated, or NULL where it stays as it is. False ends it all.
 */
typedef bool mailboxes_fn(void *arg, const char *canonical, char **become);

/*
 * Adds the value, which is unfolded, with other addresses in it: everything around them, names and
 * comments included, stays as it is. False where that was ended, and nothing was added.
 */
bool mailboxes_replace(const char *value, mailboxes_fn *, void *arg, struct bytes *);

/* The only address that the field names, canonical, allocated; NULL where there is none, or several. */
char *mailboxes_only(const struct field *);

#endif
