/* Reply-all storms that are going on. */
#ifndef POLICIES_STORM_H
#define POLICIES_STORM_H

#include "base/complaint.h"
#include "sources/source.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether a list (its canonical address) has a storm on this host, and when that lets go (wall clock, ms), if
 * nobody posts. With `end` it is over now, and what was counted is forgotten. Unsure with a complaint.
 */
enum found storm_look(const char *state, const char *list, bool end, int64_t *until, struct complaint *);

#endif
