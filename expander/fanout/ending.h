/* What becomes of a post that has nothing left to do now. */
#ifndef EXPANDER_FANOUT_ENDING_H
#define EXPANDER_FANOUT_ENDING_H

#include "expander/fanout/post.h"
#include "expander/service.h"

/*
 * Reports what was refused, and lets the post go: done, or until the next time, or until an operator who
 * holds it lets it go. The post is closed by the caller.
 */
void ending(struct post *, const struct service *);

/* The end of an entry that nothing may be sent of. It has its distribution list, to be compared. */
void ending_shadow(struct post *);

#endif
