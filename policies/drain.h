/*
 * Draining: while a file of the name `drain` lies in the state directory, no mail for lists is
 * taken, and what was taken is finished. The file alone says so: all daemons see it at once, those
 * that are started later as well, and it is there whether or not one of them runs.
 */
#ifndef POLICIES_DRAIN_H
#define POLICIES_DRAIN_H

#include "policies/site.h"

/* Whether to take nothing. Cheap, for every recipient; any thread. Logs it when that changes. */
bool drain_is_on(const struct site *);

/* Since when (wall clock), or 0 for not at all. */
int64_t drain_since(const struct site *);

/* For rollcallctl. What is as wanted already is no error. -1 with a complaint. */
int drain_begin(const struct site *, struct complaint *);
int drain_end(const struct site *, struct complaint *);

#endif
