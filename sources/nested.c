/* Lists within lists, where members are addresses. */
#include "sources/nested.h"

#include "base/mem.h"
#include "base/set.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 500 };

/* A list to read. */
struct group {
	struct via via;
	struct list *list;
	size_t depth;
};

/* A member that may be a list. */
struct waiting {
	char *canonical, *spelling;
	struct via *inner;                /* owned, see join(); NULL: as `group` */
	size_t group;
	unsigned preferences;
};

struct nested {
	const struct nested_ops *ops;
	void *ops_arg;
	member_fn *fn;
	void *arg;
	struct walk_report *report;
	struct complaint stopped;         /* why nested_take() said false */
	struct set *lists, *asked;        /* that were met; what was looked for */
	struct group **groups;
	size_t count, current;            /* the one that is read */
	struct waiting *waiting;
	size_t waiting_count, looked_at;
};

static void
add_group(struct nested *n, struct list *list, const struct via *up, size_t depth)
{
	struct group *g;

	if (!set_add(n->lists, list->address, strlen(list->address))) {
		list_drop(&list);
		return;
	}
	g = mem_new(sizeof(*g));
	*g = (struct group){ { up, list->address }, list, depth };
	n->groups = mem_resize(n->groups, (n->count + 1) * sizeof(struct group *));
	n->groups[n->count++] = g;
}

/*
 * The groups of a source within ours, as one array that ends at `outer` in place of its own root. With
 * `keep` the names are copied as well.
 */
static struct via *
join(const struct via *inner, const struct via *outer, bool keep)
{
	size_t count = 0;
	struct via *all;

	for (const struct via *v = inner; v->up != NULL; v = v->up)
		count++;
	all = mem_array(count + 1, sizeof(*all));
	for (size_t i = 0; i < count; i++, inner = inner->up)
		all[i] = (struct via){ &all[i + 1], keep ? mem_text(inner->name) : inner->name };
	all[count] = *outer;
	return all;
}

static void
drop_kept(struct via **kept, const struct via *outer)
{
	for (struct via *v = *kept; v != NULL && v->name != outer->name; v++)
		free((char *)v->name);
	free(*kept);
	*kept = NULL;
}

static bool
may_be_list(const char *canonical, const struct via *via)
{
	const char *domain = address_domain(canonical);

	for (; via != NULL; via = via->up)
		if (strchr(via->name, '@') != NULL && text_same(address_domain(via->name), domain))
			return true;
	return false;
}

static bool
emit(struct nested *n, const struct member *m, const struct via *via)
{
	n->report->members++;
	if (n->fn(n->arg, &(struct member){ m->canonical, m->spelling, via, m->preferences }))
		return true;
	(void)complain(&n->stopped, "stopped");
	return false;
}

/* Somebody who wants something and comes again waits again: nobody knows yet that this is no list. */
static void
wait_for(struct nested *n, const struct member *m)
{
	const struct via *inner = m->via;

	if (!set_add(n->asked, m->canonical, strlen(m->canonical)) && m->preferences == 0)
		return;
	n->waiting = mem_resize(n->waiting, (n->waiting_count + 1) * sizeof(*n->waiting));
	n->waiting[n->waiting_count++] = (struct waiting){
		mem_text(m->canonical), mem_text(m->spelling),
		inner == NULL ? NULL : join(inner, &n->groups[n->current]->via, true), n->current,
		m->preferences
	};
}

bool
nested_take(struct nested *n, const struct member *m)
{
	const struct via *outer = &n->groups[n->current]->via, *inner = m->via;
	struct via *joined;
	bool more = true;

	if (n->ops->find != NULL &&
	    (may_be_list(m->canonical, outer) || may_be_list(m->canonical, inner))) {
		wait_for(n, m);
	} else if (inner == NULL) {
		more = emit(n, m, outer);
	} else if (outer->up == NULL) {
		more = emit(n, m, inner);
	} else {
		joined = join(inner, outer, false);
		more = emit(n, m, joined);
		free(joined);
	}
	return more;
}

