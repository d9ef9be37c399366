/*
 * A table from byte strings to pointers that knows which entries were touched longest ago, which is
 * what a bounded cache needs. One thread at a time.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct map;

struct map *map_open(void);

/* The value, or NULL; the entry becomes the youngest. */
void *map_get(struct map *, const void *key, size_t length);

/*
 * The value, or NULL, without touching its age: several threads may do this while none does
 * anything else.
 */
void *map_peek(const struct map *, const void *key, size_t length);

/* Puts a value (not NULL) under a key; returns the one that stood there, or NULL. */
void *map_put(struct map *, const void *key, size_t length, void *value);

/* Takes an entry out and returns its value, or NULL. */
void *map_remove(struct map *, const void *key, size_t length);

/* Takes out the entry touched longest ago and returns its value; NULL when the map is empty. */
void *map_remove_oldest(struct map *);

size_t map_count(const struct map *);

/* Calls visit(arg, value) for each, oldest first. The map must not be changed meanwhile. */
void map_each(const struct map *, void (*visit)(void *arg, void *value), void *arg);

/* Does not free the values. */
void map_close(struct map **);

#endif
