/* A list beside what another program makes of it. */
#include "console/comparison.h"

#include "base/file.h"
#include "base/mem.h"
#include "mail/member_list.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 600000, LARGEST_FILE = 1 << 30 };

const char *const rows_words[ROWS_COUNT] = { "only_here", "only_there", "unreadable", "spelling", "lists",
	                                     "omitted" };

/* Where the others have an address. */
struct their {
	char *canonical, *spelling;
	char *file;
	size_t line;
	bool found;
};

void
comparison_open(struct comparison *c)
{
	*c = (struct comparison){ .theirs = map_open(), .ours = set_open(), .omitted = set_open() };
	for (enum rows r = 0; r < ROWS_COUNT; r++)
		c->rows[r] = js_array();
}

static void
free_their(struct their *t)
{
	free(t->canonical);
	free(t->spelling);
	free(t->file);
	free(t);
}

void
comparison_close(struct comparison *c)
{
	struct their *t;

	while ((t = map_remove_oldest(c->theirs)) != NULL)
		free_their(t);
	map_close(&c->theirs);
	set_close(&c->ours);
	set_close(&c->omitted);
	for (enum rows r = 0; r < ROWS_COUNT; r++)
		js_drop(&c->rows[r]);
}

size_t
comparison_differences(const struct comparison *c)
{
	return js_count(c->rows[ROWS_HERE]) + js_count(c->rows[ROWS_THERE]) +
	       js_count(c->rows[ROWS_UNREADABLE]);
}

/* ---- rows ---- */

static struct js *
add_row(struct comparison *c, enum rows kind, const char *key, const char *value, const char *reason)
{
	struct js *row = js_object();

	js_set_text(row, key, value);
	js_set_text(row, "reason", reason);
	js_append(c->rows[kind], js_hold(row));
	return row;
}

static void
place_row(struct js *row, const char *file, size_t line)
{
	js_set_text(row, "file", file);
	js_set_number(row, "line", (int64_t)line);
	js_drop(&row);
}

/* The groups on the way, the list itself first. */
static void
add_names(struct js *names, const struct via *via)
{
	if (via->up != NULL)
		add_names(names, via->up);
	js_append(names, js_string(via->name));
}

static void
set_via(struct js *row, const struct via *via)
{
	struct js *names = js_array();

	if (via != NULL)
		add_names(names, via);
	js_set(row, "via", names);
	js_drop(&row);
}

/* ---- theirs ---- */

struct reading {
	struct comparison *comparison;
	const char *file;
};

static void
take_theirs(void *arg, size_t line, const struct address *a, const char *why)
{
	const struct reading *r = arg;
	struct their *t;

	if (a == NULL) {
		place_row(add_row(r->comparison, ROWS_UNREADABLE, "address", NULL, why), r->file, line);
		return;
	}
	if (map_peek(r->comparison->theirs, a->canonical, strlen(a->canonical)) != NULL)
		return;
	t = mem_new(sizeof(*t));
	*t = (struct their){ mem_text(a->canonical), mem_text(a->spelling), mem_text(r->file), line,
		             false };
	(void)map_put(r->comparison->theirs, t->canonical, strlen(t->canonical), t);
}

int
comparison_read(struct comparison *c, const char *file, const char *column, struct complaint *why)
{
	struct reading r = { c, file };
	struct bytes text = { 0 };
	int rc = file_read(AT_FDCWD, file, LARGEST_FILE, &text, why);

	if (rc == 0)
		rc = complain(why, "there is no file %s", file);
	else if (rc == 1)
		rc = member_list_read(file, bytes_text(&text), text.length, column, take_theirs, &r, why);
	bytes_free(&text);
	return rc;
}

/* ---- ours ---- */

/* The list on the way, below the list itself, that the others have as one address; or NULL. */
static struct their *
find_list(const struct comparison *c, const struct via *via)
{
	for (; via != NULL && via->up != NULL; via = via->up) {
		struct their *t = map_peek(c->theirs, via->name, strlen(via->name));

		if (t != NULL)
			return t;
	}
	return NULL;
}

