/*
 * rollcallctl members LIST: who is on a list now, and through which groups. Asks the source afresh.
 */
#include "base/set.h"
#include "console/ctl.h"
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE = 600000 };

struct members {
	struct set *seen;
	struct js *array;                 /* for --json, or NULL */
};

/* "all-staff > engineering", outermost first. */
static void
print_via(const struct via *via)
{
	if (via->up != NULL) {
		print_via(via->up);
		(void)fputs(" > ", stdout);
	}
	ctl_say("%s", via->name);
}

static void
add_via(struct js *array, const struct via *via)
{
	if (via->up != NULL)
		add_via(array, via->up);
	js_append(array, js_string(via->name));
}

static bool
take(void *arg, const struct member *m)
{
	struct members *all = arg;
	struct js *j, *via;

	if (!set_add(all->seen, m->canonical, strlen(m->canonical)))
		return true;
	if (all->array == NULL) {
		ctl_say("%-40s ", m->spelling);
		print_via(m->via);
		(void)fputc('\n', stdout);
		return true;
	}
	j = js_object();
	via = js_array();
	add_via(via, m->via);
	js_set_text(j, "address", m->spelling);
	js_set(j, "via", via);
	js_append(all->array, j);
	return true;
}

static void
print_end(const struct members *all, const struct walk_report *r)
{
	(void)printf("%zu recipients, %zu groups", set_count(all->seen), r->groups);
	if (r->dangling > 0)
		(void)printf(", %zu members that do not exist", r->dangling);
	if (r->without_address > 0)
		(void)printf(", %zu without an address", r->without_address);
	if (r->refused > 0)
		(void)printf(", %zu whose address is none", r->refused);
	if (r->closed > 0)
		(void)printf(", %zu who get no mail", r->closed);
	(void)fputc('\n', stdout);
}

static void
print_json(struct members *all, const struct target *t, const struct walk_report *r)
{
	struct js *j = js_object();

	js_set_text(j, "list", t->list->address);
	js_set_number(j, "recipients", (int64_t)set_count(all->seen));
	js_set_number(j, "groups", (int64_t)r->groups);
	js_set_number(j, "dangling", (int64_t)r->dangling);
	js_set_number(j, "without_address", (int64_t)r->without_address);
	js_set_number(j, "refused", (int64_t)r->refused);
	js_set_number(j, "closed", (int64_t)r->closed);
	js_set(j, "members", all->array);
	all->array = NULL;
	ctl_print(&j);
}

static int
walk(const struct ctl *c, const struct target *t, enum people whom)
{
	struct members all = { set_open(), c->json ? js_array() : NULL };
	struct deadline by = deadline_in(PATIENCE);
	struct walk_report report;
	struct complaint why;
	enum found found = source_each_member(t->destination->source, t->list, whom, by, take, &all,
	                                      &report, &why);
	int status = CTL_YES;

	if (found == FOUND_YES && c->json)
		print_json(&all, t, &report);
	else if (found == FOUND_YES)
		print_end(&all, &report);
	else
		status = ctl_fail(CTL_UNSURE, "%s: not all members could be read: %s", t->list->address,
		                  why.text);
	js_drop(&all.array);
	set_close(&all.seen);
	return status;
}

static int
find_and_walk(const struct ctl *c, const struct site *s, enum people whom)
{
	const char *text = c->argv[0];
	const struct destination *d;
	struct complaint why;
	struct address a;
	struct target t = { 0 };
	int status;

	if (address_parse(&a, text, strlen(text), &why) < 0)
		return ctl_fail(CTL_USAGE, "%s", why.text);
	d = site_destination(s, a.canonical);
	if (d == NULL) {
		status = ctl_fail(CTL_NO, "%s: in no domain of lists", text);
	} else {
		switch (site_find(d, a.canonical, deadline_in(PATIENCE), &t, &why)) {
		case FOUND_YES:
			status = walk(c, &t, t.role == ROLE_OWNER ? PEOPLE_OWNERS : whom);
			break;
		case FOUND_NO:
			status = ctl_fail(CTL_NO, "%s: no list has this address", text);
			break;
		default:
			status = ctl_fail(CTL_UNSURE, "%s: %s", text, why.text);
			break;
		}
	}
	target_drop(&t);
	address_free(&a);
	return status;
}

static int
walk_members(const struct ctl *c, const struct site *s)
{
	return find_and_walk(c, s, PEOPLE_MEMBERS);
}

static int
walk_owners(const struct ctl *c, const struct site *s)
{
	return find_and_walk(c, s, PEOPLE_OWNERS);
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool owners = ctl_option(&c, "--owners");

	return ctl_on_site(&c, 1, owners ? walk_owners : walk_members);
}

const struct command command_members = {
	"members", "[--owners] LIST", "who is on a list now, and through which groups", run,
};