void
nested_omit(struct nested *n, enum omission reason, const char *what, size_t length)
{
	walk_omit(n->report, reason, what, length, &n->groups[n->current]->via);
}

bool
nested_take_text(struct nested *n, const char *text, size_t length)
{
	struct complaint unused;
	struct address a;
	bool more = true;

	if (address_parse(&a, text, length, &unused) < 0)
		source_refuse(n->report, &n->groups[n->current]->via, text, length, "mailbox address");
	else
		more = nested_take(n, &(struct member){ .canonical = a.canonical, .spelling = a.spelling });
	address_free(&a);
	return more;
}

struct walk_report *
nested_report(struct nested *n)
{
	return n->report;
}

/* Reads the next list. */
static enum found
read_next(struct nested *n, enum people whom, struct complaint *why)
{
	const struct group *g = n->groups[n->current];
	enum found found;

	n->report->groups++;
	n->stopped = (struct complaint){ "" };
	found = n->ops->read(n->ops_arg, g->list, whom, n, why);
	if (found == FOUND_UNSURE && *n->stopped.text != '\0')
		*why = n->stopped;
	if (found == FOUND_NO && n->current > 0) {
		(void)complain(why, "%s was there, and is gone", g->list->address);
		found = FOUND_UNSURE;
	}
	return found;
}

/* Whether a member is a list, which is read later, or else is one of the people. */
static enum found
look_at(struct nested *n, const struct waiting *w, struct complaint *why)
{
	const struct group *g = n->groups[w->group];
	const struct via *via = w->inner != NULL ? w->inner : &g->via;
	const struct member person = { w->canonical, w->spelling, NULL, w->preferences };
	struct list *list = NULL;
	enum found found = n->ops->find(n->ops_arg, w->canonical, &list, why);

	if (found == FOUND_YES && g->depth == DEEPEST) {
		(void)complain(why, "%s: lists within lists, more than %d deep", w->canonical, DEEPEST);
		list_drop(&list);
		return FOUND_UNSURE;
	}
	if (found == FOUND_YES && !set_has(n->lists, list->address, strlen(list->address)) &&
	    walk_apart(n->report, list->address)) {
		list_drop(&list);
	} else if (found == FOUND_YES) {
		add_group(n, list, via, g->depth + 1);
	} else if (found == FOUND_NO && !emit(n, &person, via)) {
		*why = n->stopped;
		found = FOUND_UNSURE;
	}
	return found;
}

static void
free_all(struct nested *n)
{
	for (size_t i = 0; i < n->waiting_count; i++) {
		drop_kept(&n->waiting[i].inner, &n->groups[n->waiting[i].group]->via);
		free(n->waiting[i].canonical);
		free(n->waiting[i].spelling);
	}
	for (size_t i = 0; i < n->count; i++) {
		list_drop(&n->groups[i]->list);
		free(n->groups[i]);
	}
	free(n->waiting);
	free(n->groups);
	set_close(&n->lists);
	set_close(&n->asked);
}

enum found
nested_walk(const struct nested_ops *ops, void *ops_arg, const struct list *list, enum people whom,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct nested n = { .ops = ops, .ops_arg = ops_arg, .fn = fn, .arg = arg, .report = report,
		            .lists = set_open(), .asked = set_open() };
	enum found found = FOUND_YES;

	add_group(&n, list_hold((struct list *)list), NULL, 0);
	while (found == FOUND_YES && n.current < n.count) {
		found = read_next(&n, whom, why);
		n.current++;
		whom = PEOPLE_MEMBERS;
		while (found != FOUND_UNSURE && n.current == n.count && n.looked_at < n.waiting_count)
			if (look_at(&n, &n.waiting[n.looked_at++], why) == FOUND_UNSURE)
				found = FOUND_UNSURE;
	}
	free_all(&n);
	return found;
}
