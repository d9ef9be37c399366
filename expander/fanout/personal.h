/*
 * Copies for one member: texts above and below the body that name whom they are for, and fields by which
 * this member leaves.
 *
 * Threads: any.
 */
#ifndef EXPANDER_FANOUT_PERSONAL_H
#define EXPANDER_FANOUT_PERSONAL_H

#include "base/bytes.h"
#include "base/keys.h"
#include "queues/entry.h"

/* Of an entry. */
struct personal {
	const struct envelope *envelope;
	const char *list;                 /* canonical */
	const char *id;
	struct keys *keys;
};

/*
 * What post_rewrite() gives, for this member; and *after, which stands behind the body: allocated, NULL
 * for nothing.
 */
void personal_rewrite(const struct personal *, const char *member, const char *message, size_t length,
                      struct bytes *head, size_t *body_at, char **after);

#endif
