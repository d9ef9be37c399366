/* When to try again. */
#include "queues/schedule.h"

enum { STEP = 900000 };                   /* ms: more than a try that goes wrong takes */

int64_t
schedule_delay(const struct schedule *s, int64_t tries)
{
	int64_t delay = s->first;

	while (--tries > 0 && delay < s->most)
		delay *= 2;
	return delay < s->most ? delay : s->most;
}

int64_t
schedule_step(const struct schedule *s, int64_t from, int64_t to)
{
	int64_t most = s->most > STEP ? s->most : STEP;

	if (to <= from)
		return 0;
	return to < from + most ? to - from : most;
}

int64_t
schedule_next(const struct schedule *s, int64_t tries, int64_t spent, int64_t now)
{
	int64_t delay = schedule_delay(s, tries), left = s->expire - spent;

	return now + (left > 0 && left < delay ? left : delay);
}

bool
schedule_expired(const struct schedule *s, int64_t spent)
{
	return spent >= s->expire;
}
