/*
 * The cache around any source: lookups of lists are remembered, "no" for a shorter time than "yes",
 * "unsure" never. What it does beside remembering: all questions to the source are asked by threads
 * of the cache, so that a caller waits no longer than its deadline; and callers with the same
 * question share one. A question for a list that nobody waits for any more is answered all the same,
 * for the next caller.
 *
 * Walks of members and of lists pass through: members are never remembered. What is asked about single
 * people is in people.c.
 */
#include "base/map.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/net.h"
#include "base/pool.h"
#include "sources/people.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

const struct setting cache_settings[] = {
	{ .name = "yes", .kind = KIND_TIME, .offset = offsetof(struct cache_config, yes),
	  .fallback = "60s", .max = "1d", .help = "For how long it is remembered that a list exists." },
	{ .name = "no", .kind = KIND_TIME, .offset = offsetof(struct cache_config, no),
	  .fallback = "10s", .max = "1h",
	  .help = "For how long it is remembered that a list does not exist: a new one can be written to "
	          "after this time." },
	{ .name = "stale", .kind = KIND_TIME, .offset = offsetof(struct cache_config, stale),
	  .fallback = "1h", .max = "7d",
	  .help = "While the source does not answer, a list counts as existing for this long after it "
	          "was last seen. In a shared domain what was no list counts as none for as long. Members "
	          "are never taken from memory, and permissions never when they are stale." },
	{ .name = "people", .kind = KIND_TIME, .offset = offsetof(struct cache_config, people),
	  .fallback = "30s", .max = "10m",
	  .help = "For how long it is remembered who somebody is, and that somebody is a member, or "
	          "belongs to others who may post. That somebody does not is never remembered." },
	{ .name = "entries", .kind = KIND_NUMBER, .offset = offsetof(struct cache_config, entries),
	  .fallback = "20000", .min = "16", .max = "10000000",
	  .help = "How many addresses are remembered at most: of lists, as many of no lists, and as many "
	          "answers about people." },
	{ .name = "workers", .kind = KIND_NUMBER, .offset = offsetof(struct cache_config, workers),
	  .fallback = "4", .min = "1", .max = "64",
	  .help = "How many lookups are asked of the source at the same time." },
	{ .name = "patience", .kind = KIND_TIME, .offset = offsetof(struct cache_config, patience),
	  .fallback = "5s", .min = "100ms", .max = "5m",
	  .help = "After this time a lookup is given up, whoever waits for it." },
	{ .kind = KIND_END },
};

/* What is known of one address. */
struct slot {
	char *address;
	struct list *list;                /* NULL: there is no such list */
	int64_t fresh_until, stale_until; /* ticks */
};

/* A question under way. Freed by whoever drops the last reference, under the lock. */
struct flight {
	struct cache *cache;
	size_t references;
	const char *key;                  /* the first address, or a word that is none */
	char **addresses;
	size_t count;                     /* of addresses; 0: whether the source answers at all */
	int landed;                       /* an eventfd: it is done */
	bool done;
	enum found found;
	struct list *list;
	size_t which;
	struct complaint why;
};

struct cache {
	struct source source;
	struct source *inner;
	struct cache_config config;
	struct pool *pool;
	struct acquaintance *people;
	struct monitor monitor;           /* over what follows */
	struct map *lists, *others;       /* address → struct slot, those with a list and without */
	struct map *flights;              /* key → struct flight */
};

enum { FLIGHTS_MOST = 1024 };

static void
slot_free(void *unused, void *value)
{
	struct slot *s = value;

	(void)unused;
	list_drop(&s->list);
	free(s->address);
	free(s);
}

static void
forget(struct map *slots, const char *address)
{
	struct slot *s = map_remove(slots, address, strlen(address));

	if (s != NULL)
		slot_free(NULL, s);
}

/*
 * Remembers one answer. `list` is held if it is kept. What is no list has a map of its own, so that
 * many unknown addresses do not make anybody forget the lists.
 */
static void
remember(struct cache *c, const char *address, struct list *list)
{
	int64_t now = clock_ticks(), fresh = list == NULL ? c->config.no : c->config.yes;
	struct map *slots = list == NULL ? c->others : c->lists;
	struct slot *s = mem_new(sizeof(*s)), *old;

	s->address = mem_text(address);
	s->list = list == NULL ? NULL : list_hold(list);
	s->fresh_until = now + fresh;
	s->stale_until = now + fresh + c->config.stale;
	forget(list == NULL ? c->lists : c->others, address);
	old = map_put(slots, address, strlen(address), s);
	if (old == NULL && map_count(slots) > (size_t)c->config.entries)
		old = map_remove_oldest(slots);
	if (old != NULL)
		slot_free(NULL, old);
}

