/*
 * DMARC (RFC 7489): what a domain wishes for mail in its name that nothing proves, and which domains
 * count as the same owner's. Nothing here asks the DNS.
 */
#ifndef MAIL_DMARC_H
#define MAIL_DMARC_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

enum dmarc_wish { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };

struct dmarc {
	enum dmarc_wish domain;           /* for mail of the domain itself */
	enum dmarc_wish subdomains;       /* of those below it that have no record */
	bool strict;                      /* a signature must be of the very domain */
};

/*
 * Reads the text of a TXT record. False: it is no DMARC record. One without a policy that can be understood
 * wishes nothing (section 6.6.3).
 */
bool dmarc_parse(const char *text, size_t length, struct dmarc *);

/* "none" … */
const char *dmarc_word(enum dmarc_wish);

/*
 * The organisational domain (section 3.2) of a canonical one, by the list of public suffixes: a
 * pointer into the text. The domain itself where it is a suffix, or has one label.
 */
const char *dmarc_organisation(const char *domain);

/* Whether what is proven about one canonical domain is proven about the other (section 3.1). */
bool dmarc_aligned(const char *domain, const char *from, bool strict);

/*
 * The canonical domain of a message's author: there is one From field, with one mailbox. Allocated; NULL
 * with a complaint: DMARC does not apply to others, and nothing is proven about them.
 */
char *dmarc_author(const char *header, size_t length, struct complaint *);

#endif
