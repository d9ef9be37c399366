/*
 * Workers for policies that wait, apart for each outside resource, and bounded: one that hangs
 * keeps only its own busy. They are started as they are needed.
 */
#ifndef POLICIES_BULKHEAD_H
#define POLICIES_BULKHEAD_H

#include "base/pool.h"
#include "base/setting.h"
#include "policies/policy.h"

struct bulkheads;

/* How many work at the same time, by resource. */
struct workers {
	int64_t most[RESOURCE_COUNT];
};
extern const struct setting workers_settings[];

struct bulkheads *bulkheads_open(const struct workers *);

/* Waits for what runs: afterwards no policy does. */
void bulkheads_close(struct bulkheads **);

/* Runs job(arg) on a worker. False, and nothing happens, where all are busy. Any thread. */
bool bulkhead_submit(struct bulkheads *, enum resource, pool_job *, void *arg);

#endif
