/* Time, settable in tests. */
#include "base/clock.h"

#include <stdatomic.h>

static atomic_llong shift, jumped;

static int64_t
read_us(clockid_t which)
{
	struct timespec t;

	(void)clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_wall(void)
{
	return read_us(CLOCK_REALTIME) / 1000 + atomic_load(&shift) + atomic_load(&jumped);
}

int64_t
clock_sober(int64_t *apart)
{
	int64_t now = clock_wall(), ticks = clock_ticks();

	if (now - ticks < *apart)
		*apart = now - ticks;
	return ticks + *apart;
}

int64_t
clock_ticks(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000 + atomic_load(&shift);
}

int64_t
clock_ticks_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

bool
clock_again(_Atomic int64_t *next, int64_t milliseconds)
{
	int64_t now = clock_ticks(), at = atomic_load(next);

	return now >= at && atomic_compare_exchange_strong(next, &at, now + milliseconds);
}

void
clock_shift(int64_t milliseconds)
{
	atomic_fetch_add(&shift, milliseconds);
}

void
clock_jump(int64_t milliseconds)
{
	atomic_fetch_add(&jumped, milliseconds);
}

struct deadline
deadline_in(int64_t milliseconds)
{
	return (struct deadline){ clock_ticks() + milliseconds, -1 };
}

int64_t
deadline_left(struct deadline by)
{
	int64_t left = by.at - clock_ticks();

	return left > 0 ? left : 0;
}

bool
deadline_passed(struct deadline by)
{
	return deadline_left(by) == 0;
}

struct deadline
deadline_earlier(struct deadline a, struct deadline b)
{
	return (struct deadline){ a.at < b.at ? a.at : b.at, a.cancelled >= 0 ? a.cancelled : b.cancelled };
}

struct timespec
deadline_timespec(struct deadline by)
{
	int64_t real = by.at - atomic_load(&shift);

	return (struct timespec){ .tv_sec = real / 1000, .tv_nsec = (long)(real % 1000) * 1000000 };
}
