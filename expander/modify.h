/* What a site changes in posts, after everything that rollcall puts there itself. */
#ifndef EXPANDER_MODIFY_H
#define EXPANDER_MODIFY_H

#include "policies/site.h"
#include "queues/entry.h"

/*
 * The steps that hold for the target, one after the other, on what heading_compose() has made:
 * inject_add and inject_remove of the envelope. `header` is that of the message. Where a step cannot
 * be done, -1 with a complaint: the post is not to go out without it.
 */
int modify_heading(struct envelope *, const struct target *, const char *header, size_t length,
                   struct complaint *);

#endif
