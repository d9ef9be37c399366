/*
 * Members under suspicion: reports say of them that they could not be reached. Their copies of the posts of a
 * list with `verp: suspects` have a reverse-path of their own, so that the next report says for certain whose
 * it is. Who is suspect is known on this host, by files below the state (policies/moments.h), for so long.
 *
 * Threads and processes: any number.
 */
#ifndef POLICIES_SUSPECTS_H
#define POLICIES_SUSPECTS_H

#include "base/set.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A member of a list (both canonical) is suspect for so many ms from now on. Not so where a list has very
 * many: reports can be forged. True: it was none until now.
 */
bool suspects_add(const char *state, const char *list, const char *member, int64_t milliseconds);

/* Those of a list; NULL: there are none. */
struct set *suspects_of(const char *state, const char *list);

bool suspects_has(const struct set *, const char *list, const char *member);

#endif
