/*
 * What a kind of database does for the source sql. A connection is used by one thread at a time, and
 * after a failure it is only closed.
 */
#ifndef SOURCES_SQL_H
#define SOURCES_SQL_H

#include "base/clock.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

/* The beginning of every connection. */
struct sql_conn {
	struct sql_conn *next;            /* among those that are not in use */
	int64_t used;                     /* when it was last in use, in ticks */
};

struct sql_driver {
	/* Whether connections are worth keeping. */
	bool keep;
	/* The statement by which all that is read until COMMIT is of one moment. */
	const char *begin;
	/* Checks where to connect to, without doing it. */
	int (*check)(const char *where, struct complaint *);
	/* A connection that can only read; NULL with a complaint. */
	struct sql_conn *(*open)(const char *where, struct deadline, struct complaint *);
	/*
	 * Starts a query; what $1 is in it is bound, never pasted. NULL: there is none. The rows of the
	 * one before must have been read to their end.
	 */
	int (*query)(struct sql_conn *, const char *sql, const char *parameter, struct deadline,
	             struct complaint *);
	/* The next row, as it comes from the database: 1, 0 that was the last, -1. */
	int (*row)(struct sql_conn *, struct deadline, struct complaint *);
	/* Of the row: the place of a column; -1: it has none of this name. */
	int (*column)(struct sql_conn *, const char *name);
	/* A value as text, until the next row; NULL is NULL. */
	const char *(*value)(struct sql_conn *, int column, size_t *length);
	void (*close)(struct sql_conn *);
};

extern const struct sql_driver sql_sqlite, sql_postgresql;

#endif
