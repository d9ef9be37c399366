/* Buckets. */
#include "expander/pace.h"

#include "mail/syntax.h"

#include <string.h>

enum { SECOND = 1000000, MINUTE = 60 * SECOND };          /* us */

#define BURST (10 * (int64_t)SECOND)      /* what these bring in may go at once, or a sixth of the time */

int
rate_parse(const char *text, struct rate *r, struct complaint *why)
{
	static const char *const words[] = { "second", "minute", "hour", "day", NULL };
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	const char *slash = strchr(text, '/');
	long long count;

	if (slash != NULL && slice_number((struct slice){ text, (size_t)(slash - text) }, &count) &&
	    count >= 1 && count <= INT32_MAX)
		for (size_t i = 0; words[i] != NULL; i++)
			if (strcmp(slash + 1, words[i]) == 0) {
				*r = (struct rate){ count, seconds[i] * SECOND };
				return 0;
			}
	return complain(why, "\"%s\" is no rate, like 50000/hour; also day, minute, second", text);
}

int
rate_check(const char *text, struct complaint *why)
{
	struct rate unused;

	return rate_parse(text, &unused, why);
}

size_t
rate_burst(const struct rate *r)
{
	int64_t stretch = r->us / 6 < BURST ? r->us / 6 : BURST;
	int64_t burst = (int64_t)((double)r->count * (double)stretch / (double)r->us);

	return r->count == 0 ? SIZE_MAX : burst < 1 ? 1 : (size_t)burst;
}

/* How long one takes to come in. What a full bucket holds and what comes in meanwhile are the count. */
static double
interval(const struct rate *r)
{
	return (double)r->us / (double)(r->count - (int64_t)rate_burst(r) + 1);
}

static int64_t
lacking(const struct bucket *b, int64_t now)
{
	return b->full > now ? b->full - now : 0;
}

void
bucket_fit(struct bucket *b, const struct rate *r, int64_t now)
{
	double lacks = b->by.count == 0 ? 0 : (double)lacking(b, now) / interval(&b->by);
	double most = r->count == 0 ? 0 : (double)rate_burst(r);

	if (b->by.count == r->count && b->by.us == r->us)
		return;
	b->by = *r;
	b->full = r->count == 0 ? 0 : now + (int64_t)((lacks < most ? lacks : most) * interval(r));
}

size_t
bucket_has(const struct bucket *b, const struct rate *r, int64_t now)
{
	double has;

	if (r->count == 0)
		return SIZE_MAX;
	has = (double)rate_burst(r) - (double)lacking(b, now) / interval(r);
	return has < 0 ? 0 : (size_t)has;
}

void
bucket_take(struct bucket *b, const struct rate *r, size_t count, int64_t now)
{
	if (r->count != 0)
		b->full = now + lacking(b, now) + (int64_t)((double)count * interval(r) + 0.5);
}

int64_t
bucket_wait(const struct bucket *b, const struct rate *r, size_t count, int64_t now)
{
	size_t burst = rate_burst(r);
	double wait;

	if (r->count == 0)
		return 0;
	wait = (double)lacking(b, now) - (double)(burst - (count < burst ? count : burst)) * interval(r);
	return wait < 1 ? 0 : (int64_t)wait + 1;
}

/* The minute that `now` lies in. */
static void
flow_turn(struct flow *f, int64_t now)
{
	int64_t minutes = (now - f->at) / MINUTE;

	if (minutes == 0)
		return;
	f->before = minutes == 1 ? f->now : 0;
	f->now = 0;
	f->at += minutes * MINUTE;
}

void
flow_add(struct flow *f, size_t count, int64_t now)
{
	flow_turn(f, now);
	f->now += count;
}

size_t
flow_minute(const struct flow *flow, int64_t now)
{
	struct flow f = *flow;

	flow_turn(&f, now);
	return f.now + (size_t)((double)f.before * (double)(MINUTE - (now - f.at)) / MINUTE);
}
