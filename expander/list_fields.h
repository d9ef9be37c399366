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

/* Adds them. Those of the message that go are left out by the envelope; what each member has is put there. */
void list_fields_add(struct envelope *, const struct target *, const char *header, size_t length,
                     struct bytes *out);

#endif
