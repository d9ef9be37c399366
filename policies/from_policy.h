/* What the domain of a message's author publishes by DMARC (RFC 7489 section 6.6.3). */
#ifndef POLICIES_FROM_POLICY_H
#define POLICIES_FROM_POLICY_H

#include "base/resolver.h"
#include "mail/dmarc.h"
#include "sources/source.h"

struct from_policy {
	enum dmarc_wish wish;             /* for this domain */
	bool strict;                      /* a signature must be of the very domain */
};

/*
 * Asks for the record of a canonical domain, and of its organisational domain. FOUND_NO: neither has
 * one; FOUND_UNSURE with a complaint.
 */
enum found from_policy_find(struct resolver *, const char *domain, struct deadline, struct from_policy *,
                            struct complaint *);

#endif
