/*
 * Whose signatures on a message hold: what dkim and dmarc ask. The keys come from the DNS, all at the
 * same time.
 */
#ifndef POLICIES_VERIFIED_H
#define POLICIES_VERIFIED_H

#include "base/text.h"
#include "policies/policy.h"

struct verified {
	struct text_list holds;           /* canonical domains */
	struct text_list unsure;          /* of which nobody said whether there is such a key */
	char why[REASON_SIZE];            /* of the last one of these */
	char none[REASON_SIZE];           /* why none holds, where none does */
};

/*
 * Verifies the message of the facts. -1 with a complaint: nothing can be known about it. To be freed in
 * any case.
 */
int verified_read(struct verified *, const struct facts *, struct deadline, struct complaint *);
void verified_free(struct verified *);

/* Whether a domain among them is aligned with the author's (see mail/dmarc.h). */
bool verified_aligned(const struct text_list *, const char *author, bool strict);

#endif
