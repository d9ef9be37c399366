/* Telling whoever looks after a list which of its members' addresses are none. */
#ifndef EXPANDER_FANOUT_REFUSED_H
#define EXPANDER_FANOUT_REFUSED_H

#include "expander/service.h"
#include "queues/queue.h"

/*
 * Stores a report on what was refused while the members for an entry were read, unless one on this
 * list was stored on the same day (UTC) by the clock. The entry is being worked on. -1 with a
 * complaint: it could not be stored.
 */
int report_refused(struct entry *, const struct site *, const struct walk_report *, struct complaint *);

#endif
