/*
 * A set of byte strings, exact: members are stored and compared whole, never by hash alone, since a
 * false "already there" would leave a person without the post. Members are numbered from 0 as they
 * come. Costs the string's length plus about fifteen bytes a member. One thread at a time.
 */
#ifndef BASE_SET_H
#define BASE_SET_H

#include <stdbool.h>
#include <stddef.h>

struct set;

struct set *set_open(void);

/* True if it was not there before. Strings up to 65,535 bytes. */
bool set_add(struct set *, const void *bytes, size_t length);

/* The same; its number is *at_r, whether it was there or not. */
bool set_place(struct set *, const void *bytes, size_t length, size_t *at_r);

/* The member of a number, in place. */
const void *set_at(const struct set *, size_t at, size_t *length);

/* The number of a member; false: it is none. */
bool set_find(const struct set *, const void *bytes, size_t length, size_t *at_r);

bool set_has(const struct set *, const void *bytes, size_t length);
size_t set_count(const struct set *);
void set_close(struct set **);

#endif
