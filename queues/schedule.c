/* When to try again. */
#include "queues/schedule.h"

int64_t
schedule_delay(const struct schedule *s, int64_t tries)
{
	int64_t delay = s->first;

	while (--tries > 0 && delay < s->most)
		delay *= 2;
	return delay < s->most ? delay : s->most;
}

int64_t
schedule_next(const struct schedule *s, int64_t tries, int64_t arrived, int64_t now)
{
	int64_t next = now + schedule_delay(s, tries), end = arrived + s->expire;

	return next > end && now < end ? end : next;
}

int
schedule_expired(const struct schedule *s, int64_t arrived, int64_t now)
{
	return now >= arrived + s->expire;
}
