/*
 * Lists from a database, by queries of the site: one that finds a list, one for its members, one for
 * its owners. What a query is about is bound to $1 and never becomes a part of its text. All that one
 * walk reads is read in one transaction, so that it is of one moment.
 */
#include "base/mem.h"
#include "base/set.h"
#include "sources/nested.h"
#include "sources/sql.h"
#include "sources/sql_pool.h"

#include <stdlib.h>
#include <string.h>

static const char *const database_words[] = { "sqlite", "postgresql", NULL };
static const struct sql_driver *const drivers[] = { &sql_sqlite, &sql_postgresql };

struct sql_config {
	int64_t database, connections;
	char *connect, *find, *members, *owners, *lists;
	bool nested;
	int64_t timeout, connect_timeout, idle;
};

struct sql_source {
	struct source source;
	struct sql_config config;
	const struct sql_driver *driver;
	struct sql_pool pool;
};

#define FIELD(f) offsetof(struct sql_config, f)

static const struct setting settings[] = {
	SOURCE_SETTINGS,
	{ .name = "database", .kind = KIND_WORD, .offset = FIELD(database), .flags = SETTING_REQUIRED,
	  .words = database_words, .help = "Which database it is: sqlite, postgresql." },
	{ .name = "connect", .kind = KIND_TEXT, .offset = FIELD(connect), .flags = SETTING_REQUIRED,
	  .help = "Where it is: the file, of sqlite; the connection string, of postgresql: "
	          "host=db.example.com dbname=hr user=rollcall passfile=/etc/rollcall/pgpass." },
	{ .name = "find", .kind = KIND_TEXT, .offset = FIELD(find), .flags = SETTING_REQUIRED,
	  .help = "The query for the list with the address $1, which comes in canonical form. One row is "
	          "a list, none is no list. Its columns: address, the list's own; and if you like name, "
	          "errors, and key, which is then $1 of the other queries." },
	{ .name = "members", .kind = KIND_TEXT, .offset = FIELD(members), .flags = SETTING_REQUIRED,
	  .help = "The query for the addresses of the members, in the first column, of the list $1: its "
	          "key if find gives one, else its address." },
	{ .name = "owners", .kind = KIND_TEXT, .offset = FIELD(owners),
	  .help = "The same for the owners. Without it lists have none." },
	{ .name = "lists", .kind = KIND_TEXT, .offset = FIELD(lists),
	  .help = "The query for all lists with an address in the domain $1, for rollcallctl lists. The "
	          "columns of find, and if you like alternate: a further address of the list. One with "
	          "several has a row for each, one behind the other." },
	{ .name = "nested", .kind = KIND_FLAG, .offset = FIELD(nested), .fallback = "yes",
	  .help = "Whether members may be lists of this source: those in a domain of a list on the way "
	          "to them are looked for." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = FIELD(timeout), .fallback = "30s",
	  .min = "100ms", .max = "1h", .help = "How long the database may take for a row." },
	{ .name = "connect-timeout", .kind = KIND_TIME, .offset = FIELD(connect_timeout),
	  .fallback = "5s", .min = "100ms", .max = "1m", .help = "How long connecting may take." },
	{ .name = "connections", .kind = KIND_NUMBER, .offset = FIELD(connections), .fallback = "8",
	  .min = "1", .max = "1000",
	  .help = "How many connections a daemon has at most. Whoever needs a further one waits." },
	{ .name = "idle", .kind = KIND_TIME, .offset = FIELD(idle), .fallback = "60s", .max = "1h",
	  .help = "A connection that was not used for so long is closed, as soon as another is used." },
	{ .kind = KIND_END },
};

static int
check_query(const char *name, const char *text, const struct node *block, struct complaint *why)
{
	const struct node *at = node_child(block, name);

	if (text == NULL || strstr(text, "$1") != NULL)
		return 0;
	return node_complain(at == NULL ? block : at, why, "%s: there is no $1 in the query", name);
}

static int
check(void *config, const struct node *block, const char *path, struct effective_list *effective,
      struct complaint *why)
{
	const struct sql_config *c = config;
	struct complaint what;

	(void)path, (void)effective;
	if (drivers[c->database]->check(c->connect, &what) < 0)
		return node_complain(node_child(block, "connect"), why, "connect: %s", what.text);
	if (check_query("find", c->find, block, why) < 0 ||
	    check_query("members", c->members, block, why) < 0)
		return -1;
	return check_query("owners", c->owners, block, why) < 0
	               ? -1
	               : check_query("lists", c->lists, block, why);
}

/* ---- queries ---- */

/* A look at the database. */
struct view {
	struct sql_source *source;
	struct sql_conn *conn;
	struct deadline by;
};

static struct deadline
step(const struct view *v)
{
	return deadline_earlier(v->by, deadline_in(v->source->config.timeout));
}

