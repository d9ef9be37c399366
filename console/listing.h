/* The queues as an operator looks at them: read from the spool itself, whether or not anybody works on it. */
#ifndef CONSOLE_LISTING_H
#define CONSOLE_LISTING_H

#include "policies/site.h"
#include "queues/queue.h"

/* What an entry that is not done waits for. */
enum entry_state {
	ENTRY_WORK,                       /* nothing: somebody works on it, or may at once */
	ENTRY_DEFERRED,                   /* the time of its next try */
	ENTRY_KEPT,                       /* an errors address: a bounce that nobody is named for */
	ENTRY_UNREADABLE,                 /* a person, or a newer program */
	ENTRY_STATES
};
enum entry_state listing_state(const struct entry_summary *);

/*
 * Calls see for each entry of the queues from `first` up to `last`. A spool that was never made has
 * none. -1 with a complaint.
 */
int listing_each(const struct site *, enum queue_id first, enum queue_id last,
                 void (*see)(void *, const struct entry_summary *), void *arg, struct complaint *);

/* "3s", "12m", "5h", "2d" */
void listing_age(int64_t milliseconds, char *text, size_t size);

#endif
