/*
 * Original recipients in the envelope (RFC 3461 section 4.2, RFC 6533 section 3). One that is malformed
 * ends a process of some sendmail: nothing else is to write them.
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "base/bytes.h"

#include <stddef.h>

/*
 * Adds " ORCPT=rfc822;bob+2Bx@example.com" for an address, or the form for those that are not ASCII;
 * nothing where it would be longer than the 500 octets that there may be, or has control characters.
 */
void xtext_add_orcpt(struct bytes *, const char *address, size_t length);

#endif
