/* Whose turn it is. */
#include "expander/fanout/turns.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PACES = 1000, MS = 1000 };

void
turns_close(struct turns *t)
{
	struct map **maps[] = { &t->lists, &t->domains };

	for (size_t i = 0; i < 2; i++) {
		void *pace;

		while (*maps[i] != NULL && (pace = map_remove_oldest(*maps[i])) != NULL)
			free(pace);
		map_close(maps[i]);
	}
	paces_close(&t->paces);
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

bool
turns_wants_proof(const struct post *p, const struct service *s)
{
	const struct destination *d = site_destination(s->site, p->entry->envelope.list);

	return d == NULL || (d->proof > 0 && p->list.count >= (size_t)d->proof);
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

const struct post *
turns_long(const struct turns *t, size_t recipients)
{
	const struct post *p = t->posts;

	while (p != NULL && (p->quick || p->list.count < recipients))
		p = p->next;
	return p;
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

/* A pace by its name. Full ones need not be kept: the oldest are likely to be. */
static struct pace *
pace_of(struct map **map, const char *name, int64_t now)
{
	size_t length = strlen(name);
	struct named_pace *n, *old;

	if (*map == NULL)
		*map = map_open();
	n = map_get(*map, name, length);
	if (n != NULL)
		return &n->pace;
	while (map_count(*map) >= MOST_PACES && (old = map_remove_oldest(*map)) != NULL) {
		bool full = old->pace.bucket.full <= now;

		free(old);
		if (!full)
			break;
	}
	n = mem_new(sizeof(*n) + length + 1);
	memcpy(n->name, name, length);
	(void)map_put(*map, name, length, n);
	return &n->pace;
}

struct rate
turns_rate(const struct turns *t, const struct service *s, enum rate_of of, const char *name,
           const struct pace_rule **set)
{
	const struct pace_rule *r = paces_find(t->paces, of, name);

	if (set != NULL)
		*set = r;
	return r == NULL ? s->rates[of] : r->rate;
}

struct limit {
	struct pace *pace;
	struct rate rate;
};

static void
limits_of(struct turns *t, const struct wish *w, const struct post *p, struct limit limits[RATE_COUNT])
{
	const char *list = p->entry->envelope.list, *at = strrchr(list, '@');
	const char *names[] = { [RATE_MTA] = w->mta_name, [RATE_LIST] = list,
		                [RATE_DOMAIN] = at == NULL ? list : at + 1 };

	limits[RATE_ALL].pace = &t->all;
	limits[RATE_MTA].pace = w->mta;
	limits[RATE_LANE].pace = w->lane;
	limits[RATE_LIST].pace = pace_of(&t->lists, list, w->now);
	limits[RATE_DOMAIN].pace = pace_of(&t->domains, names[RATE_DOMAIN], w->now);
	for (enum rate_of i = 0; i < RATE_COUNT; i++) {
		limits[i].rate = turns_rate(t, w->service, i, names[i], NULL);
		bucket_fit(&limits[i].pace->bucket, &limits[i].rate, w->now);
	}
}

static void
shorten(int64_t *wait, int64_t us)
{
	int64_t ms = us / MS + 1;

	if (ms < *wait)
		*wait = ms;
}

/* Posts do not go in drops: half a burst at least, or what is left of them. */
static size_t
needed(const struct rate *r, size_t left)
{
	size_t need = (rate_burst(r) + 1) / 2;

	return left < need ? left : need;
}

int64_t
turns_wait(const struct pace *p, const struct rate *r, int64_t now)
{
	struct bucket b = p->bucket;

	bucket_fit(&b, r, now);
	return r->count == 0 ? 0 : bucket_wait(&b, r, needed(r, SIZE_MAX), now);
}

/* How many of a post may go now; 0: none, and *wait says until when. */
static size_t
allowed(const struct limit limits[RATE_COUNT], const struct wish *w, const struct post *p, int64_t *wait)
{
	size_t most = SIZE_MAX, left = p->tally.waiting - p->later_count;

	for (enum rate_of i = 0; i < RATE_COUNT; i++) {
		const struct bucket *b = &limits[i].pace->bucket;
		const struct rate *r = &limits[i].rate;
		size_t has, need;

		if (r->count == 0)
			continue;
		has = bucket_has(b, r, w->now);
		need = needed(r, left);
		if (has < need) {
			shorten(wait, bucket_wait(b, r, need, w->now));
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
	struct limit limits[RATE_COUNT];
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
	for (enum rate_of i = 0; i < RATE_COUNT; i++) {
		bucket_take(&limits[i].pace->bucket, &limits[i].rate, b->count, w->now);
		flow_add(&limits[i].pace->flow, b->count, w->now);
	}
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
