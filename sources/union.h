/* For union*.c: several sources as one. */
#ifndef SOURCES_UNION_H
#define SOURCES_UNION_H

#include "sources/source.h"

struct united {
	struct source source;
	struct source **inner;            /* borrowed */
	size_t count;
};

/* union_people.c: operations of struct source_ops. */
enum found united_find_person(struct source *s, const struct identity *id, struct deadline by,
                              struct person **person_r, struct complaint *why);
enum found united_covers(struct source *s, const struct list *list, const struct poster *rule, const
                         struct person *person, struct deadline by, struct complaint *why);
enum found united_peek_person(struct source *s, const struct identity *id, struct person
                              **person_r);
void united_expect_person(struct source *s, const struct identity *id);
enum found united_each_address(struct source *s, const char *canonical, struct deadline by,
                               member_fn *fn, void *arg, struct complaint *why);
enum found united_each_match(struct source *s, const char *filter, struct deadline by, member_fn
                             *fn, void *arg, struct complaint *why);

#endif