static int
start(const struct view *v, const char *sql, const char *parameter, struct complaint *why)
{
	return v->source->driver->query(v->conn, sql, parameter, step(v), why);
}

static int
next(const struct view *v, struct complaint *why)
{
	return v->source->driver->row(v->conn, step(v), why);
}

/* Runs what has no rows. */
static int
run(const struct view *v, const char *sql, struct complaint *why)
{
	int rc = start(v, sql, NULL, why);

	return rc < 0 ? -1 : next(v, why);
}

/* Begins one; a connection that was kept may have died since. -1 with a complaint. */
static int
begin(struct view *v, struct complaint *why)
{
	bool kept = true;
	int rc = -1;

	while (rc < 0 && kept) {
		v->conn = sql_take(&v->source->pool, v->by, &kept, why);
		if (v->conn == NULL)
			break;
		rc = run(v, v->source->driver->begin, why);
		if (rc < 0)
			sql_give(&v->source->pool, v->conn, false);
	}
	return rc < 0 ? complain_within(why, "%s", v->source->source.name) : 0;
}

static void
finish(struct view *v, bool whole)
{
	struct complaint unused;

	sql_give(&v->source->pool, v->conn, whole && run(v, "COMMIT", &unused) >= 0);
}

/* ---- lists ---- */

/* A column of the row as a string, or NULL. */
static char *
text_of(const struct view *v, const char *name)
{
	int column = v->source->driver->column(v->conn, name);
	const char *value;
	size_t length;

	if (column < 0)
		return NULL;
	value = v->source->driver->value(v->conn, column, &length);
	return value == NULL ? NULL : mem_copy(value, length);
}

/* The same of an address, in canonical form: 0, also where there is none. */
static int
address_of(const struct view *v, const char *name, char **canonical_r, struct complaint *why)
{
	char *text = text_of(v, name);
	struct address a;
	int rc = 0;

	*canonical_r = NULL;
	if (text == NULL)
		return 0;
	if (address_parse(&a, text, strlen(text), why) < 0)
		rc = complain_within(why, "%s", name);
	else
		*canonical_r = mem_text(a.canonical);
	address_free(&a);
	free(text);
	return rc;
}

static struct list *
read_list(const struct view *v, struct complaint *why)
{
	char *address, *errors = NULL, *key;

	if (address_of(v, "address", &address, why) < 0)
		return NULL;
	if (address == NULL)
		(void)complain(why, "find gives no address");
	if (address == NULL || address_of(v, "errors", &errors, why) < 0) {
		free(address);
		return NULL;
	}
	key = text_of(v, "key");
	return list_new(address, text_of(v, "name"), key == NULL ? mem_text(address) : key, errors);
}

static enum found
find_one(const struct view *v, const char *address, struct list **list_r, struct complaint *why)
{
	enum found found = FOUND_UNSURE;
	int more;

	if (start(v, v->source->config.find, address, why) < 0)
		goto out;
	more = next(v, why);
	if (more == 0)
		found = FOUND_NO;
	if (more <= 0)
		goto out;
	*list_r = read_list(v, why);
	if (*list_r == NULL)
		goto out;
	more = next(v, why);
	if (more == 0)
		found = FOUND_YES;
	else if (more > 0)
		(void)complain(why, "find gives several rows");
out:
	if (found == FOUND_UNSURE) {
		list_drop(list_r);
		(void)complain_within(why, "%s: find %s", v->source->source.name, address);
	}
	return found;
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct view v = { .source = (struct sql_source *)s, .by = by };
	enum found found = FOUND_NO;

	if (begin(&v, why) < 0)
		return FOUND_UNSURE;
	for (size_t i = 0; i < count && found == FOUND_NO; i++) {
		found = find_one(&v, addresses[i], list_r, why);
		*which_r = i;
	}
	finish(&v, found != FOUND_UNSURE);
	return found;
}

/* ---- members ---- */

static enum found
find_nested(void *arg, const char *canonical, struct list **list_r, struct complaint *why)
{
	return find_one(arg, canonical, list_r, why);
}

static enum found
read_people(void *arg, const struct list *list, enum people whom, struct nested *n, struct complaint *why)
{
	const struct view *v = arg;
	const struct sql_config *c = &v->source->config;
	const char *query = whom == PEOPLE_OWNERS ? c->owners : c->members;
	int more = 1;

	if (query == NULL)
		return FOUND_YES;
	if (start(v, query, list->key, why) < 0)
		more = -1;
	while (more == 1 && (more = next(v, why)) == 1) {
		size_t length;
		const char *value = v->source->driver->value(v->conn, 0, &length);

		if (value == NULL)
			nested_omit(n, OMITTED_WITHOUT_ADDRESS, "", 0);
		else if (!nested_take_text(n, value, length))
			more = complain(why, "stopped");
	}
	if (more == 0)
		return FOUND_YES;
	(void)complain_within(why, "%s: %s of %s", v->source->source.name,
	                      whom == PEOPLE_OWNERS ? "owners" : "members", list->address);
	return FOUND_UNSURE;
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct view v = { .source = (struct sql_source *)s, .by = by };
	const struct nested_ops nested = { v.source->config.nested ? find_nested : NULL, read_people };
	struct list *now = NULL;
	enum found found;

	if (begin(&v, why) < 0)
		return FOUND_UNSURE;
	found = find_one(&v, list->address, &now, why);
	if (found == FOUND_YES && strcmp(now->address, list->address) != 0)
		found = FOUND_NO;
	if (found == FOUND_YES)
		found = nested_walk(&nested, &v, now, whom, fn, arg, report, why);
	finish(&v, found != FOUND_UNSURE);
	list_drop(&now);
	return found;
}

