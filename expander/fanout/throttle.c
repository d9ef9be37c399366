/* How many batches at a time. */
#include "expander/fanout/throttle.h"

enum {
	LEAST = 50,                       /* recipients of a batch whose time says something */
	FAR = 100000,                     /* us until the receipt of a batch that is alone */
	PROBE_AGAIN = 60000,              /* ms */
	TOGETHER = 1000,                  /* ms */
	PAUSE = 10000,                    /* ms without a batch: what was found out may not hold any more */
	SHUN = 15000,                     /* ms that a number which was too high is not tried, at first … */
	SHUN_MOST = 600000                /* … and at last */
};

/*
 * Batches that wait in the MTA for others, and a part of all for what is measured badly: with so many there
 * are fewer from then on. More than one that is followed goes where the MTA has processors to spare or mostly
 * waits for its disk, since all that it works on delays other mail.
 */
static double
too_many(const struct throttle *t, size_t limit)
{
	return t->followed ? 0.2 * (double)limit : 1.0 + 0.15 * (double)limit;
}

/* With so few there is one more. */
static double
few(const struct throttle *t, size_t limit)
{
	return t->followed ? 0.1 * (double)limit : 0.5 + 0.1 * (double)limit;
}

static size_t
current(const struct throttle *t, size_t lanes)
{
	return t->limit == 0 || t->limit > lanes ? lanes : t->limit;
}

/* Whether this fan-out is none that has to be looked at, as yet. */
static bool
is_short(const struct throttle *t)
{
	return t->heard < THROTTLE_SHORT && !t->refused && !t->followed;
}

size_t
throttle_limit(const struct throttle *t, size_t lanes)
{
	return t->full ? 0 : is_short(t) ? lanes : t->probing ? 1 : current(t, lanes);
}

size_t
throttle_sent(const struct throttle *t, size_t limit)
{
	return t->followed && limit > 1 ? limit - 1 : limit;
}

enum slowed
throttle_slowed(const struct throttle *t, size_t lanes)
{
	return current(t, lanes) < lanes ? t->slowed : SLOWED_NOT;
}

static void
begin_round(struct throttle *t)
{
	t->sum = 0;
	t->round = 0;
}

static void
lower(struct throttle *t, size_t limit, size_t ceiling, int64_t now)
{
	t->ceiling_for = t->tried ? t->ceiling_for * 2 : SHUN;
	if (t->ceiling_for > SHUN_MOST)
		t->ceiling_for = SHUN_MOST;
	t->tried = false;
	t->lowered = now;
	t->ceiling = ceiling;
	t->ceiling_until = now + t->ceiling_for;
	t->limit = limit;
	begin_round(t);
}

static void
raise(struct throttle *t, size_t limit, size_t lanes, int64_t now)
{
	if (limit == lanes || (limit + 1 >= t->ceiling && now < t->ceiling_until))
		return;
	t->limit = limit + 1;
	t->tried = t->ceiling > 0 && t->limit >= t->ceiling;
	t->refused = t->refused && t->limit < lanes;
}

static double
middle(const double of[THROTTLE_PROBES])
{
	double low = of[0] < of[1] ? of[0] : of[1], high = of[0] < of[1] ? of[1] : of[0];

	return of[2] < low ? low : of[2] > high ? high : of[2];
}

/*
 * How long one takes that is alone. What began before the others were stopped does not count; and the first
 * of them may have waited for what the MTA had before.
 */
static void
probe(struct throttle *t, size_t lanes, double each, const struct sample *s, int64_t now)
{
	if (s->beside > 1)
		return;
	t->probes[t->round++] = each;
	if (t->round < THROTTLE_PROBES)
		return;
	t->base = middle(t->probes);
	t->base_at = now;
	t->probing = false;
	t->far = t->far || (t->followed && t->base * (double)s->recipients > FAR);
	if (t->limit == 0) {
		t->limit = lanes < 2 || t->followed ? 1 : 2;
		t->slowed = SLOWED_BY_ITSELF;
	}
	begin_round(t);
}

/* Of `beside` batches, as many wait as their time is longer than it would be alone. */
static void
weigh(struct throttle *t, size_t lanes, double each, const struct sample *s, int64_t now)
{
	size_t limit = current(t, lanes);
	double waiting;

	t->sum += (double)s->beside * (1 - t->base / each);
	if (++t->round < 2 * limit)
		return;
	waiting = t->sum / (double)t->round;
	begin_round(t);
	if (waiting > too_many(t, limit) && limit > 1) {
		t->slowed = SLOWED_BY_ITSELF;
		lower(t, limit - 1, limit, now);
	} else if (waiting < few(t, limit)) {
		raise(t, limit, lanes, now);
	}
}

void
throttle_follow(struct throttle *t, bool come, bool is_long)
{
	bool followed = come && !t->far && (is_long || t->heard >= THROTTLE_SHORT);

	if (t->followed == followed)
		return;
	t->followed = t->probing = followed;
	t->base = 0;                      /* of other times */
	if (followed && !t->refused)
		t->limit = 0;
	begin_round(t);
}

void
throttle_heard(struct throttle *t, size_t lanes, const struct sample *s, int64_t now)
{
	double each;

	if (s->recipients < LEAST || s->us <= 0)
		return;
	if (t->heard > 0 && now - t->last > PAUSE && now >= t->ceiling_until)
		*t = (struct throttle){ .full = t->full };
	t->last = now;
	t->heard++;
	each = (double)s->us / (double)s->recipients;
	if (is_short(t))
		return;
	if (t->probing) {
		probe(t, lanes, each, s, now);
	} else if (lanes > 1 && (t->base == 0 || now - t->base_at > PROBE_AGAIN)) {
		t->probing = true;
		begin_round(t);
	} else if (t->base != 0) {
		weigh(t, lanes, each, s, now);
	} else if (t->limit != 0) {
		raise(t, current(t, lanes), lanes, now);
	}
}

void
throttle_over(struct throttle *t)
{
	t->heard = 0;
	t->probing = false;
	begin_round(t);
}

void
throttle_refused(struct throttle *t, size_t lanes, int64_t now)
{
	size_t half = (current(t, lanes) + 1) / 2;

	/* What was under way together is refused together. */
	if (t->ceiling_for > 0 && now - t->lowered < TOGETHER)
		return;
	t->slowed = SLOWED_BY_REFUSALS;
	lower(t, half, half + 1, now);
	t->refused = true;
}

void
throttle_queue(struct throttle *t, size_t count, size_t most)
{
	t->full = count > most || (t->full && count > most - most / 4);
}
