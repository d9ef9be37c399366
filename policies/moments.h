/*
 * Counts that outlive the daemon. What is kept for whoever is counted is one moment, at which the posts
 * so far will have been made up for: each post moves it on by an even share of the time. It is the
 * modification time of an empty file; one in the past says as much as none. Wall clock, milliseconds.
 */
#ifndef POLICIES_MOMENTS_H
#define POLICIES_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

/* 0 where there is none; -1: it cannot be known. */
int64_t moment_of(const char *path);

/*
 * Whether there is no room for one more of `posts` in the time `in`. A clock that was set back locks nobody
 * out.
 */
bool moment_is_full(int64_t moment, int64_t now, int64_t posts, int64_t in);

/* One post more. */
int64_t moment_after(int64_t moment, int64_t now, int64_t posts, int64_t in);

/* In a directory that is made where it is missing. What goes wrong is logged as that event. */
void moment_write(const char *directory, const char *path, int64_t moment, const char *event);

/* Whether they were not swept for a minute; then that is now, and the caller sweeps. Its lock is held. */
bool moments_due(int64_t *swept, int64_t now);

/* Removes those in the past. One may be renewed at that moment: then one post too many is taken. */
void moments_sweep(const char *directory, int64_t now);

#endif
