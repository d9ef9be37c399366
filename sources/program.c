/*
 * Lists from programs of the site: all executables of a directory, in the order of their names, are
 * asked the same question, and what they print is united. A program is given the question and an
 * address as arguments, and no shell comes near either:
 *
 *	find ADDRESS       is this the address of a list? Prints nothing, or lines "address: …" (the
 *	                   list's own, where that is another one), "name: …", "errors: …"
 *	members ADDRESS    prints the members of the list with this own address, one address a line
 *	owners ADDRESS     the same of its owners
 *	lists DOMAIN       prints all lists with an address in the domain, each a line "address: …" and
 *	                   behind it lines "also: …", "name: …", "errors: …"; at the very end "end"
 *
 * and answers by its exit status: 0 yes, 67 (EX_NOUSER) there is no such list, 75 (EX_TEMPFAIL)
 * unsure. One that was not made for the question about all lists does not say "end", and then nobody
 * knows which lists there are. Whatever is not exactly this is unsure, too: less than a program
 * wanted to say is never an answer.
 */
#include "base/child.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/programs.h"
#include "sources/described.h"
#include "sources/nested.h"

#include <stdlib.h>

enum { STATUS_YES = 0, STATUS_NO_LIST = 67, STATUS_UNSURE = 75 };

struct program_config {
	char *path;
	int64_t timeout, memory, output;
	bool nested;
};

struct program_source {
	struct source source;
	struct program_config config;
};

static const struct setting settings[] = {
	SOURCE_SETTINGS,
	{ .name = "path", .kind = KIND_TEXT, .offset = offsetof(struct program_config, path),
	  .flags = SETTING_REQUIRED, .check = file_check_path,
	  .help = "The directory. All its executables are run, in the order of their names, but those "
	          "whose name begins with a dot or ends with ~. Nobody but root and the user of the "
	          "daemons may be able to change it or them." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = offsetof(struct program_config, timeout),
	  .fallback = "60s", .min = "100ms", .max = "1h",
	  .help = "A program that has not ended after this time is killed, and what it answers is "
	          "unsure. Whoever asks may wait for less: the milter, the cache." },
	{ .name = "memory", .kind = KIND_SIZE, .offset = offsetof(struct program_config, memory),
	  .fallback = "1G", .min = "1M", .max = "64G",
	  .help = "The address space that each process of a program may have." },
	{ .name = "output", .kind = KIND_SIZE, .offset = offsetof(struct program_config, output),
	  .fallback = "256M", .min = "1k", .max = "16G",
	  .help = "The most that one program may print; more makes the answer unsure." },
	{ .name = "nested", .kind = KIND_FLAG, .offset = offsetof(struct program_config, nested),
	  .fallback = "yes",
	  .help = "Whether members may be lists of this source: those in a domain of a list on the way "
	          "to them are looked for, which runs all programs once for each." },
	{ .kind = KIND_END },
};

/* One question to all programs. */
struct question {
	const struct program_source *source;
	const char *what, *address;
	const struct occasion *occasion;  /* or NULL */
	struct deadline by;
	/* Takes a line that the program `name` prints. -1 with a complaint: it makes no sense. */
	int (*take)(void *arg, const char *line, size_t length, struct complaint *);
	/* Whether what it has printed was all of it; NULL: there is nothing to see that by. */
	int (*end)(void *arg, struct complaint *);
	void *arg;
	bool needs_all;                   /* there is no "no": what one does not know, nobody does */
};

/* ---- asking them ---- */

/* All that a program gets to know, by its environment. */
static void
describe(const struct question *q, struct text_list *environment)
{
	text_list_take(environment, mem_text(CHILD_PATH));
	text_list_take(environment, mem_text("LC_ALL=C.UTF-8"));
	text_list_take(environment, mem_format("ROLLCALL_SOURCE=%s", q->source->source.name));
	text_list_take(environment, mem_format("ROLLCALL_QUESTION=%s", q->what));
	text_list_take(environment, mem_format("ROLLCALL_ADDRESS=%s", q->address));
	if (q->occasion != NULL)
		occasion_describe(q->occasion, environment);
	text_list_end(environment);
}

/* What one program makes of its end. */
static enum found
judge(int status, size_t lines, struct complaint *why)
{
	switch (status) {
	case STATUS_YES:
		return FOUND_YES;
	case STATUS_NO_LIST:
		if (lines == 0)
			return FOUND_NO;
		(void)complain(why, "it prints something, and ends with status %d: no such list",
		               STATUS_NO_LIST);
		return FOUND_UNSURE;
	default:
		return FOUND_UNSURE;
	}
}

static enum found
ask_one(const struct question *q, const char *name, const char *const *environment, struct complaint *why)
{
	const struct program_config *config = &q->source->config;
	const struct child_terms terms = { .memory = config->memory, .output = config->output,
		                           .by = deadline_earlier(q->by, deadline_in(config->timeout)),
		                           .input = -1 };
	char *path = mem_format("%s/%s", config->path, name);
	const char *argv[] = { path, q->what, q->address, NULL }, *line;
	struct child *child = child_start(argv, environment, &terms, why);
	size_t lines = 0, length;
	enum found found = FOUND_UNSURE;
	int more = child == NULL ? -1 : 1;

	while (more == 1) {
		more = child_line(child, &line, &length, why);
		if (more == 1 && q->take(q->arg, line, length, why) < 0)
			more = -1;
		lines += more == 1;
	}
	if (more == 0)
		found = judge(child_end(&child, why), lines, why);
	if (found == FOUND_NO && q->needs_all) {
		(void)complain(why, "it does not say which lists there are");
		found = FOUND_UNSURE;
	}
	if (found == FOUND_YES && q->end != NULL && q->end(q->arg, why) < 0)
		found = FOUND_UNSURE;
	child_kill(&child);
	if (found == FOUND_UNSURE)
		(void)complain_within(why, "%s: %s %s %s", q->source->source.name, path, q->what,
		                      q->address);
	free(path);
	return found;
}

