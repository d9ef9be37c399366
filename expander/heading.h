/*
 * What is to be put before a message when it is injected, and what is to be left out: by list and
 * role.
 */
#ifndef EXPANDER_HEADING_H
#define EXPANDER_HEADING_H

#include "policies/site.h"
#include "queues/entry.h"

/*
 * Fills inject_sender, inject_add and inject_remove. The envelope's other fields, and `id`, the
 * name of the entry, must be there. `lhlo` is the name the MTA gave, `header` that of the message.
 */
void heading_compose(struct envelope *, const struct site *, const struct target *, const char *id,
                     const char *lhlo, const char *header, size_t length);

/*
 * Where answers go by a setting like `reply-to`: the value of Reply-To, allocated. NULL where it stays as
 * it is: the poster's cannot be put beside others, or there is nothing.
 */
char *heading_reply_to(const struct list *, const char *setting, const char *header, size_t length);

/* Takes back what heading_compose() filled in. */
void heading_clear(struct envelope *);

#endif
