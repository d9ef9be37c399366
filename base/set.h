/*
 * A set of byte strings, exact: members are stored and compared whole, never by hash alone, since a
 * false "already there" would leave a person without the post. Costs the string's length plus about
 * ten bytes a member. One thread at a time.
 */
#ifndef BASE_SET_H
#define BASE_SET_H

#include <stdbool.h>
#include <stddef.h>

struct set;

struct set *set_open(void);

/* True if it was not there before. Strings up to 65,535 bytes. */
bool set_add(struct set *, const void *bytes, size_t length);

bool set_has(const struct set *, const void *bytes, size_t length);
size_t set_count(const struct set *);
void set_close(struct set **);

#endif
