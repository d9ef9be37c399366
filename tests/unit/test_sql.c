/* The source sql, with SQLite. The whole-system tests do with PostgreSQL what needs a server. */
#include "tests/unit/source_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <sqlite3.h>

#define FIND                                                                                         \
	"SELECT l.address, l.name, l.errors, l.id AS key FROM lists l LEFT JOIN alternates a"        \
	" ON a.list = l.id WHERE lower(l.address) = $1 OR a.address = $1"
#define PEOPLE(role) "SELECT address FROM people WHERE list = $1 AND role = '" role "' ORDER BY rowid"
#define LISTS                                                                                        \
	"SELECT l.address, l.name, l.errors, l.id AS key, a.address AS alternate FROM lists l LEFT JOIN" \
	" alternates a ON a.list = l.id WHERE l.address LIKE '%@' || $1 OR a.address LIKE '%@' || $1 ORDER BY l.id"
#define SETTINGS "  find: " FIND "\n  members: " PEOPLE("member") "\n  owners: " PEOPLE("owner") "\n"   \
	"  lists: " LISTS "\n"
#define FORGETFUL "  cache: { yes: 0s, no: 0s, patience: 1m }\n"

static const char *const staff = "staff@lists.example.com";

struct base {
	char *dir, *path;
	struct source *source;
};

