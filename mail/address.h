/*
 * Mailbox addresses (RFC 5321 section 4.1.2, RFC 6531 section 3.3). Two addresses are the same
 * mailbox for us when their canonical forms are the same bytes: the domain as A-labels in lower
 * case, the local part unquoted where it can be, ASCII letters folded, other letters in NFC and
 * lower case. The spelling is what was given and what is sent.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_LONGEST = 254 };          /* octets; RFC 5321 section 4.5.3.1.3, without <> */

struct address {
	char *canonical;
	char *spelling;
};

/*
 * Parses local-part@domain, without <>. Refused: what is no mailbox, control characters, bytes that
 * are no UTF-8, an address above 254 octets in its spelling or its canonical form. The 64 octets of
 * RFC 5321 section 4.5.3.1.1 are no bound here: senders with tokens in them are longer, and so
 * would be the roles of a list with a long name.
 */
int address_parse(struct address *, const char *text, size_t length, struct complaint *);
int address_check(const char *text, struct complaint *);         /* for rows of settings */
char *address_canonical(const char *text, struct complaint *);   /* that alone, allocated, or NULL */
void address_free(struct address *);

/*
 * The same of an address as MTAs keep it inside, where the local part may have lost its quotes:
 * what is no address as it stands is one with quotes around all before the last '@', if it is one
 * then.
 */
int address_parse_inner(struct address *, const char *text, size_t length, struct complaint *);

/*
 * The address whose local part is this text as it is meant, without quotes and escapes, in a
 * domain.
 */
int address_of_local(struct address *, const char *local, size_t length, const char *domain,
                     struct complaint *);

/* The local part of a canonical address as it is meant, without quotes and escapes. Allocated. */
char *address_local(const char *canonical);

/* The domain of a canonical address; the local part is what lies before its '@'. */
const char *address_domain(const char *canonical);

/* A domain in canonical form, allocated; NULL with a complaint. */
char *domain_canonical(const char *text, size_t length, struct complaint *);

/* Whether a text is one: 0, or -1 with a complaint. */
int domain_check(const char *text, struct complaint *);

/* Whether a domain is that one or below it; both canonical. */
bool domain_within(const char *domain, const char *top);

/* The same of a text that need not be canonical, nor a domain. */
bool domain_is_within(const char *domain, const char *above, size_t length);

/* The same domain in U-labels, allocated; NULL where that is no different, or there are none. */
char *domain_unicode(const char *canonical);

/* Whether sending to it needs SMTPUTF8 (RFC 6531): a byte above 127 in the text. */
bool address_needs_utf8(const char *text);

/* Which of the two to send to: the spelling, unless only the canonical form goes without SMTPUTF8. */
const char *address_to_send(const char *canonical, const char *spelling);

#endif
