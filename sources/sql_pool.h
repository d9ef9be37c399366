/* The connections of a source to its database: no more than so many, kept for a while. */
#ifndef SOURCES_SQL_POOL_H
#define SOURCES_SQL_POOL_H

#include "base/monitor.h"
#include "sources/sql.h"

struct sql_pool {
	const struct sql_driver *driver;
	const char *connect;              /* borrowed */
	int64_t most;
	int64_t keep, patience;           /* ms: without use; to connect */
	struct monitor monitor;           /* over what follows */
	int64_t open;                     /* connections, those in use included */
	struct sql_conn *idle;
};

/* A connection, kept or new; waits for one until the deadline. NULL with a complaint. Any thread. */
struct sql_conn *sql_take(struct sql_pool *, struct deadline by, bool *kept, struct complaint *);

/* Gives it back; one that has failed, or is not worth keeping, is closed. */
void sql_give(struct sql_pool *, struct sql_conn *, bool whole);

/* When all are given back. */
void sql_pool_close(struct sql_pool *);

#endif
