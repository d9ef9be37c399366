/*
 * The fields of lists (RFC 2369, RFC 2919, RFC 8058) of a post, and what becomes of those that other lists
 * have put there.
 *
 * Threads: any.
 */
#ifndef EXPANDER_LIST_FIELDS_H
#define EXPANDER_LIST_FIELDS_H

#include "policies/site.h"
#include "queues/entry.h"

/* What a post's fields are made of, and where they go. */
struct heading {
	struct envelope *envelope;
	const struct target *target;
	const char *header;               /* of the message */
	size_t length;
	struct bytes *out;
};

/* Adds them. Those of the message that go are left out by the envelope; what each member has is put there. */
void list_fields_add(struct heading *);

#endif