/* What is known of an address; NULL for nothing. */
static const struct slot *
known(struct cache *c, const char *address, bool stale)
{
	size_t length = strlen(address);
	const struct slot *s = map_get(c->lists, address, length);

	if (s == NULL)
		s = map_get(c->others, address, length);
	return s != NULL && clock_ticks() < (stale ? s->stale_until : s->fresh_until) ? s : NULL;
}

/*
 * The answer from memory: each address up to the first that is a list must be known. A stale
 * question passes over what is not, and still finds what is a list. Under the lock.
 */
static enum found
recall(struct cache *c, const char *const *addresses, size_t count, bool stale,
       struct list **list_r, size_t *which_r)
{
	enum found none = FOUND_NO;

	for (size_t i = 0; i < count; i++) {
		const struct slot *s = known(c, addresses[i], stale);

		if (s == NULL && !stale)
			return FOUND_UNSURE;
		if (s == NULL)
			none = FOUND_UNSURE;
		if (s != NULL && s->list != NULL) {
			*list_r = list_hold(s->list);
			*which_r = i;
			return FOUND_YES;
		}
	}
	return none;
}

static enum found
peek_list(struct source *s, const char *const *addresses, size_t count, bool stale,
          struct list **list_r, size_t *which_r)
{
	struct cache *c = (struct cache *)s;
	enum found found;

	monitor_enter(&c->monitor);
	found = recall(c, addresses, count, stale, list_r, which_r);
	monitor_leave(&c->monitor);
	return found;
}

static void
flight_drop(struct flight *f)
{
	if (--f->references > 0)
		return;
	for (size_t i = 0; i < f->count; i++)
		free(f->addresses[i]);
	free(f->addresses);
	list_drop(&f->list);
	if (f->landed >= 0)
		(void)close(f->landed);
	free(f);
}

/* On a worker: asks the source and tells everybody. */
static void
fly(void *arg)
{
	struct flight *f = arg;
	struct cache *c = f->cache;
	struct list *list = NULL;
	size_t which = 0;
	struct deadline by = deadline_in(c->config.patience);
	enum found found;

	if (f->count == 0)
		found = source_probe(c->inner, by, &f->why);
	else
		found = source_find_list(c->inner, (const char *const *)f->addresses, f->count, by,
		                         &list, &which, &f->why);
	monitor_enter(&c->monitor);
	f->found = found;
	f->list = list;
	f->which = which;
	f->done = true;
	if (found != FOUND_UNSURE && f->count > 0) {
		size_t known = found == FOUND_YES ? which : f->count;

		for (size_t i = 0; i < known; i++)
			remember(c, f->addresses[i], NULL);
		if (found == FOUND_YES)
			remember(c, f->addresses[which], list);
	}
	(void)map_remove(c->flights, f->key, strlen(f->key));
	(void)eventfd_write(f->landed, 1);
	flight_drop(f);
	monitor_leave(&c->monitor);
}

/*
 * The flight that carries this question, with a reference; NULL when too many are under way. Under
 * the lock.
 */
static struct flight *
board(struct cache *c, const char *const *addresses, size_t count)
{
	const char *key = count == 0 ? "probe" : addresses[0];
	struct flight *f = map_get(c->flights, key, strlen(key));

	if (f != NULL) {
		f->references++;
		return f;
	}
	f = mem_new(sizeof(*f));
	f->cache = c;
	f->references = 2;                /* the caller's and the worker's */
	f->landed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->addresses = mem_array(count, sizeof(*f->addresses));
	for (f->count = 0; f->count < count; f->count++)
		f->addresses[f->count] = mem_text(addresses[f->count]);
	f->key = count == 0 ? key : f->addresses[0];
	if (f->landed < 0 || !pool_submit(c->pool, fly, f)) {
		f->references = 1;
		flight_drop(f);
		return NULL;
	}
	(void)map_put(c->flights, key, strlen(key), f);
	return f;
}

/* Asks the source, on a thread of the cache. Under the lock, which it leaves while it waits. */
static enum found
ask(struct cache *c, const char *const *addresses, size_t count, struct deadline by,
    struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct flight *f = board(c, addresses, count);
	enum found found;

	if (f == NULL) {
		(void)complain(why, "%s: too many lookups are waiting", c->source.name);
		return FOUND_UNSURE;
	}
	monitor_leave(&c->monitor);
	(void)net_wait(f->landed, POLLIN, by);
	monitor_enter(&c->monitor);
	found = f->done ? f->found : FOUND_UNSURE;
	if (found == FOUND_YES && count > 0) {
		*list_r = list_hold(f->list);
		*which_r = f->which;
	} else if (found == FOUND_UNSURE) {
		if (f->done)
			*why = f->why;
		else
			(void)complain(why, "%s: no answer in time", c->source.name);
	}
	flight_drop(f);
	return found;
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct cache *c = (struct cache *)s;
	enum found found;

	monitor_enter(&c->monitor);
	found = recall(c, addresses, count, false, list_r, which_r);
	if (found == FOUND_UNSURE)
		found = ask(c, addresses, count, by, list_r, which_r, why);
	monitor_leave(&c->monitor);
	return found;
}