/* ---- all lists ---- */

/* The list whose rows are being read, and those that were. */
struct listing {
	const struct view *view;
	const char *domain;
	list_fn *fn;
	void *arg;
	struct list *list;                /* or NULL */
	struct text_list also;
	struct set *seen;
};

static bool
is_in(const char *canonical, const char *domain)
{
	return strcmp(address_domain(canonical), domain) == 0;
}

/* Names the list whose rows were read; one without an address in the domain is passed over. */
static int
name_list(struct listing *g, struct complaint *why)
{
	bool more = true;

	if (g->list != NULL && (g->also.count > 0 || is_in(g->list->address, g->domain)))
		more = g->fn(g->arg, g->list, &g->also);
	list_drop(&g->list);
	text_list_free(&g->also);
	return more ? 0 : complain(why, "stopped");
}

/* The first row of a list. Takes over the list. */
static int
begin_list(struct listing *g, struct list *l, struct complaint *why)
{
	int rc = name_list(g, why);

	g->list = l;
	if (rc == 0 && !set_add(g->seen, l->address, strlen(l->address)))
		rc = complain(why, "the rows of %s are not one behind the other", l->address);
	return rc;
}

static int
take_row(struct listing *g, struct complaint *why)
{
	struct list *l = read_list(g->view, why);
	char *alternate = NULL;
	int rc;

	if (l == NULL || address_of(g->view, "alternate", &alternate, why) < 0) {
		list_drop(&l);
		return -1;
	}
	if (g->list != NULL && strcmp(g->list->address, l->address) == 0) {
		list_drop(&l);
		rc = 0;
	} else {
		rc = begin_list(g, l, why);
	}
	if (rc == 0 && alternate != NULL && is_in(alternate, g->domain) &&
	    strcmp(alternate, g->list->address) != 0)
		text_list_add_once(&g->also, alternate);
	free(alternate);
	return rc;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	struct view v = { .source = (struct sql_source *)s, .by = by };
	struct listing g = { .view = &v, .domain = domain, .fn = fn, .arg = arg };
	int more;

	if (v.source->config.lists == NULL)
		return source_cannot_list(s, "it has no query \"lists\"", why);
	if (begin(&v, why) < 0)
		return FOUND_UNSURE;
	g.seen = set_open();
	more = start(&v, v.source->config.lists, domain, why) < 0 ? -1 : 1;
	while (more == 1 && (more = next(&v, why)) == 1)
		if (take_row(&g, why) < 0)
			more = -1;
	if (more == 0)
		more = name_list(&g, why);
	list_drop(&g.list);
	text_list_free(&g.also);
	set_close(&g.seen);
	finish(&v, more == 0);
	if (more == 0)
		return FOUND_YES;
	(void)complain_within(why, "%s: lists of %s", s->name, domain);
	return FOUND_UNSURE;
}

static void
close_source(struct source *s)
{
	struct sql_source *q = (struct sql_source *)s;

	sql_pool_close(&q->pool);
	setting_free(settings, &q->config);
	free(q);
}

static const struct source_ops ops = {
	.kind = "sql",
	.find_list = find_list,
	.each_member = each_member,
	.each_list = each_list,
	.close = close_source,
};

static struct source *
open_source(const char *name, void *config, struct complaint *why)
{
	struct sql_source *q = mem_new(sizeof(*q));

	(void)why;                        /* connects when it is asked */
	q->source = (struct source){ &ops, mem_text(name) };
	q->config = *(struct sql_config *)config;
	q->driver = drivers[q->config.database];
	q->pool = (struct sql_pool){ .driver = q->driver, .connect = q->config.connect,
		                     .most = q->config.connections, .keep = q->config.idle,
		                     .patience = q->config.connect_timeout };
	monitor_init(&q->pool.monitor);
	free(config);
	return &q->source;
}

const struct source_kind source_sql = {
	.name = "sql",
	.summary = "Lists in a database, by queries of yours.",
	.settings = settings,
	.config_size = sizeof(struct sql_config),
	.check = check,
	.open = open_source,
};
