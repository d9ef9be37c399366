/*
 * SQLite. A file is opened for each reading, which costs little, so that one that was put in its
 * place by rename is seen at once. Nothing in SQLite waits for longer than the deadline: neither for
 * a lock nor for its own work.
 */
#include "base/mem.h"
#include "sources/sql.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS = 1000, NAP = 5 };          /* virtual instructions between looks at the clock; ms */

struct lite {
	struct sql_conn conn;
	sqlite3 *db;
	sqlite3_stmt *statement;
	struct deadline by;
};

static int
check(const char *where, struct complaint *why)
{
	return *where == '/' ? 0 : complain(why, "\"%s\" is no absolute path", where);
}

static int
is_over(void *arg)
{
	const struct lite *l = arg;

	return deadline_passed(l->by);
}

/* Somebody else writes: tried again in a moment. */
static int
is_busy(void *arg, int tries)
{
	const struct timespec nap = { 0, NAP * 1000000L };

	(void)tries;
	if (is_over(arg))
		return 0;
	(void)nanosleep(&nap, NULL);
	return 1;
}

static int
fail(const struct lite *l, struct complaint *why)
{
	if (sqlite3_errcode(l->db) == SQLITE_INTERRUPT)
		return complain(why, "it has not answered in time");
	return complain(why, "%s", sqlite3_errmsg(l->db));
}

static void
close_conn(struct sql_conn *conn)
{
	struct lite *l = (struct lite *)conn;

	(void)sqlite3_finalize(l->statement);
	(void)sqlite3_close(l->db);
	free(l);
}

static struct sql_conn *
open_conn(const char *where, struct deadline by, struct complaint *why)
{
	struct lite *l = mem_new(sizeof(*l));

	l->by = by;
	if (sqlite3_open_v2(where, &l->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		(void)complain(why, "cannot open %s: %s", where, sqlite3_errmsg(l->db));
		close_conn(&l->conn);
		return NULL;
	}
	(void)sqlite3_busy_handler(l->db, is_busy, l);
	sqlite3_progress_handler(l->db, STEPS, is_over, l);
	return &l->conn;
}

static int
query(struct sql_conn *conn, const char *sql, const char *parameter, struct deadline by,
      struct complaint *why)
{
	struct lite *l = (struct lite *)conn;
	const char *rest = "";

	l->by = by;
	(void)sqlite3_finalize(l->statement);
	l->statement = NULL;
	if (sqlite3_prepare_v2(l->db, sql, -1, &l->statement, &rest) != SQLITE_OK)
		return fail(l, why);
	if (rest[strspn(rest, " \t\n;")] != '\0' || l->statement == NULL)
		return complain(why, "this is not one statement: %s", sql);
	if (sqlite3_bind_parameter_count(l->statement) != (parameter != NULL))
		return complain(why, "it has other parameters than $1: %s", sql);
	if (parameter != NULL &&
	    sqlite3_bind_text(l->statement, 1, parameter, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		return fail(l, why);
	return 0;
}

static int
row(struct sql_conn *conn, struct deadline by, struct complaint *why)
{
	struct lite *l = (struct lite *)conn;

	l->by = by;
	switch (sqlite3_step(l->statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return fail(l, why);
	}
}

static int
column(struct sql_conn *conn, const char *name)
{
	sqlite3_stmt *statement = ((struct lite *)conn)->statement;

	for (int i = 0; i < sqlite3_column_count(statement); i++)
		if (strcmp(sqlite3_column_name(statement, i), name) == 0)
			return i;
	return -1;
}

static const char *
value(struct sql_conn *conn, int which, size_t *length)
{
	sqlite3_stmt *statement = ((struct lite *)conn)->statement;
	const char *text = (const char *)sqlite3_column_text(statement, which);

	*length = (size_t)sqlite3_column_bytes(statement, which);
	return text;
}

const struct sql_driver sql_sqlite = {
	.keep = false,
	.begin = "BEGIN",
	.check = check,
	.open = open_conn,
	.query = query,
	.row = row,
	.column = column,
	.value = value,
	.close = close_conn,
};
