/*
 * Worker threads that take jobs from a bounded queue. A pool stands before each outside resource,
 * so that one that hangs keeps only its own workers busy.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool;
typedef void pool_job(void *arg);

/* So many work at the same time, and so many jobs more may wait for one of them. */
struct pool *pool_open(const char *name, size_t workers, size_t queue_limit);

/* Runs job(arg) on a worker. False, and nothing happens, when the queue is full or closing. */
bool pool_submit(struct pool *, pool_job *, void *arg);

/* Waits for running jobs, runs those still queued, ends the threads. */
void pool_close(struct pool **);

#endif