void
comparison_add(struct comparison *c, const char *canonical, const char *spelling,
               const struct via *via)
{
	struct their *t = map_peek(c->theirs, canonical, strlen(canonical)), *list;

	if (!set_add(c->ours, canonical, strlen(canonical)))
		return;
	list = find_list(c, via);
	if (list != NULL && !list->found) {
		list->found = true;
		place_row(add_row(c, ROWS_LISTS, "address", list->canonical,
		                  "a list here, whose members count for it"),
		          list->file, list->line);
	}
	if (t != NULL) {
		c->same++;
		t->found = true;
		if (strcmp(t->spelling, spelling) != 0)
			place_row(add_row(c, ROWS_SPELLING, "address", spelling, t->spelling), t->file,
			          t->line);
	} else if (list != NULL) {
		c->through++;
	} else {
		set_via(add_row(c, ROWS_HERE, "address", spelling, NULL), via);
	}
}

static bool
take_member(void *arg, const struct member *m)
{
	comparison_add(arg, m->canonical, m->spelling, m->via);
	return true;
}

static void
take_omitted(void *arg, enum omission reason, const char *what, const struct via *via)
{
	static const char *const words[] = {
		[OMITTED_DANGLING] = "does not exist",
		[OMITTED_WITHOUT_ADDRESS] = "has no address",
		[OMITTED_REFUSED] = "the address is no mailbox",
	};
	struct comparison *c = arg;

	if (reason == OMITTED_REFUSED && strlen(what) <= UINT16_MAX)
		(void)set_add(c->omitted, what, strlen(what));
	set_via(add_row(c, ROWS_OMITTED, "what", what, words[reason]), via);
}

enum found
comparison_walk(struct comparison *c, const struct target *t, struct complaint *why)
{
	enum people whom = t->role == ROLE_OWNER ? PEOPLE_OWNERS : PEOPLE_MEMBERS;
	struct walk_report report;

	return source_each_member_told(t->destination->source, t->list, whom, deadline_in(PATIENCE),
	                               take_member, c, take_omitted, c, &report, why);
}

/* ---- what is left ---- */

struct rest {
	struct comparison *comparison;
	const struct site *site;
};

/* Why only the others send to an address. */
static const char *
reason_for(const struct rest *r, const struct their *t)
{
	const struct destination *d = site_destination(r->site, t->canonical);
	struct target target = { 0 };
	struct complaint why;
	enum found found = FOUND_NO;

	if (set_has(r->comparison->omitted, t->spelling, strlen(t->spelling)))
		return "a member here, but left out: the address is no mailbox";
	if (d != NULL)
		found = site_find(d, t->canonical, deadline_in(PATIENCE), &target, &why);
	target_drop(&target);
	if (found == FOUND_UNSURE)
		return "perhaps a list here: the source does not answer";
	return found == FOUND_YES ? "a list here, but no member" : "no member here";
}

static void
note_rest(void *arg, void *value)
{
	const struct rest *r = arg;
	const struct their *t = value;

	if (!t->found)
		place_row(add_row(r->comparison, ROWS_THERE, "address", t->spelling, reason_for(r, t)),
		          t->file, t->line);
}

static const char *
subject_of(const struct js *row)
{
	const char *address = js_text(row, "address");

	return address == NULL ? js_text(row, "what") : address;
}

static int
by_subject(const void *a, const void *b)
{
	return strcmp(subject_of(*(struct js *const *)a), subject_of(*(struct js *const *)b));
}

/* Sources tell members in any order, and another each time: a report that is compared wants one. */
static void
sort(struct js **rows)
{
	size_t count = js_count(*rows);
	struct js **all = mem_array(count, sizeof(struct js *));
	struct js *sorted = js_array();

	for (size_t i = 0; i < count; i++)
		all[i] = js_hold(js_at(*rows, i));
	qsort(all, count, sizeof(*all), by_subject);
	for (size_t i = 0; i < count; i++)
		js_append(sorted, all[i]);
	free(all);
	js_drop(rows);
	*rows = sorted;
}

void
comparison_end(struct comparison *c, const struct site *s)
{
	struct rest r = { c, s };

	map_each(c->theirs, note_rest, &r);
	sort(&c->rows[ROWS_HERE]);
	sort(&c->rows[ROWS_SPELLING]);
	sort(&c->rows[ROWS_OMITTED]);
}
