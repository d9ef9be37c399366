/* A list beside what another program makes of it. */
#include "console/comparison.h"

#include "base/mem.h"
#include "console/ctl.h"
#include "mail/member_list.h"

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
	*c = (struct comparison){ .theirs = map_open(), .ours = set_open(), .omitted = set_open(),
		                   .disabled = set_open(), .alternates = set_open() };
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
	set_close(&c->disabled);
	set_close(&c->alternates);
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

static void
set_via(struct js *row, const struct via *via)
{
	js_set(row, "via", ctl_via(via));
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
	int rc = ctl_file(file, LARGEST_FILE, &text, why);

	if (rc == 0)
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

/* Of a person: DNs come in whatever case they are named in. */
static char *
folded(const char *key)
{
	char *text = mem_text(key);

	for (char *p = text; *p != '\0'; p++)
		*p = text_lower(*p);
	return text;
}

static void
add_key(struct set *keys, const char *key)
{
	char *text = folded(key);

	if (strlen(text) <= UINT16_MAX)
		(void)set_add(keys, text, strlen(text));
	free(text);
}

static bool
has_key(const struct set *keys, const char *key)
{
	char *text = folded(key);
	bool has = set_has(keys, text, strlen(text));

	free(text);
	return has;
}

static void
take_omitted(void *arg, enum omission reason, const char *what, const struct via *via)
{
	struct comparison *c = arg;

	if (reason == OMITTED_REFUSED && strlen(what) <= UINT16_MAX)
		(void)set_add(c->omitted, what, strlen(what));
	if (reason == OMITTED_CLOSED)
		add_key(c->disabled, what);
	set_via(add_row(c, ROWS_OMITTED, "what", what, omission_words[reason]), via);
}

enum found
comparison_walk(struct comparison *c, const struct target *t, struct complaint *why)
{
	enum people whom = t->role == ROLE_OWNER ? PEOPLE_OWNERS : PEOPLE_MEMBERS;
	struct walk_report report;

	c->source = t->destination->source;
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
reason_for(const struct rest *r, const struct their *t, bool is_disabled)
{
	const struct destination *d = site_destination(r->site, t->canonical);
	struct target target = { 0 };
	struct complaint why;
	enum found found = FOUND_NO;

	if (set_has(r->comparison->omitted, t->spelling, strlen(t->spelling)))
		return "a member here, but left out: the address is no mailbox";
	if (is_disabled)
		return "a member here, but left out: gets no mail (disabled)";
	if (d != NULL)
		found = site_find(d, t->canonical, deadline_in(PATIENCE), &target, &why);
	target_drop(&target);
	if (found == FOUND_UNSURE)
		return "perhaps a list here: the source does not answer";
	return found == FOUND_YES ? "a list here, but no member" : "no member here";
}

/* Another address of the person, to which we send; or NULL. */
static const char *
ours_of(const struct comparison *c, const struct person *p)
{
	for (size_t i = 0; i < p->addresses.count; i++)
		if (set_has(c->ours, p->addresses.items[i], strlen(p->addresses.items[i])))
			return p->addresses.items[i];
	return NULL;
}

static void
note_alternate(struct comparison *c, const struct their *t, const char *ours)
{
	char *reason = mem_format("%s, another address of the same person", t->spelling);

	(void)set_add(c->alternates, ours, strlen(ours));
	place_row(add_row(c, ROWS_SPELLING, "address", ours, reason), t->file, t->line);
	free(reason);
}

static void
note_rest(void *arg, void *value)
{
	const struct rest *r = arg;
	struct comparison *c = r->comparison;
	const struct their *t = value;
	struct person *p = NULL;
	struct complaint why;
	const char *ours = NULL;
	bool disabled = false;

	if (t->found)
		return;
	/* Who it is we cannot say where that is unsure: then it stays a difference. */
	if (c->source != NULL &&
	    source_find_person(c->source, &(struct identity){ .address = t->canonical },
	                       deadline_in(PATIENCE), &p, &why) == FOUND_YES) {
		ours = ours_of(c, p);
		disabled = p->key != NULL && has_key(c->disabled, p->key);
	}
	if (ours != NULL)
		note_alternate(c, t, ours);
	else
		place_row(add_row(c, ROWS_THERE, "address", t->spelling, reason_for(r, t, disabled)),
		          t->file, t->line);
	person_drop(&p);
}

/* Those of ours whom the others have by another address are in both. */
static void
settle_alternates(struct comparison *c)
{
	struct js *left = js_array();

	for (size_t i = 0; i < js_count(c->rows[ROWS_HERE]); i++) {
		const struct js *row = js_at(c->rows[ROWS_HERE], i);
		const char *text = js_text(row, "address");
		struct complaint why;
		struct address a;
		bool same = address_parse(&a, text, strlen(text), &why) == 0 &&
		            set_has(c->alternates, a.canonical, strlen(a.canonical));

		address_free(&a);
		if (same)
			c->same++;
		else
			js_append(left, js_hold(row));
	}
	js_drop(&c->rows[ROWS_HERE]);
	c->rows[ROWS_HERE] = left;
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
	settle_alternates(c);
	sort(&c->rows[ROWS_HERE]);
	sort(&c->rows[ROWS_SPELLING]);
	sort(&c->rows[ROWS_OMITTED]);
}
