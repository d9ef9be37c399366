/* Deciding on a post that is held. */
#ifndef CONSOLE_MODERATE_H
#define CONSOLE_MODERATE_H

#include "console/ctl.h"
#include "queues/queue.h"

/*
 * Decides on the entry that the first word of the command names, for good, and has the expander carry that
 * out. The exit status; what there is to say is said. `reason` may be NULL.
 */
int moderate(const struct ctl *, const struct site *, enum decided, const char *reason);

#endif
