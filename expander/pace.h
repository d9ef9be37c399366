/*
 * Pace by numbers: no more than so many recipients in a time. A bucket holds what may be sent at once, a
 * few seconds' worth, and is filled evenly, so that in no stretch of the time more go than are allowed.
 * Pure functions of the time, in microseconds of ticks.
 *
 * Threads: whoever has a bucket sees to that.
 */
#ifndef EXPANDER_PACE_H
#define EXPANDER_PACE_H

#include "base/complaint.h"

#include <stddef.h>
#include <stdint.h>

struct rate {
	int64_t count, us;                /* so many in so many microseconds; count 0: no limit */
};

/* "50000/hour", also minute, second, day. -1 with a complaint. */
int rate_parse(const char *text, struct rate *, struct complaint *);
int rate_check(const char *text, struct complaint *);           /* for rows of settings */

struct bucket {
	int64_t full;                     /* when it will be full; 0: it is */
	struct rate by;                   /* by which it is filled */
};

/* From now on it is filled by this rate. What was taken stays taken, up to what it holds at most. */
void bucket_fit(struct bucket *, const struct rate *, int64_t now);

/* What may be taken at once at most. */
size_t rate_burst(const struct rate *);

/* What may be taken now; SIZE_MAX without a limit. */
size_t bucket_has(const struct bucket *, const struct rate *, int64_t now);

/* Takes it, also more than there is: that is made up for later. */
void bucket_take(struct bucket *, const struct rate *, size_t count, int64_t now);

/* How long until so many may be taken, at most the burst; microseconds. */
int64_t bucket_wait(const struct bucket *, const struct rate *, size_t count, int64_t now);

/* What goes by in a minute. */
struct flow {
	int64_t at;                       /* when this minute began */
	size_t now, before;               /* in this one, and in the one before it */
};

void flow_add(struct flow *, size_t count, int64_t now);

/* In the last minute, as if it had been even. */
size_t flow_minute(const struct flow *, int64_t now);

/* What has a pace: a limit, and what goes by. */
struct pace {
	struct bucket bucket;
	struct flow flow;
};

#endif