static enum found
find_fresh(struct source *s, const char *const *addresses, size_t count, struct deadline by,
           struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct cache *c = (struct cache *)s;
	enum found found;

	monitor_enter(&c->monitor);
	found = ask(c, addresses, count, by, list_r, which_r, why);
	monitor_leave(&c->monitor);
	return found;
}

static enum found
probe(struct source *s, struct deadline by, struct complaint *why)
{
	struct cache *c = (struct cache *)s;
	enum found found;

	monitor_enter(&c->monitor);
	found = ask(c, NULL, 0, by, NULL, NULL, why);
	monitor_leave(&c->monitor);
	return found;
}

/* After a walk: a list that was moved or removed is looked for afresh. */
static enum found
walked(struct cache *c, const struct list *list, enum found found)
{
	if (found == FOUND_NO) {
		monitor_enter(&c->monitor);
		forget(c->lists, list->address);
		monitor_leave(&c->monitor);
	}
	return found;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	return source_each_list(((struct cache *)s)->inner, domain, by, fn, arg, why);
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct cache *c = (struct cache *)s;

	return walked(c, list,
	              source_each_member_told(c->inner, list, whom, by, fn, arg, report->omitted,
	                                      report->omitted_arg, report, why));
}

static enum found
each_recipient(struct source *s, const struct list *list, const struct occasion *occasion,
               struct deadline by, member_fn *fn, void *arg, struct walk_report *report,
               struct complaint *why)
{
	struct cache *c = (struct cache *)s;

	return walked(c, list,
	              source_each_recipient(c->inner, list, occasion, by, fn, arg, report, why));
}

static enum found
each_address(struct source *s, const char *canonical, struct deadline by, member_fn *fn, void *arg,
             struct complaint *why)
{
	return source_each_address(((struct cache *)s)->inner, canonical, by, fn, arg, why);
}

static enum found
each_match(struct source *s, const char *filter, struct deadline by, member_fn *fn, void *arg,
           struct complaint *why)
{
	return source_each_match(((struct cache *)s)->inner, filter, by, fn, arg, why);
}

static void
each_standing(struct source *s, standing_fn *fn, void *arg)
{
	source_each_standing(((struct cache *)s)->inner, fn, arg);
}

static void
each_server(struct source *s, struct deadline by, server_fn *fn, void *arg)
{
	source_each_server(((struct cache *)s)->inner, by, fn, arg);
}

static enum found
find_person(struct source *s, const struct identity *id, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	return people_find(((struct cache *)s)->people, id, by, person_r, why);
}

static enum found
covers(struct source *s, const struct list *list, const struct poster *rule, const struct person *person,
       struct deadline by, struct complaint *why)
{
	return people_covers(((struct cache *)s)->people, list, rule, person, by, why);
}

static enum found
peek_person(struct source *s, const struct identity *id, struct person **person_r)
{
	return people_peek(((struct cache *)s)->people, id, person_r);
}

static enum found
peek_covers(struct source *s, const struct list *list, const struct poster *rule,
            const struct person *person)
{
	return people_peek_covers(((struct cache *)s)->people, list, rule, person);
}

static void
expect_person(struct source *s, const struct identity *id)
{
	people_expect(((struct cache *)s)->people, id);
}

static void
close_source(struct source *s)
{
	struct cache *c = (struct cache *)s;

	pool_close(&c->pool);
	people_close(&c->people);
	map_each(c->lists, slot_free, NULL);
	map_each(c->others, slot_free, NULL);
	map_close(&c->lists);
	map_close(&c->others);
	map_close(&c->flights);
	monitor_destroy(&c->monitor);
	source_close(&c->inner);
	free(c);
}

static const struct source_ops ops = {
	.kind = "cache",
	.moderators = true,               /* if the inner source has them */
	.find_list = find_list,
	.find_fresh = find_fresh,
	.peek_list = peek_list,
	.each_member = each_member,
	.each_list = each_list,
	.each_recipient = each_recipient,
	.each_address = each_address,
	.each_match = each_match,
	.probe = probe,
	.each_server = each_server,
	.each_standing = each_standing,
	.find_person = find_person,
	.covers = covers,
	.peek_person = peek_person,
	.peek_covers = peek_covers,
	.expect_person = expect_person,
	.close = close_source,
};

struct source *
cache_wrap(struct source *inner, const struct cache_config *config)
{
	struct cache *c = mem_new(sizeof(*c));

	c->source = (struct source){ &ops, mem_text(inner->name) };
	c->inner = inner;
	c->config = *config;
	c->pool = pool_open(inner->name, (size_t)config->workers, FLIGHTS_MOST);
	c->people = people_open(inner, config);
	monitor_init(&c->monitor);
	c->lists = map_open();
	c->others = map_open();
	c->flights = map_open();
	return &c->source;
}
