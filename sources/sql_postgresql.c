/*
 * PostgreSQL. Everything after the look-up of the host's name is done without blocking, so that a
 * server that hangs costs no more than the time allowed. Rows are taken one by one as they come, in
 * single-row mode: a long list does not sit in memory, neither here nor in the library.
 */
#include "base/mem.h"
#include "sources/sql.h"

#include <errno.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <stdlib.h>
#include <string.h>

struct pg {
	struct sql_conn conn;
	PGconn *pg;
	PGresult *result;                 /* the row */
};

/* The library's words, which end with a newline. */
static int
say(const char *words, struct complaint *why)
{
	size_t length = strlen(words);

	while (length > 0 && words[length - 1] == '\n')
		length--;
	return complain(why, "%.*s", (int)length, words);
}

static int
check(const char *where, struct complaint *why)
{
	char *error = NULL;
	PQconninfoOption *all = PQconninfoParse(where, &error);
	int rc = 0;

	if (all == NULL) {
		rc = say(error == NULL ? "out of memory" : error, why);
		PQfreemem(error);
		return rc;
	}
	for (const PQconninfoOption *o = all; o->keyword != NULL && rc == 0; o++)
		if (strcmp(o->keyword, "password") == 0 && o->val != NULL)
			rc = complain(why, "a password belongs into a file that nobody else can read: "
			                   "passfile=/etc/rollcall/pgpass");
	PQconninfoFree(all);
	return rc;
}

static void
close_conn(struct sql_conn *conn)
{
	struct pg *p = (struct pg *)conn;

	PQclear(p->result);
	PQfinish(p->pg);
	free(p);
}

static int
wait_for(const struct pg *p, short events, struct deadline by, struct complaint *why)
{
	for (;;) {
		struct pollfd f = { .fd = PQsocket(p->pg), .events = events };
		int64_t left = deadline_left(by);

		if (left == 0)
			return complain(why, "it has not answered in time");
		if (poll(&f, 1, left > 60000 ? 60000 : (int)left) > 0)
			return 0;
	}
}

static int
connect_to(struct pg *p, struct deadline by, struct complaint *why)
{
	/* As the library wants it: as if it had said so, before it is asked for the first time. */
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	if (PQstatus(p->pg) == CONNECTION_BAD)
		return say(PQerrorMessage(p->pg), why);
	while (next != PGRES_POLLING_OK) {
		if (wait_for(p, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, by, why) < 0)
			return complain_within(why, "connecting");
		next = PQconnectPoll(p->pg);
		if (next == PGRES_POLLING_FAILED)
			return say(PQerrorMessage(p->pg), why);
	}
	(void)PQsetnonblocking(p->pg, 1);
	return 0;
}

/* Sends all of what the library has in its hands. */
static int
flush(struct pg *p, struct deadline by, struct complaint *why)
{
	int left;

	while ((left = PQflush(p->pg)) == 1) {
		if (wait_for(p, POLLIN | POLLOUT, by, why) < 0)
			return -1;
		if (PQconsumeInput(p->pg) == 0)
			break;
	}
	return left == 0 ? 0 : say(PQerrorMessage(p->pg), why);
}

static int
query(struct sql_conn *conn, const char *sql, const char *parameter, struct deadline by,
      struct complaint *why)
{
	struct pg *p = (struct pg *)conn;

	if (PQsendQueryParams(p->pg, sql, parameter != NULL, NULL, &parameter, NULL, NULL, 0) == 0 ||
	    PQsetSingleRowMode(p->pg) == 0)
		return say(PQerrorMessage(p->pg), why);
	return flush(p, by, why);
}

/* The next result, or NULL where there is none any more. */
static int
next_result(struct pg *p, struct deadline by, struct complaint *why)
{
	PQclear(p->result);
	p->result = NULL;
	while (PQisBusy(p->pg)) {
		if (wait_for(p, POLLIN, by, why) < 0)
			return -1;
		if (PQconsumeInput(p->pg) == 0)
			return say(PQerrorMessage(p->pg), why);
	}
	p->result = PQgetResult(p->pg);
	return 0;
}

static int
row(struct sql_conn *conn, struct deadline by, struct complaint *why)
{
	struct pg *p = (struct pg *)conn;

	if (next_result(p, by, why) < 0)
		return -1;
	switch (PQresultStatus(p->result)) {
	case PGRES_SINGLE_TUPLE:
		return 1;
	case PGRES_TUPLES_OK:             /* that this comes says that there were no more */
	case PGRES_COMMAND_OK:
		return next_result(p, by, why);
	default:
		return say(p->result == NULL ? PQerrorMessage(p->pg) : PQresultErrorMessage(p->result),
		           why);
	}
}

static struct sql_conn *
open_conn(const char *where, struct deadline by, struct complaint *why)
{
	static const char *const names[] = { "client_encoding", "fallback_application_name", "dbname", NULL };
	const char *values[] = { "UTF8", "rollcall", where, NULL };
	struct pg *p = mem_new(sizeof(*p));

	p->pg = PQconnectStartParams(names, values, 1);
	if (connect_to(p, by, why) < 0 ||
	    query(&p->conn, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", NULL, by, why) < 0 ||
	    row(&p->conn, by, why) < 0) {
		close_conn(&p->conn);
		return NULL;
	}
	return &p->conn;
}

static int
column(struct sql_conn *conn, const char *name)
{
	return PQfnumber(((struct pg *)conn)->result, name);
}

static const char *
value(struct sql_conn *conn, int which, size_t *length)
{
	const PGresult *r = ((struct pg *)conn)->result;

	*length = (size_t)PQgetlength(r, 0, which);
	return PQgetisnull(r, 0, which) ? NULL : PQgetvalue(r, 0, which);
}

const struct sql_driver sql_postgresql = {
	.keep = true,
	.begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	.check = check,
	.open = open_conn,
	.query = query,
	.row = row,
	.column = column,
	.value = value,
	.close = close_conn,
};
