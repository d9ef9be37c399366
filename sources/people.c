/* The cache's memory of people. */
#include "sources/people.h"

#include "base/bytes.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/net.h"
#include "base/pool.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FLIGHTS_MOST = 1024 };

/* One of the two questions. Of a rule: whether it covers the person; else who that is. */
struct question {
	const struct identity *id;
	const struct list *list;
	const struct poster *rule;
	const struct person *person;
	struct bytes key;                 /* owned */
};

/* A yes that is remembered. */
struct slot {
	struct bytes key;
	struct person *person;            /* who it is; NULL: the rule covers him */
	int64_t until;                    /* ticks */
};

/* A question under way. Freed by whoever drops the last reference, under the lock. */
struct flight {
	struct acquaintance *people;
	size_t references, waiting;
	struct bytes key;
	struct identity id;               /* owned */
	struct list *list;                /* a reference; NULL: it is about who that is */
	struct poster_list rule;
	struct person *person;            /* of the question, then of the answer */
	int landed;                       /* an eventfd: it is done */
	int unwanted;                     /* likewise: it was given up; -1 before it has begun */
	bool done, given_up;
	enum found found;
	struct complaint why;
};

struct acquaintance {
	struct source *source;
	int64_t keep, patience;
	size_t most;
	struct pool *pool;
	struct monitor monitor;           /* over what follows */
	struct map *slots, *flights;
};

struct acquaintance *
people_open(struct source *source, const struct cache_config *config)
{
	struct acquaintance *p = mem_new(sizeof(*p));

	p->source = source;
	p->keep = config->people;
	p->patience = config->patience;
	p->most = (size_t)config->entries;
	p->pool = pool_open("people", (size_t)config->workers, FLIGHTS_MOST);
	monitor_init(&p->monitor);
	p->slots = map_open();
	p->flights = map_open();
	return p;
}

static void
slot_free(void *unused, void *value)
{
	struct slot *s = value;

	(void)unused;
	person_drop(&s->person);
	bytes_free(&s->key);
	free(s);
}

void
people_close(struct acquaintance **people)
{
	struct acquaintance *p = *people;

	*people = NULL;
	if (p == NULL)
		return;
	pool_close(&p->pool);
	map_each(p->slots, slot_free, NULL);
	map_close(&p->slots);
	map_close(&p->flights);
	monitor_destroy(&p->monitor);
	free(p);
}

/* ---- the questions ---- */

/* Whatever is in the texts, two lists of them are never the same key: each has its NUL. */
static void
add_text(struct bytes *key, const char *text)
{
	bytes_add_char(key, text == NULL ? '-' : '+');
	if (text != NULL)
		bytes_add(key, text, strlen(text) + 1);
}

static struct bytes
identity_key(const struct identity *id)
{
	struct bytes key = { 0 };

	bytes_add_char(&key, 'w');
	add_text(&key, id->login);
	add_text(&key, id->address);
	return key;
}

static struct bytes
rule_key(const struct list *list, const struct poster *rule, const struct person *person)
{
	struct bytes key = { 0 };

	bytes_format(&key, "c%d,", (int)rule->kind);
	add_text(&key, rule->value);
	add_text(&key, list->address);
	add_text(&key, list->key);
	add_text(&key, person->key);
	add_text(&key, person->login);
	add_text(&key, person->address);
	return key;
}

/* What is remembered. Under the lock. */
static enum found
recall(struct acquaintance *p, const struct bytes *key, struct person **person_r)
{
	const struct slot *s = map_get(p->slots, key->data, key->length);

	if (s == NULL || clock_ticks() >= s->until)
		return FOUND_UNSURE;
	if (person_r != NULL)
		*person_r = person_hold(s->person);
	return FOUND_YES;
}

/* Under the lock. */
static void
remember(struct acquaintance *p, const struct bytes *key, struct person *person)
{
	struct slot *s = mem_new(sizeof(*s)), *old;

	bytes_add(&s->key, key->data, key->length);
	s->person = person == NULL ? NULL : person_hold(person);
	s->until = clock_ticks() + p->keep;
	old = map_put(p->slots, s->key.data, s->key.length, s);
	if (old == NULL && map_count(p->slots) > p->most)
		old = map_remove_oldest(p->slots);
	if (old != NULL)
		slot_free(NULL, old);
}

static void
flight_drop(struct flight *f)
{
	if (--f->references > 0)
		return;
	bytes_free(&f->key);
	free((char *)f->id.login);
	free((char *)f->id.address);
	list_drop(&f->list);
	posters_free(&f->rule);
	person_drop(&f->person);
	if (f->landed >= 0)
		(void)close(f->landed);
	if (f->unwanted >= 0)
		(void)close(f->unwanted);
	free(f);
}

/* Whoever asks from now on boards another one. */
static void
take_off_the_board(struct flight *f)
{
	struct map *flights = f->people->flights;

	if (map_get(flights, f->key.data, f->key.length) == f)
		(void)map_remove(flights, f->key.data, f->key.length);
}

/* Whether it is still wanted, and what will say when it no longer is. */
static bool
begin(struct flight *f, struct deadline *by)
{
	struct acquaintance *p = f->people;
	bool wanted;

	*by = deadline_in(p->patience);
	monitor_enter(&p->monitor);
	wanted = !f->given_up;
	if (wanted)
		f->unwanted = by->cancelled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	monitor_leave(&p->monitor);
	return wanted;
}