static void
execute(const char *path, const char *sql)
{
	char *error = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct source *
source_of(const char *path, const char *settings)
{
	char *yaml = mem_format("  kind: sql\n  database: sqlite\n  connect: %s\n%s", path, settings);
	struct source *s = source_from_text(yaml);

	free(yaml);
	return s;
}

static struct base
begin(const char *settings)
{
	struct base b = { .dir = make_temp_dir() };
	struct bytes sql = { 0 };
	struct complaint why;

	b.path = mem_format("%s/lists.db", b.dir);
	assert_int_equal(file_read(AT_FDCWD, "tests/fixtures/contract.sql", 65536, &sql, &why), 1);
	execute(b.path, sql.data);
	bytes_free(&sql);
	b.source = source_of(b.path, settings);
	return b;
}

static void
end(struct base *b)
{
	source_close(&b->source);
	remove_temp_dir(b->dir);
	free(b->path);
}

static enum found
walk(struct source *s, member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct list *l = list_new(mem_text(staff), NULL, mem_text("1"), NULL);
	enum found found = source_each_member(s, l, PEOPLE_MEMBERS, deadline_in(20000), fn, arg, report, why);

	list_drop(&l);
	return found;
}

/* The members of staff, as they are sent to. */
static void
check_staff(struct source *s, const char *want)
{
	struct bytes all = { 0 };
	struct complaint why;
	struct walk_report report;

	if (walk(s, note_spelling, &all, &report, &why) != FOUND_YES)
		fail_msg("%s", why.text);
	same_text("staff", bytes_text(&all), want);
	bytes_free(&all);
}

static const char whole[] = "ann@example.com|Bob@example.com|guest@partner.example.net|carl@example.com|"
                            "ann@example.com|";

static void
sqlite_keeps_the_contract(void **state)
{
	static const char *const settings[] = { SETTINGS, SETTINGS FORGETFUL "  connections: 2\n" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct base b = begin(settings[i]);

		source_contract("sqlite", b.source, LACKS_STYLE);
		assert_int_equal(ask_source(b.source, "' OR 1=1 --@lists.example.com", NULL), FOUND_NO);
		assert_int_equal(ask_source(b.source, "$1@lists.example.com", NULL), FOUND_NO);
		end(&b);
	}
}

static void
settings_that_are_wrong(void **state)
{
	static const struct {
		const char *yaml, *want;
	} cases[] = {
		{ "database: sqlite, connect: /x, members: 'x $1'", "\"find\" is missing here" },
		{ "database: oracle, connect: /x, find: $1, members: $1",
		  "database: \"oracle\" is not one of sqlite, postgresql" },
		{ "database: sqlite, connect: x.db, find: $1, members: $1",
		  "connect: \"x.db\" is no absolute path" },
		{ "database: sqlite, connect: /x, find: SELECT address FROM lists, members: $1",
		  "find: there is no $1 in the query" },
		{ "database: sqlite, connect: /x, find: $1, members: SELECT 1", "members: there is no $1 in the query" },
		{ "database: sqlite, connect: /x, find: $1, members: $1, owners: ' '",
		  "owners: there is no $1 in the query" },
		{ "database: sqlite, connect: /x, find: $1, members: $1, lists: SELECT 1",
		  "lists: there is no $1 in the query" },
		{ "database: postgresql, connect: hoost=x, find: $1, members: $1",
		  "connect: invalid connection option \"hoost\"" },
		{ "database: postgresql, connect: host=x password=x, find: $1, members: $1",
		  "connect: a password belongs into a file that nobody else can read: passfile=/etc/rollcall/pgpass" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		source_refused("sql", cases[i].yaml, cases[i].want);
}

static void
lookups_that_fail_are_unsure(void **state)
{
	static const struct {
		const char *query, *want;
	} cases[] = {
		{ "SELEKT $1", "corp: find staff@lists.example.com: near \"SELEKT\": syntax error" },
		{ "SELECT address FROM list WHERE address = $1", "no such table: list" },
		{ "SELECT 'a@x' AS address, $1 UNION SELECT 'b@x', ''", "find gives several rows" },
		{ "SELECT $1 AS adress", "find gives no address" },
		{ "SELECT NULL AS address, $1", "find gives no address" },
		{ "SELECT 'staff' AS address, $1", "address: \"staff\" is no mailbox address" },
		{ "SELECT $1 AS address, '|/bin/sh' AS errors", "errors: \"|/bin/sh\" is no mailbox address" },
		{ "SELECT $1 AS address; DELETE FROM people", "this is not one statement" },
		{ "-- $1", "this is not one statement" },
		{ "SELECT $1 AS address WHERE $2", "it has other parameters than $1" },
		{ "SELECT 'x' AS address --$1", "it has other parameters than $1" },
		{ "DELETE FROM people WHERE address <> $1", "attempt to write a readonly database" },
		{ "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
		  " WHERE x <> $1", "it has not answered in time" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *settings = mem_format("  find: \"%s\"\n  members: SELECT $1\n  timeout: 300ms\n"
		                            FORGETFUL, cases[i].query);
		struct base b;
		struct complaint why;

		b = begin(settings);
		assert_int_equal(ask_source(b.source, staff, &why), FOUND_UNSURE);
		if (strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].query, why.text);
		end(&b);
		free(settings);
	}
}

static bool
note_list(void *arg, const struct list *l, const struct text_list *also)
{
	bytes_format(arg, "%s+%zu|", l->address, also->count);
	return also->count < 3;
}

static void
listing(void **state)
{
	static const struct {
		const char *query, *want;         /* what comes of it, or why nothing */
	} cases[] = {
		{ "SELECT 'a@l.x' AS address, 'b@' || $1 AS alternate UNION ALL SELECT 'a@l.x', 'a@l.x' UNION ALL"
		  " SELECT 'a@l.x', 'B@l.x' UNION ALL SELECT 'a@l.x', 'c@l.y' UNION ALL SELECT 'd@l.y', NULL UNION ALL"
		  " SELECT 'e@l.y', 'e@l.x'", "a@l.x+1|e@l.y+1|" },
		{ "SELECT 'a@l.x' AS address WHERE $1 = ''", "" },
		{ "SELECT 'a@l.x' AS address UNION ALL SELECT 'b@' || $1 UNION ALL SELECT 'a@l.x'",
		  "corp: lists of l.x: the rows of a@l.x are not one behind the other" },
		{ "SELECT NULL AS address, $1", "corp: lists of l.x: find gives no address" },
		{ "SELECT 'a' AS address, $1", "corp: lists of l.x: address: \"a\" is no mailbox address" },
		{ "SELECT 'a@x' AS address, '|x' AS alternate, $1", "corp: lists of l.x: alternate: \"|x\" is no mailbox address" },
		{ "SELEKT $1", "corp: lists of l.x: near \"SELEKT\": syntax error" },
		{ "SELECT 'a@l.x' AS address, $1 || x AS alternate FROM (SELECT 'b@' AS x UNION ALL SELECT 'c@')",
		  "corp: lists of l.x: alternate: " },
		{ "SELECT 'a@l.x' AS address, x || $1 AS alternate FROM (SELECT 'b@' AS x UNION ALL SELECT 'c@'"
		  " UNION ALL SELECT 'd@')", "corp: lists of l.x: stopped" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *settings = mem_format("  find: SELECT $1\n  members: SELECT $1\n  lists: \"%s\"\n",
		                            cases[i].query);
		struct base b = begin(settings);
		struct bytes all = { 0 };
		struct complaint why;

		if (source_each_list(b.source, "l.x", deadline_in(20000), note_list, &all, &why) != FOUND_YES) {
			bytes_clear(&all);
			bytes_add(&all, why.text, strnlen(why.text, strlen(cases[i].want)));
		}
		same_text(cases[i].query, bytes_text(&all), cases[i].want);
		bytes_free(&all);
		end(&b);
		free(settings);
	}
}

static void
without_a_query_for_lists(void **state)
{
	struct base b = begin("  find: SELECT $1\n  members: SELECT $1\n");
	struct complaint why;

	(void)state;
	assert_int_equal(source_each_list(b.source, "l.x", deadline_in(20000), note_list, NULL, &why), FOUND_UNSURE);
	same_text("why", why.text, "corp: this source of the kind sql cannot say which lists there are: it has no "
	                           "query \"lists\"");
	end(&b);
}

static void
files_that_are_wrong(void **state)
{
	struct base b = begin(SETTINGS FORGETFUL "  timeout: 300ms\n");
	struct complaint why;
	char *gone = mem_format("%s.gone", b.path);
	sqlite3 *db;

	(void)state;
	assert_int_equal(rename(b.path, gone), 0);
	assert_int_equal(ask_source(b.source, staff, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "lists.db: unable to open database file"));
	write_file(b.path, "this is no database, but long enough to be looked at as if it were one ......."
	                   "..............................................................");
	assert_int_equal(ask_source(b.source, staff, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "file is not a database"));
	write_file(b.path, "");
	assert_int_equal(ask_source(b.source, staff, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "no such table"));
	/* The next moment it is there again. */
	assert_int_equal(rename(gone, b.path), 0);
	assert_int_equal(ask_source(b.source, staff, &why), FOUND_YES);
	/* Somebody writes, and does not end. */
	assert_int_equal(sqlite3_open(b.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(ask_source(b.source, staff, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "database is locked"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(ask_source(b.source, staff, &why), FOUND_YES);
	free(gone);
	end(&b);
}

static void
members_that_are_no_mailboxes(void **state)
{
	struct base b = begin(SETTINGS FORGETFUL);
	struct bytes all = { 0 };
	struct complaint why;
	struct walk_report report;

	(void)state;
	execute(b.path, "DELETE FROM people WHERE list = 1; INSERT INTO people VALUES (1, 'member', NULL),"
	                " (1, 'member', '|/bin/sh'), (1, 'member', ''), (1, 'member', 'ann@example.com'),"
	                " (1, 'member', 'x' || char(0) || '@example.com'), (1, 'member', 7)");
	assert_int_equal(walk(b.source, note_spelling, &all, &report, &why), FOUND_YES);
	same_text("members", bytes_text(&all), "ann@example.com|");
	assert_int_equal(report.without_address, 1);
	assert_int_equal(report.refused, 4);
	bytes_free(&all);
	end(&b);
}

/* In the middle of the members, and in a list within the list. */
static void
members_that_fail_are_unsure(void **state)
{
	struct base b = begin("  find: " FIND "\n  members: SELECT CASE WHEN address LIKE 'carl%' THEN"
	                      " abs(-9223372036854775807 - 1) ELSE address END FROM people WHERE list = $1\n"
	                      FORGETFUL);
	struct bytes all = { 0 };
	struct complaint why;
	struct walk_report report;

	(void)state;
	assert_int_equal(walk(b.source, note_spelling, &all, &report, &why), FOUND_UNSURE);
	same_text("why", why.text, "corp: members of dev@lists.example.com: integer overflow");
	execute(b.path, "DROP TABLE alternates");
	assert_int_equal(walk(b.source, note_spelling, &all, &report, &why), FOUND_UNSURE);
	bytes_free(&all);
	end(&b);
}

struct change {
	const struct base *base;
	struct bytes all;
};

static bool
change_meanwhile(void *arg, const struct member *m)
{
	struct change *c = arg;

	if (c->all.length == 0)
		execute(c->base->path, "DELETE FROM people WHERE list = 2;"
		                       "DELETE FROM lists WHERE address LIKE 'dev@%'");
	return note_spelling(&c->all, m);
}

/* A walk sees one moment, however long it takes. */
static void
a_walk_is_of_one_moment(void **state)
{
	struct base b = begin(SETTINGS FORGETFUL);
	struct change c = { .base = &b };
	struct complaint why;
	struct walk_report report;

	(void)state;
	execute(b.path, "PRAGMA journal_mode = WAL");
	assert_int_equal(walk(b.source, change_meanwhile, &c, &report, &why), FOUND_YES);
	same_text("before", bytes_text(&c.all), whole);
	check_staff(b.source, "ann@example.com|Bob@example.com|guest@partner.example.net|dev@lists.example.com|");
	bytes_free(&c.all);
	end(&b);
}

static void
a_file_that_is_replaced_counts_at_once(void **state)
{
	struct base b = begin(SETTINGS FORGETFUL);
	struct complaint why;
	char *new = mem_format("%s.new", b.path);

	(void)state;
	check_staff(b.source, whole);
	execute(new, "CREATE TABLE lists (id, address, name, errors); CREATE TABLE alternates (list, address);"
	             "CREATE TABLE people (list, role, address); INSERT INTO lists (id, address) VALUES"
	             " ('k', 'staff@lists.example.com'); INSERT INTO people VALUES ('k', 'member', 'eve@x')");
	assert_int_equal(rename(new, b.path), 0);
	check_staff(b.source, "eve@x|");
	/* The list has become an alternate of another one: what was known of it is over. */
	execute(b.path, "UPDATE lists SET address = 'all@lists.example.com';"
	                "INSERT INTO alternates VALUES ('k', 'staff@lists.example.com')");
	assert_int_equal(walk(b.source, note_spelling, &(struct bytes){ 0 }, &(struct walk_report){ 0 }, &why), FOUND_NO);
	free(new);
	end(&b);
}

struct greedy {
	struct source *source;
	struct complaint why;
	enum found found;
};

static bool
ask_for_more(void *arg, const struct member *m)
{
	struct greedy *g = arg;
	struct list *l = NULL;
	size_t which;

	(void)m;
	if (g->found == FOUND_YES)
		g->found = source_find_list(g->source, &staff, 1, deadline_in(200), &l, &which, &g->why);
	list_drop(&l);
	return true;
}

static void
connections_have_a_number(void **state)
{
	struct base b = begin(SETTINGS "  connections: 1\n  cache: { yes: 0s, no: 0s, patience: 200ms }\n");
	struct greedy g = { .source = b.source, .found = FOUND_YES };
	struct complaint why;
	struct walk_report report;

	(void)state;
	assert_int_equal(walk(b.source, ask_for_more, &g, &report, &why), FOUND_YES);
	assert_int_equal(g.found, FOUND_UNSURE);
	assert_true(strcmp(g.why.text, "corp: all 1 connections are in use") == 0 ||
	            strcmp(g.why.text, "corp: no answer in time") == 0);
	/* Another one: the question about staff may still be waiting for its end, and would be shared. */
	assert_int_equal(ask_source(b.source, "dev@lists.example.com", &why), FOUND_YES);
	end(&b);
}

static void *
walk_often(void *arg)
{
	for (int i = 0; i < 25; i++)
		check_staff(arg, whole);
	return NULL;
}

static void
several_may_walk_at_once(void **state)
{
	struct base b = begin(SETTINGS "  connections: 2\n");

	(void)state;
	in_four_threads(walk_often, b.source);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sqlite_keeps_the_contract),
		cmocka_unit_test(settings_that_are_wrong),
		cmocka_unit_test(lookups_that_fail_are_unsure),
		cmocka_unit_test(listing),
		cmocka_unit_test(without_a_query_for_lists),
		cmocka_unit_test(files_that_are_wrong),
		cmocka_unit_test(members_that_are_no_mailboxes),
		cmocka_unit_test(members_that_fail_are_unsure),
		cmocka_unit_test(a_walk_is_of_one_moment),
		cmocka_unit_test(a_file_that_is_replaced_counts_at_once),
		cmocka_unit_test(connections_have_a_number),
		cmocka_unit_test(several_may_walk_at_once),
	};

	return RUN(tests);
}
