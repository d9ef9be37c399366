/*
 * Variable envelope return paths: the reverse-path of one member's copy, so that whatever comes back
 * says whose it was. Two forms, both behind the '+' of a list's address for bounces:
 *
 *	staff-bounces+<post><line><mark>@domain     ours
 *	staff-bounces+bob=example.com@domain        the MTA's, made by it for XVERP
 *
 * Ours has the first letters of the post's entry, the line of its distribution list, and a mark that only
 * the site's keys can make: letters and digits, which stay good where case is folded. In the MTA's
 * anybody can write anything: it is a hint.
 */
#ifndef MAIL_VERP_H
#define MAIL_VERP_H

#include "base/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VERP_POST = 8,                    /* letters of an entry's name: 40 bits */
	VERP_LINE = 7,                    /* at most: 32 bits */
	VERP_LONGEST = 64                 /* octets of a local part (RFC 5321 section 4.5.3.1.1) */
};

enum verp_form {
	VERP_NONE,                        /* nothing stands there, or nothing that says whose it is */
	VERP_TRUE,                        /* ours, by one of our keys */
	VERP_FALSE,                       /* looks like ours: forged, or by a key that is gone */
	VERP_HINT                         /* names an address, by nobody's word */
};

struct verp {
	enum verp_form form;
	char post[VERP_POST + 1];         /* of ours */
	uint32_t line;
	char *member;                     /* of a hint: canonical, allocated; else NULL */
};

/*
 * The reverse-path for a line of an entry's distribution list; `bounces` is the list's address for them.
 * Allocated. NULL where its local part would be too long.
 */
char *verp_address(struct keys *, const char *bounces, const char *list, const char *entry, uint32_t line);

/* What an address, canonical, that is one for bounces of this list tells. Free with verp_free(). */
void verp_read(struct keys *, const char *canonical, const char *list, struct verp *);
void verp_free(struct verp *);

#endif