/* On a worker: asks the source and tells everybody. */
static void
fly(void *arg)
{
	struct flight *f = arg;
	struct acquaintance *p = f->people;
	struct deadline by;
	struct person *person = NULL;
	enum found found = FOUND_UNSURE;
	bool wanted = begin(f, &by);

	if (wanted && f->list != NULL)
		found = source_covers(p->source, f->list, &f->rule.items[0], f->person, by, &f->why);
	else if (wanted)
		found = source_find_person(p->source, &f->id, by, &person, &f->why);
	monitor_enter(&p->monitor);
	f->found = found;
	f->done = true;
	if (f->list == NULL)
		f->person = person;
	if (found == FOUND_YES && p->keep > 0)
		remember(p, &f->key, f->list == NULL ? person : NULL);
	take_off_the_board(f);
	(void)eventfd_write(f->landed, 1);
	flight_drop(f);
	monitor_leave(&p->monitor);
}

/* The flight that carries this question, with a reference; NULL where too many are. Under the lock. */
static struct flight *
board(struct acquaintance *p, const struct question *q)
{
	struct flight *f = map_get(p->flights, q->key.data, q->key.length);

	if (f != NULL) {
		f->references++;
		return f;
	}
	f = mem_new(sizeof(*f));
	f->people = p;
	f->references = 2;                /* the caller's and the worker's */
	f->landed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->unwanted = -1;
	bytes_add(&f->key, q->key.data, q->key.length);
	if (q->rule == NULL) {
		f->id = (struct identity){ mem_text(q->id->login), mem_text(q->id->address) };
	} else {
		f->list = list_hold((struct list *)q->list);
		posters_add(&f->rule, q->rule->effect, q->rule->kind, q->rule->clause, q->rule->value,
		            q->rule->origin);
		f->person = person_hold((struct person *)q->person);
	}
	if (f->landed < 0 || !pool_submit(p->pool, fly, f)) {
		f->references = 1;
		flight_drop(f);
		return NULL;
	}
	(void)map_put(p->flights, f->key.data, f->key.length, f);
	return f;
}

/*
 * Waits for its end, or as long as somebody does. What nobody waits for any more is given up. Under the
 * lock, which it leaves meanwhile.
 */
static void
wait_for(struct acquaintance *p, struct flight *f, struct deadline by)
{
	f->waiting++;
	monitor_leave(&p->monitor);
	(void)net_wait(f->landed, POLLIN, by);
	monitor_enter(&p->monitor);
	if (--f->waiting > 0 || f->done)
		return;
	f->given_up = true;
	take_off_the_board(f);
	if (f->unwanted >= 0)
		(void)eventfd_write(f->unwanted, 1);
}

/* From memory, or else from the source. Ends the question. */
static enum found
ask(struct acquaintance *p, struct question *q, struct deadline by, struct person **person_r,
    struct complaint *why)
{
	struct flight *f = NULL;
	enum found found;

	monitor_enter(&p->monitor);
	found = recall(p, &q->key, person_r);
	if (found == FOUND_UNSURE) {
		f = board(p, q);
		if (f == NULL)
			(void)complain(why, "%s: too many questions are waiting", p->source->name);
	}
	if (f != NULL) {
		wait_for(p, f, by);
		found = f->done ? f->found : FOUND_UNSURE;
		if (found == FOUND_YES && person_r != NULL)
			*person_r = person_hold(f->person);
		if (found == FOUND_UNSURE && f->done)
			*why = f->why;
		else if (found == FOUND_UNSURE)
			(void)complain(why, "%s: no answer in time", p->source->name);
		flight_drop(f);
	}
	monitor_leave(&p->monitor);
	bytes_free(&q->key);
	return found;
}

/* Takes over the key. */
static enum found
peek(struct acquaintance *p, struct bytes key, struct person **person_r)
{
	enum found found;

	monitor_enter(&p->monitor);
	found = recall(p, &key, person_r);
	monitor_leave(&p->monitor);
	bytes_free(&key);
	return found;
}

enum found
people_find(struct acquaintance *p, const struct identity *id, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	return ask(p, &(struct question){ .id = id, .key = identity_key(id) }, by, person_r, why);
}

enum found
people_covers(struct acquaintance *p, const struct list *list, const struct poster *rule,
              const struct person *person, struct deadline by, struct complaint *why)
{
	return ask(p,
	           &(struct question){ .list = list, .rule = rule, .person = person,
	                               .key = rule_key(list, rule, person) },
	           by, NULL, why);
}

enum found
people_peek(struct acquaintance *p, const struct identity *id, struct person **person_r)
{
	return peek(p, identity_key(id), person_r);
}

enum found
people_peek_covers(struct acquaintance *p, const struct list *list, const struct poster *rule,
                   const struct person *person)
{
	return peek(p, rule_key(list, rule, person), NULL);
}

void
people_expect(struct acquaintance *p, const struct identity *id)
{
	struct question q = { .id = id };
	struct flight *f;

	if (p->keep == 0)                 /* the answer would be forgotten before it is asked for */
		return;
	q.key = identity_key(id);
	monitor_enter(&p->monitor);
	if (recall(p, &q.key, NULL) == FOUND_UNSURE && (f = board(p, &q)) != NULL)
		flight_drop(f);
	monitor_leave(&p->monitor);
	bytes_free(&q.key);
}
