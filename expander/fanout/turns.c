/* Whose turn it is. */
#include "expander/fanout/turns.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BUCKETS = 1000, MS = 1000 };

void
turns_close(struct turns *t)
{
	struct map **maps[] = { &t->lists, &t->domains };

	for (size_t i = 0; i < 2; i++) {
		void *bucket;

		while (*maps[i] != NULL && (bucket = map_remove_oldest(*maps[i])) != NULL)
			free(bucket);
		map_close(maps[i]);
	}
	while (t->posts != NULL) {
		struct post *p = t->posts;

		t->posts = p->next;
		post_close(&p);
	}
}

bool
turns_is_quick(const struct post *p, const struct service *s)
{
	const char *list = p->entry->envelope.list;

	return p->list.count <= (size_t)s->outbound.small ||
	       text_list_same(&s->outbound.urgent, list, strlen(list));
}

static void
append(struct turns *t, struct post *p)
{
	struct post **at = &t->posts;

	while (*at != NULL)
		at = &(*at)->next;
	p->next = NULL;
	*at = p;
}

static void
take_out(struct turns *t, const struct post *p)
{
	struct post **at = &t->posts;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

void
turns_add(struct turns *t, struct post *p)
{
	append(t, p);
	t->count++;
	t->large += !p->quick;
}

void
turns_remove(struct turns *t, struct post *p)
{
	take_out(t, p);
	t->count--;
	t->large -= !p->quick;
}

bool
turns_have_work(const struct turns *t)
{
	const struct post *p = t->posts;

	while (p != NULL && !post_has_work(p))
		p = p->next;
	return p != NULL;
}

/* ---- pace ---- */

/* A bucket by its name. Full ones need not be kept: the oldest are likely to be. */
static struct bucket *
bucket_of(struct map **map, const char *name, int64_t now)
{
	struct bucket *b, *old;

	if (*map == NULL)
		*map = map_open();
	b = map_get(*map, name, strlen(name));
	if (b != NULL)
		return b;
	while (map_count(*map) >= MOST_BUCKETS && (old = map_remove_oldest(*map)) != NULL) {
		bool full = old->full <= now;

		free(old);
		if (!full)
			break;
	}
	b = mem_new(sizeof(*b));
	(void)map_put(*map, name, strlen(name), b);
	return b;
}

struct limit {
	struct bucket *bucket;
	const struct rate *rate;
};
enum { LIMITS = 4 };

static void
limits_of(struct turns *t, const struct wish *w, const struct post *p, struct limit limits[LIMITS])
{
	const struct service *s = w->service;
	const char *list = p->entry->envelope.list, *at = strrchr(list, '@');

	limits[0] = (struct limit){ &t->all, &s->rates[RATE_ALL] };
	limits[1] = (struct limit){ w->lane, &s->rates[RATE_LANE] };
	limits[2] = (struct limit){ NULL, &s->rates[RATE_LIST] };
	limits[3] = (struct limit){ NULL, &s->rates[RATE_DOMAIN] };
	if (limits[2].rate->count != 0)
		limits[2].bucket = bucket_of(&t->lists, list, w->now);
	if (limits[3].rate->count != 0)
		limits[3].bucket = bucket_of(&t->domains, at == NULL ? list : at + 1, w->now);
}

static void
shorten(int64_t *wait, int64_t us)
{
	int64_t ms = us / MS + 1;

	if (ms < *wait)
		*wait = ms;
}

/* How many of a post may go now; 0: none, and *wait says until when. Not in drops: half a burst at least. */
static size_t
allowed(const struct limit limits[LIMITS], const struct wish *w, const struct post *p, int64_t *wait)
{
	size_t most = SIZE_MAX, left = p->tally.waiting - p->later_count;

	for (size_t i = 0; i < LIMITS; i++) {
		const struct rate *r = limits[i].rate;
		size_t has, need;

		if (r->count == 0)
			continue;
		has = bucket_has(limits[i].bucket, r, w->now);
		need = (rate_burst(r) + 1) / 2;
		need = left < need ? left : need;
		if (has < need) {
			shorten(wait, bucket_wait(limits[i].bucket, r, need, w->now));
			return 0;
		}
		most = has < most ? has : most;
	}
	return most;
}

/* Posts that are not quick begin one after the other. */
static bool
may_begin(const struct turns *t, const struct wish *w, const struct post *p, int64_t *wait)
{
	int64_t due = t->begun + w->service->outbound.hold;

	if (p->quick || p->tally.batches > 0 || !t->any_begun || w->now / MS >= due)
		return true;
	shorten(wait, due * MS - w->now);
	return false;
}

/* The next batch of this post, if it may have one. */
static struct batch *
try_post(struct turns *t, const struct wish *w, struct post *p, int64_t *wait)
{
	struct limit limits[LIMITS];
	size_t most = SIZE_MAX;
	struct batch *b;

	limits_of(t, w, p, limits);
	if (!may_begin(t, w, p, wait))
		return NULL;
	if (!p->quick)
		most = allowed(limits, w, p, wait);
	if (most == 0)
		return NULL;
	if (!p->quick && p->tally.batches == 0) {
		t->begun = w->now / MS;
		t->any_begun = true;
	}
	take_out(t, p);
	append(t, p);
	/* A copy of one's own, and a reverse-path that we make, go with a transaction of their own. */
	b = post_cut(p, p->personal || (p->own && !w->xverp) ? 1 : w->most, w->lanes, most);
	for (size_t i = 0; i < LIMITS; i++)
		if (limits[i].rate->count != 0)
			bucket_take(limits[i].bucket, limits[i].rate, b->count, w->now);
	return b;
}

struct batch *
turns_next(struct turns *t, const struct wish *w, int64_t *wait)
{
	for (int quick = 1; quick >= (w->large ? 0 : 1); quick--)
		for (struct post *p = t->posts, *next; p != NULL; p = next) {
			struct batch *b = NULL;

			next = p->next;
			if (p->quick == (quick == 1) && post_has_work(p))
				b = try_post(t, w, p, wait);
			if (b != NULL)
				return b;
		}
	return NULL;
}
