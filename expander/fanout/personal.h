/*
 * Copies for one member: texts above and below the body that name whom they are for.
 *
 * Threads: any.
 */
#ifndef EXPANDER_FANOUT_PERSONAL_H
#define EXPANDER_FANOUT_PERSONAL_H

#include "base/bytes.h"
#include "queues/entry.h"

/*
 * What post_rewrite() gives, for this member; and *after, which stands behind the body: allocated, NULL
 * for nothing. `id` is the entry's.
 */
void personal_rewrite(const struct envelope *, const char *id, const char *member, const char *message,
                      size_t length, struct bytes *head, size_t *body_at, char **after);

#endif
