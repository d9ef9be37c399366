/*
 * People, and what is answered about them by a source that keeps members as addresses: it knows
 * everybody by the address alone, and finds a member by walking.
 */
#include "base/mem.h"
#include "sources/source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The reference count lies behind the struct that everybody sees. */
struct counted {
	struct person person;
	atomic_int references;
};

struct person *
person_new(const struct identity *id)
{
	struct counted *c = mem_new(sizeof(*c));

	atomic_init(&c->references, 1);
	c->person.login = mem_text(id->login);
	c->person.address = mem_text(id->address);
	if (id->address != NULL)
		text_list_add_once(&c->person.addresses, id->address);
	return &c->person;
}

struct person *
person_hold(struct person *person)
{
	(void)atomic_fetch_add(&((struct counted *)person)->references, 1);
	return person;
}

void
person_drop(struct person **person)
{
	struct counted *c = (struct counted *)*person;

	*person = NULL;
	if (c == NULL || atomic_fetch_sub(&c->references, 1) > 1)
		return;
	free(c->person.key);
	free(c->person.login);
	free(c->person.address);
	text_list_free(&c->person.addresses);
	text_list_free(&c->person.logins);
	text_list_free(&c->person.groups);
	free(c);
}

enum found
source_find_person(struct source *s, const struct identity *id, struct deadline by,
                   struct person **person_r, struct complaint *why)
{
	*person_r = NULL;
	if (s->ops->find_person != NULL)
		return s->ops->find_person(s, id, by, person_r, why);
	*person_r = person_new(id);
	return FOUND_YES;
}

enum found
source_peek_person(struct source *s, const struct identity *id, struct person **person_r)
{
	*person_r = NULL;
	return s->ops->peek_person == NULL ? FOUND_UNSURE : s->ops->peek_person(s, id, person_r);
}

enum found
source_peek_covers(struct source *s, const struct list *list, const struct poster *rule,
                   const struct person *person)
{
	return s->ops->peek_covers == NULL ? FOUND_UNSURE : s->ops->peek_covers(s, list, rule, person);
}

void
source_expect_person(struct source *s, const struct identity *id)
{
	if (s->ops->expect_person != NULL)
		s->ops->expect_person(s, id);
}

/* ---- by walking ---- */

bool
person_look(void *arg, const struct member *m)
{
	struct person_look *l = arg;

	l->found = text_list_has(&l->person->addresses, m->canonical);
	return !l->found;
}

static enum found
walk(struct source *s, const struct list *list, enum people whom, const struct person *person,
     struct deadline by, struct complaint *why)
{
	struct person_look l = { person, false };
	struct walk_report report;
	enum found found;

	if (person->addresses.count == 0)
		return FOUND_NO;
	found = source_each_member(s, list, whom, by, person_look, &l, &report, why);
	if (l.found)
		return FOUND_YES;
	return found == FOUND_UNSURE ? FOUND_UNSURE : FOUND_NO;
}

static enum found
walk_other(struct source *s, const char *address, const struct person *person, struct deadline by,
           struct complaint *why)
{
	struct list *other = NULL;
	size_t which;
	enum found found = source_find_list(s, &address, 1, by, &other, &which, why);

	if (found == FOUND_NO) {
		(void)complain(why, "%s: there is no list %s", s->name, address);
		found = FOUND_UNSURE;
	}
	if (found == FOUND_YES)
		found = walk(s, other, PEOPLE_MEMBERS, person, by, why);
	list_drop(&other);
	return found;
}

enum found
source_walk_covers(struct source *s, const struct list *list, const struct poster *rule,
                   const struct person *person, struct deadline by, struct complaint *why)
{
	switch (rule->kind) {
	case POSTER_MEMBERS:
		return walk(s, list, PEOPLE_MEMBERS, person, by, why);
	case POSTER_OWNERS:
		return walk(s, list, PEOPLE_OWNERS, person, by, why);
	case POSTER_LIST:
		return walk_other(s, rule->value, person, by, why);
	case POSTER_MODERATORS:
		return walk(s, list, PEOPLE_MODERATORS, person, by, why);
	default:
		(void)complain(why, "%s: a source of the kind %s has no entries: %s", s->name, s->ops->kind,
		               rule->value);
		return FOUND_UNSURE;
	}
}

enum found
source_covers(struct source *s, const struct list *list, const struct poster *rule,
              const struct person *person, struct deadline by, struct complaint *why)
{
	if (s->ops->covers == NULL)
		return source_walk_covers(s, list, rule, person, by, why);
	return s->ops->covers(s, list, rule, person, by, why);
}
