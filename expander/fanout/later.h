/* What becomes of an entry that nothing can be sent of now. */
#ifndef EXPANDER_FANOUT_LATER_H
#define EXPANDER_FANOUT_LATER_H

#include "expander/service.h"
#include "queues/queue.h"

/*
 * Puts the entry off, or, when its time is over, reports that it is given up, and ends it. `event` is
 * the word for the log. Lets the entry go.
 */
void put_off(struct entry **, const struct service *, const char *event, const char *reason);

#endif