/* FOUND_YES where any of them says so, unless one is unsure. */
static enum found
ask(const struct question *q, struct complaint *why)
{
	struct text_list names, environment = { 0 };
	enum found found = FOUND_NO;

	if (programs_list(q->source->config.path, &names, why) < 0) {
		(void)complain_within(why, "%s", q->source->source.name);
		return FOUND_UNSURE;
	}
	describe(q, &environment);
	for (size_t i = 0; i < names.count && found != FOUND_UNSURE; i++) {
		enum found one = ask_one(q, names.items[i], (const char *const *)environment.items, why);

		if (one != FOUND_NO)
			found = one;
	}
	text_list_free(&environment);
	text_list_free(&names);
	return found;
}

/* ---- lists ---- */

static int
take_description(void *arg, const char *line, size_t length, struct complaint *why)
{
	return description_take(arg, line, length, why);
}

static enum found
find_one(const struct program_source *p, const char *address, struct deadline by, struct list **list_r,
         struct complaint *why)
{
	struct description d = { 0 };
	const struct question q = { .source = p, .what = "find", .address = address, .by = by,
		                    .take = take_description, .arg = &d };
	enum found found = ask(&q, why);

	if (found == FOUND_YES)
		*list_r = description_list(&d, address);
	description_free(&d);
	return found;
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	enum found found = FOUND_NO;

	for (size_t i = 0; i < count && found == FOUND_NO; i++) {
		found = find_one((struct program_source *)s, addresses[i], by, list_r, why);
		*which_r = i;
	}
	return found;
}

/* ---- all lists ---- */

static int
take_listed(void *arg, const char *line, size_t length, struct complaint *why)
{
	return descriptions_take(arg, line, length, why);
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	struct descriptions all = { 0 };
	const struct question q = { .source = (struct program_source *)s, .what = "lists", .address = domain,
		                    .by = by, .take = take_listed, .end = descriptions_end, .arg = &all,
		                    .needs_all = true };
	enum found found;

	descriptions_open(&all);
	found = ask(&q, why);
	if (found == FOUND_YES && !descriptions_each(&all, domain, fn, arg)) {
		(void)complain(why, "stopped");
		found = FOUND_UNSURE;
	}
	descriptions_close(&all);
	return found;
}

/* ---- members ---- */

struct walk {
	const struct program_source *source;
	const struct occasion *occasion;
	struct deadline by;
};

static enum found
find_nested(void *arg, const char *canonical, struct list **list_r, struct complaint *why)
{
	const struct walk *w = arg;

	return find_one(w->source, canonical, w->by, list_r, why);
}

static int
take_member(void *arg, const char *line, size_t length, struct complaint *why)
{
	struct address a;
	int rc = 0;

	if (address_parse(&a, line, length, why) < 0)
		return -1;
	if (!nested_take(arg, &(struct member){ .canonical = a.canonical, .spelling = a.spelling }))
		rc = complain(why, "stopped");
	address_free(&a);
	return rc;
}

static enum found
read_list(void *arg, const struct list *list, enum people whom, struct nested *n, struct complaint *why)
{
	const struct walk *w = arg;
	const struct question q = { .source = w->source,
		                    .what = whom == PEOPLE_OWNERS ? "owners" : "members",
		                    .address = list->address, .occasion = w->occasion, .by = w->by,
		                    .take = take_member, .arg = n };

	return ask(&q, why);
}

static enum found
walk(struct source *s, const struct list *list, enum people whom, const struct occasion *occasion,
     struct deadline by, member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	const struct program_source *p = (struct program_source *)s;
	const struct nested_ops nested = { p->config.nested ? find_nested : NULL, read_list };
	struct walk w = { p, occasion, by };

	return nested_walk(&nested, &w, list, whom, fn, arg, report, why);
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	return walk(s, list, whom, NULL, by, fn, arg, report, why);
}

static enum found
each_recipient(struct source *s, const struct list *list, const struct occasion *occasion,
               struct deadline by, member_fn *fn, void *arg, struct walk_report *report,
               struct complaint *why)
{
	return walk(s, list, PEOPLE_MEMBERS, occasion, by, fn, arg, report, why);
}

static void
close_source(struct source *s)
{
	struct program_source *p = (struct program_source *)s;

	setting_free(settings, &p->config);
	free(p);
}

static const struct source_ops ops = {
	.kind = "program",
	.find_list = find_list,
	.each_member = each_member,
	.each_recipient = each_recipient,
	.each_list = each_list,
	.close = close_source,
};

static int
inspect(const void *config, struct complaint *why)
{
	struct text_list names;
	int rc = programs_list(((const struct program_config *)config)->path, &names, why);

	if (rc == 0)
		text_list_free(&names);
	return rc;
}

static struct source *
open_source(const char *name, void *config, struct complaint *why)
{
	struct program_source *p = mem_new(sizeof(*p));

	(void)why;                        /* programs may come and go while we run */
	p->source = (struct source){ &ops, mem_text(name) };
	p->config = *(struct program_config *)config;
	free(config);
	return &p->source;
}

const struct source_kind source_program = {
	.name = "program",
	.summary = "Lists from the output of programs.",
	.settings = settings,
	.config_size = sizeof(struct program_config),
	.inspect = inspect,
	.open = open_source,
};
