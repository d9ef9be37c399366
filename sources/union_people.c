/* People whom several sources know. */
#include "base/mem.h"
#include "sources/union.h"

/* A person has the addresses that all sources know. One whom only some know is known. */
enum found
united_find_person(struct source *s, const struct identity *id, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	const struct united *u = (struct united *)s;
	struct person *all = person_new(id);
	enum found found = FOUND_NO;

	for (size_t i = 0; i < u->count && found != FOUND_UNSURE; i++) {
		struct person *one = NULL;
		enum found here = source_find_person(u->inner[i], id, by, &one, why);

		if (here != FOUND_NO)
			found = here;
		for (size_t k = 0; one != NULL && k < one->addresses.count; k++)
			text_list_add_once(&all->addresses, one->addresses.items[k]);
		person_drop(&one);
	}
	if (found == FOUND_YES)
		*person_r = all;
	else
		person_drop(&all);
	return found;
}

/* The person as one source knows him, with the addresses that others know. */
static enum found
known_there(struct source *s, const struct person *person, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	const struct identity id = { person->login, person->address };
	struct person *there = NULL, *all;
	enum found found = source_find_person(s, &id, by, &there, why);

	if (found == FOUND_UNSURE)
		return FOUND_UNSURE;
	all = person_new(&id);
	for (size_t i = 0; i < person->addresses.count; i++)
		text_list_add_once(&all->addresses, person->addresses.items[i]);
	if (there != NULL) {
		all->key = mem_text(there->key);
		text_list_add_all(&all->logins, &there->logins);
		text_list_add_all(&all->groups, &there->groups);
	}
	person_drop(&there);
	*person_r = all;
	return FOUND_YES;
}

/* What one source says of a rule; of one about entries only where it knows the person as one. */
static enum found
covers_there(struct source *s, const struct list *list, const struct poster *rule,
             const struct person *person, struct deadline by, struct complaint *why)
{
	bool own = rule->kind <= POSTER_MODERATORS;
	const char *address = rule->kind == POSTER_LIST ? rule->value : list->address;
	struct person *there = NULL;
	struct list *list_there = NULL;
	size_t which;
	enum found found = known_there(s, person, by, &there, why);

	if (found == FOUND_YES && (own || rule->kind == POSTER_LIST))
		found = source_find_list(s, &address, 1, by, &list_there, &which, why);
	else if (found == FOUND_YES && there->key == NULL)
		found = FOUND_NO;
	if (found == FOUND_YES)
		found = source_covers(s, list_there == NULL ? list : list_there, rule, there, by, why);
	list_drop(&list_there);
	person_drop(&there);
	return found;
}

enum found
united_covers(struct source *s, const struct list *list, const struct poster *rule,
              const struct person *person, struct deadline by, struct complaint *why)
{
	const struct united *u = (struct united *)s;
	enum found found = FOUND_NO;

	for (size_t i = 0; i < u->count && found != FOUND_YES; i++) {
		enum found one = covers_there(u->inner[i], list, rule, person, by, why);

		if (one != FOUND_NO)
			found = one;
	}
	/* Whoever is not found like this may be a member by way of a list in another source. */
	if (found == FOUND_NO && rule->kind <= POSTER_LIST)
		found = source_walk_covers(s, list, rule, person, by, why);
	return found;
}

enum found
united_peek_person(struct source *s, const struct identity *id, struct person **person_r)
{
	const struct united *u = (struct united *)s;
	struct complaint unused;
	struct person *one = NULL;

	for (size_t i = 0; i < u->count; i++) {
		if (source_peek_person(u->inner[i], id, &one) != FOUND_YES)
			return FOUND_UNSURE;
		person_drop(&one);
	}
	return united_find_person(s, id, deadline_in(0), person_r, &unused);
}

void
united_expect_person(struct source *s, const struct identity *id)
{
	const struct united *u = (struct united *)s;

	for (size_t i = 0; i < u->count; i++)
		source_expect_person(u->inner[i], id);
}

enum found
united_each_address(struct source *s, const char *canonical, struct deadline by, member_fn *fn, void *arg,
             struct complaint *why)
{
	const struct united *u = (struct united *)s;
	enum found found = FOUND_NO;

	for (size_t i = 0; i < u->count && found != FOUND_UNSURE; i++) {
		enum found one = source_each_address(u->inner[i], canonical, by, fn, arg, why);

		if (one != FOUND_NO)
			found = one;
	}
	return found;
}

/* Of all sources, each of which has to have filters: nobody says which of them are meant. */
enum found
united_each_match(struct source *s, const char *filter, struct deadline by, member_fn *fn, void *arg,
           struct complaint *why)
{
	const struct united *u = (struct united *)s;
	enum found found = FOUND_YES;

	for (size_t i = 0; i < u->count && found == FOUND_YES; i++)
		found = source_each_match(u->inner[i], filter, by, fn, arg, why);
	return found;
}
