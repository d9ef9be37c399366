/* What is written to people about a post that is held. */
#ifndef EXPANDER_MODERATION_NOTICES_H
#define EXPANDER_MODERATION_NOTICES_H

#include "expander/service.h"
#include "mail/held_notice.h"
#include "queues/queue.h"

/* Counts notices by list, for a day. Of one thread. */
struct notice_counts;
struct notice_counts *notice_counts_open(void);
void notice_counts_close(struct notice_counts **);

/*
 * Whether the owners of the list may have one more notice today; counts it. *last: it is the last one. Of
 * `most` 0 there are none.
 */
bool notice_counts_take(struct notice_counts *, const char *list, int64_t most, int64_t now, bool *last);

/*
 * Puts a notice into the queues: to the list's moderators, or its owners where there are none; or for
 * NOTICE_REJECTED to the sender, if who that is was proven, and to nobody else. Safe to repeat. -1 with a
 * complaint.
 */
int notice_store(struct entry *, const struct service *, enum notice_kind, const char *reason, bool last,
                 struct complaint *);

#endif
