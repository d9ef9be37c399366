/* When to try again: pure functions. */
#ifndef QUEUES_SCHEDULE_H
#define QUEUES_SCHEDULE_H

#include <stdint.h>

struct schedule {
	int64_t first, most;              /* milliseconds: the first delay, and the longest */
	int64_t expire;                   /* milliseconds after arrival when trying ends */
};

/*
 * The delay after `tries` failures in a row, at least one: doubled each time, from `first` to
 * `most`.
 */
int64_t schedule_delay(const struct schedule *, int64_t tries);

/*
 * The moment of the next try: never later than the entry's end, so that the last try is made at it.
 */
int64_t schedule_next(const struct schedule *, int64_t tries, int64_t arrived, int64_t now);

int schedule_expired(const struct schedule *, int64_t arrived, int64_t now);

#endif
