/*
 * rollcallctl compare: who gets a list's posts from rollcall, beside those who get them from another
 * program. Nothing is sent or stored.
 */
#include "base/mem.h"
#include "console/comparison.h"
#include "console/ctl.h"
#include "console/listing.h"
#include "mail/address.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 600000 };

/* What is asked for, and what came of it. */
struct run {
	const struct ctl *ctl;
	const struct site *site;
	const char *column, *post;
	bool quiet;
	struct js *lists;                 /* for --json */
	size_t differences;
	int status;                       /* the worst so far: they are in that order */
};

static void
worsen(struct run *r, int status)
{
	if (status > r->status)
		r->status = status;
}

/* ---- showing ---- */

static void
say_row(char sign, const struct js *row)
{
	const char *what = js_text(row, "address"), *reason = js_text(row, "reason");
	const char *file = js_text(row, "file");

	if (what == NULL)
		what = js_text(row, "what");
	(void)printf("  %c ", sign);
	if (what != NULL)
		ctl_say("%-40s ", what);
	if (file != NULL)
		ctl_say("%s:%lld: ", file, (long long)js_number(row, "line", 0));
	ctl_say_via(js_get(row, "via"));
	if (reason != NULL)
		ctl_say("%s%s", js_count(js_get(row, "via")) > 0 ? ": " : "", reason);
	(void)fputc('\n', stdout);
}

static void
say_list(const char *list, const struct comparison *c)
{
	static const struct {
		char sign;
		const char *words;
	} kinds[ROWS_COUNT] = {
		[ROWS_HERE] = { '+', "only here" },
		[ROWS_THERE] = { '-', "only there" },
		[ROWS_UNREADABLE] = { '!', "unreadable" },
		[ROWS_SPELLING] = { '~', "spelled differently" },
		[ROWS_LISTS] = { '=', "as lists" },
		[ROWS_OMITTED] = { '?', "left out here" },
	};

	ctl_say("%s: %zu in both", list, c->same);
	for (enum rows k = 0; k < ROWS_COUNT; k++)
		if (k < ROWS_UNREADABLE || js_count(c->rows[k]) > 0)
			(void)printf(", %zu %s", js_count(c->rows[k]), kinds[k].words);
	if (c->through > 0)
		(void)printf(", %zu through those lists", c->through);
	(void)fputc('\n', stdout);
	for (enum rows k = 0; k < ROWS_COUNT; k++)
		for (size_t i = 0; i < js_count(c->rows[k]); i++)
			say_row(kinds[k].sign, js_at(c->rows[k], i));
}

static void
show(struct run *r, const char *list, const struct comparison *c)
{
	size_t differences = comparison_differences(c);
	struct js *j;

	r->differences += differences;
	worsen(r, differences > 0 ? CTL_NO : CTL_YES);
	if (r->quiet && differences == 0)
		return;
	if (!r->ctl->json) {
		say_list(list, c);
		return;
	}
	j = js_object();
	js_set_text(j, "list", list);
	js_set_number(j, "same", (int64_t)c->same);
	js_set_number(j, "through", (int64_t)c->through);
	for (enum rows k = 0; k < ROWS_COUNT; k++)
		js_set(j, rows_words[k], js_hold(c->rows[k]));
	js_append(r->lists, j);
}

/* A list that could not be compared. */
static void
show_failure(struct run *r, const char *list, int status, const char *why)
{
	struct js *j = js_object();

	worsen(r, ctl_fail(status, "%s: %s", list, why));
	js_set_text(j, "list", list);
	js_set_text(j, "error", why);
	js_append(r->lists, j);
}

/* ---- comparing ---- */

static void
take_recipient(void *arg, const struct address *a)
{
	comparison_add(arg, a->canonical, a->spelling, NULL);
}

/* Ours, by the distribution list of a post. What stops it is a status; CTL_YES: nothing did. */
static int
read_post(struct run *r, struct comparison *c, struct complaint *why)
{
	int rc = listing_recipients(r->site, r->post, take_recipient, c, why);

	if (rc == 0)
		(void)complain(why, "there is no such post, or its members have not been read yet");
	return rc < 0 ? CTL_FAILED : rc == 0 ? CTL_NO : CTL_YES;
}

