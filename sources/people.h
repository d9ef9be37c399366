/*
 * What the cache knows of people: who somebody is, and which rules about posters cover him. Only a
 * yes is remembered, and for a short time; nothing stale is ever an answer. Callers with the same
 * question share one, which is asked on a thread of its own; a question that nobody waits for any
 * more is given up.
 */
#ifndef SOURCES_PEOPLE_H
#define SOURCES_PEOPLE_H

#include "sources/source.h"

struct acquaintance;

/* The source stays the caller's, and outlives it. */
struct acquaintance *people_open(struct source *, const struct cache_config *);
void people_close(struct acquaintance **);

/* As the operations of a source. */
enum found people_find(struct acquaintance *, const struct identity *, struct deadline,
                       struct person **person_r, struct complaint *);
enum found people_covers(struct acquaintance *, const struct list *, const struct poster *,
                         const struct person *, struct deadline, struct complaint *);
enum found people_peek(struct acquaintance *, const struct identity *, struct person **person_r);
enum found people_peek_covers(struct acquaintance *, const struct list *, const struct poster *,
                              const struct person *);
void people_expect(struct acquaintance *, const struct identity *);

#endif
