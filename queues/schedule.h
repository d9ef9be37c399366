/*
 * When to try again, and when no more: pure functions. An entry does not age by the clock, which may
 * jump, and stands while nothing runs: it ages from one try to the next, by a step at most.
 */
#ifndef QUEUES_SCHEDULE_H
#define QUEUES_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
	int64_t first, most;              /* milliseconds: the first delay, and the longest */
	int64_t expire;                   /* milliseconds spent on an entry when trying ends */
};

/*
 * The delay after `tries` failures in a row, at least one: doubled each time, from `first` to
 * `most`.
 */
int64_t schedule_delay(const struct schedule *, int64_t tries);

/*
 * What counts of the time between two looks at an entry: the longest delay, or a quarter of an hour
 * where that is longer, at most, and nothing where the clock went back.
 */
int64_t schedule_step(const struct schedule *, int64_t from, int64_t to);

/*
 * The moment of the next try, after so much time was spent: never later than the entry's end, so that
 * the last try is made at it.
 */
int64_t schedule_next(const struct schedule *, int64_t tries, int64_t spent, int64_t now);

bool schedule_expired(const struct schedule *, int64_t spent);

#endif