/* Ours, as they are now. */
static int
read_members(struct run *r, const char *list, struct comparison *c, struct complaint *why)
{
	struct target t = { 0 };
	struct address a;
	const struct destination *d;
	enum found found = FOUND_NO;

	if (address_parse(&a, list, strlen(list), why) < 0)
		return CTL_USAGE;
	d = site_destination(r->site, a.canonical);
	if (d != NULL)
		found = site_find(d, a.canonical, deadline_in(PATIENCE), &t, why);
	if (found == FOUND_NO)
		(void)complain(why, d == NULL ? "in no domain of lists" : "no list has this address");
	else if (found == FOUND_YES)
		found = comparison_walk(c, &t, why);
	target_drop(&t);
	address_free(&a);
	return found == FOUND_YES ? CTL_YES : found == FOUND_NO ? CTL_NO : CTL_UNSURE;
}

/* One list, or post, with files of it. */
static void
compare(struct run *r, const char *list, char *const *files, int count)
{
	struct comparison c;
	struct complaint why = { "" };
	int status = CTL_YES;

	comparison_open(&c);
	for (int i = 0; i < count && status == CTL_YES; i++)
		if (comparison_read(&c, files[i], r->column, &why) < 0)
			status = CTL_FAILED;
	if (status == CTL_YES)
		status = r->post != NULL ? read_post(r, &c, &why) : read_members(r, list, &c, &why);
	if (status == CTL_YES) {
		comparison_end(&c, r->site);
		show(r, list, &c);
	} else {
		show_failure(r, list, status, why.text);
	}
	comparison_close(&c);
}

/* ---- a directory with a file for each list ---- */

static int
is_wanted(const struct dirent *e)
{
	return *e->d_name != '.' && e->d_name[strlen(e->d_name) - 1] != '~';
}

/* staff@lists.example.com.txt is about staff@lists.example.com. Allocated. */
static char *
list_of(const char *name)
{
	static const char *const endings[] = { ".txt", ".csv", ".mbox", NULL };
	size_t length = strlen(name);

	for (size_t i = 0; endings[i] != NULL; i++) {
		size_t n = strlen(endings[i]);

		if (length > n && strcmp(name + length - n, endings[i]) == 0)
			return mem_copy(name, length - n);
	}
	return mem_text(name);
}

static void
compare_all(struct run *r, const char *directory)
{
	struct dirent **names;
	int count = scandir(directory, &names, is_wanted, alphasort);
	struct complaint why;

	if (count < 0) {
		(void)complain_errno(&why, "cannot read %s", directory);
		worsen(r, ctl_fail(CTL_FAILED, "%s", why.text));
		return;
	}
	for (int i = 0; i < count; i++) {
		char *list = list_of(names[i]->d_name);
		char *file = mem_format("%s/%s", directory, names[i]->d_name);

		compare(r, list, &file, 1);
		free(list);
		free(file);
		free(names[i]);
	}
	free(names);
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	struct run r = { .ctl = &c };
	const char *all = ctl_value(&c, "--all");
	struct site *s;
	struct js *j;

	r.quiet = ctl_option(&c, "--quiet");
	r.column = ctl_value(&c, "--column");
	r.post = ctl_value(&c, "--post");
	if ((all != NULL && (c.argc != 0 || r.post != NULL)) ||
	    (all == NULL && c.argc < (r.post == NULL ? 2 : 1)) || (r.column != NULL && *r.column == '\0'))
		return CTL_USAGE;
	s = ctl_site(&c);
	if (s == NULL)
		return CTL_CONFIG;
	r.site = s;
	r.lists = js_array();
	if (all != NULL)
		compare_all(&r, all);
	else if (r.post != NULL)
		compare(&r, r.post, c.argv, c.argc);
	else
		compare(&r, c.argv[0], c.argv + 1, c.argc - 1);
	if (c.json) {
		j = js_object();
		js_set(j, "lists", js_hold(r.lists));
		js_set_number(j, "differences", (int64_t)r.differences);
		ctl_print(&j);
	}
	js_drop(&r.lists);
	site_drop(&s);
	return r.status;
}

const struct command command_compare = {
	"compare", "[--quiet] [--column NAME] LIST FILE ... | --all DIRECTORY | --post ID FILE ...",
	"who is on a list here, and who elsewhere", run,
};
