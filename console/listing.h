/* The queues as an operator looks at them: read from the spool itself, whether or not anybody works on it. */
#ifndef CONSOLE_LISTING_H
#define CONSOLE_LISTING_H

#include "mail/address.h"
#include "policies/site.h"
#include "queues/queue.h"

/* What an entry that is not done waits for. */
enum entry_state {
	ENTRY_WORK,                       /* nothing: somebody works on it, or may at once */
	ENTRY_DEFERRED,                   /* the time of its next try */
	ENTRY_HELD,                       /* an operator: rollcallctl release */
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

/* How much is in each queue. */
int listing_count(const struct site *, struct queue_count counts[QUEUE_COUNT], struct complaint *);

/*
 * Calls see for each recipient of an entry, wherever that is, as the distribution list has them. 0:
 * there is no such entry, or it has no list yet. -1 with a complaint.
 */
int listing_recipients(const struct site *, const char *id,
                       void (*see)(void *, const struct address *), void *arg, struct complaint *);

/*
 * The name of the entry that an operator means: its name, the queue id of the MTA that it came from, or its
 * Message-ID; one that waits in moderation only where that is asked for. CTL_YES, or the status of what was
 * said on standard error.
 */
int listing_find(const struct site *, const char *text, bool undecided, char id[DIGEST_NAME + 1]);

/* How a post gets on. */
struct pace_report {
	size_t deferred;                  /* recipients that were put off, and wait */
	int64_t rate;                     /* recipients a minute since its first batch; 0: not known */
	int64_t left;                     /* ms until its end at this rate; -1: not known, or it stands */
};
struct pace_report listing_pace(const struct entry_summary *, int64_t now);

/* "3s", "12m", "5h", "2d" */
void listing_age(int64_t milliseconds, char *text, size_t size);

#endif
