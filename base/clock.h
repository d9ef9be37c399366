/*
 * Time. Wall time is for what is written down, ticks for waiting: ticks do not jump. Both are in
 * milliseconds and can be shifted by tests.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970. */
int64_t clock_wall(void);

/*
 * The same without its jumps ahead since the first call: what is to be thrown away by its age is not
 * older for them. `*apart` belongs to one thread, and starts as INT64_MAX.
 */
int64_t clock_sober(int64_t *apart);

/* Milliseconds since some moment in the past; never goes back. */
int64_t clock_ticks(void);

/* The same in microseconds, for measuring. */
int64_t clock_ticks_us(void);

/*
 * Whether it is time to do something again that is done so often at most; `next` starts as 0. From any
 * thread: one of them gets the yes.
 */
bool clock_again(_Atomic int64_t *next, int64_t milliseconds);

/* For tests: adds to what clock_wall() and clock_ticks() return; to what clock_wall() alone returns. */
void clock_shift(int64_t milliseconds);
void clock_jump(int64_t milliseconds);

/* How long somebody waits for an answer. */
struct deadline {
	int64_t at;                       /* ticks: until that moment */
	int cancelled;                    /* becomes readable when nobody waits any more; or -1 */
};

/* That cannot be cancelled. */
struct deadline deadline_in(int64_t milliseconds);

/* Milliseconds left, zero when it has passed. */
int64_t deadline_left(struct deadline);
bool deadline_passed(struct deadline);

/* The earlier moment; cancelled is the first of the two that can be. */
struct deadline deadline_earlier(struct deadline, struct deadline);

/* The deadline as pthread_cond_timedwait() wants it of a monitor. */
struct timespec deadline_timespec(struct deadline);

#endif
