/*
 * rollcallctl members LIST: who is on a list now, and through which groups; or who would get a post from
 * somebody, as the expander finds that out. Asks the source afresh.
 */
#include "base/set.h"
#include "console/ctl.h"
#include "expander/fanout/prepare.h"
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE = 600000 };

/* What is asked for. */
struct asked {
	enum people whom;
	const char *sender;               /* of a post; NULL: who is a member */
	bool why;                         /* those who would not get it as well */
};

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

static bool
take(void *arg, const struct member *m)
{
	struct members *all = arg;
	struct js *j;

	if (!set_add(all->seen, m->canonical, strlen(m->canonical)))
		return true;
	if (all->array == NULL) {
		ctl_say("%-40s ", m->spelling);
		print_via(m->via);
		(void)fputc('\n', stdout);
		return true;
	}
	j = js_object();
	js_set_text(j, "address", m->spelling);
	js_set(j, "via", ctl_via(m->via));
	js_append(all->array, j);
	return true;
}

static void
print_end(const struct members *all, const struct walk_report *r)
{
	size_t count = set_count(all->seen);

	(void)printf("%zu recipient%s, %zu group%s", count, text_s((int64_t)count), r->groups,
	             text_s((int64_t)r->groups));
	if (r->dangling > 0)
		(void)printf(", %zu member%s not exist", r->dangling,
		             r->dangling == 1 ? " that does" : "s that do");
	if (r->without_address > 0)
		(void)printf(", %zu without an address", r->without_address);
	if (r->refused > 0)
		(void)printf(", %zu whose address is none", r->refused);
	if (r->closed > 0)
		(void)printf(", %zu who %s no mail", r->closed, r->closed == 1 ? "gets" : "get");
	(void)fputc('\n', stdout);
	for (size_t i = 0; i < r->refused && i < REFUSED_KEPT; i++) {
		ctl_say("no address: \"%s\" in %s", r->kept[i].value, r->kept[i].group);
		(void)fputc('\n', stdout);
	}
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

/* ---- who is named as a member, and gets nothing ---- */

static bool
pass_over(void *arg, const struct member *m)
{
	(void)arg;
	(void)m;
	return true;
}

static void
take_omitted(void *arg, enum omission reason, const char *what, const struct via *via)
{
	struct js *row = js_object();

	js_set_text(row, "what", what);
	js_set_text(row, "why", omission_words[reason]);
	js_set(row, "via", ctl_via(via));
	js_append(arg, row);
}

/* An array of them; NULL with a complaint. */
static struct js *
read_omitted(const struct target *t, struct complaint *why)
{
	struct js *omitted = js_array();
	struct walk_report report;

	if (source_each_member_told(t->destination->source, t->list, PEOPLE_MEMBERS, deadline_in(PATIENCE),
	                            pass_over, NULL, take_omitted, omitted, &report, why) != FOUND_YES)
		js_drop(&omitted);
	return omitted;
}

static void
print_omitted(const struct js *omitted)
{
	for (size_t i = 0; i < js_count(omitted); i++) {
		const struct js *row = js_at(omitted, i), *via = js_get(row, "via");

		ctl_say("%-40s %s, in %s", js_text(row, "what"), js_text(row, "why"),
		        js_string_at(via, js_count(via) - 1));
		(void)fputc('\n', stdout);
	}
}

/* ---- a post ---- */

static void
print_person(const struct roster *r, uint32_t number, bool why)
{
	const char *address = roster_spelling(r, number);

	if (!why)
		ctl_say("%s", address);
	else
		ctl_say("%-40s %s", address, out_word((enum out)r->people[number].out));
	(void)fputc('\n', stdout);
}

/* Those who get it in their order, and then the others. */
static void
print_roster(const struct roster *r, bool why, const struct js *omitted)
{
	size_t left = roster_left(r);

	for (size_t i = 0; i < r->count; i++)
		if (r->people[r->order[i]].out == OUT_NOT)
			print_person(r, r->order[i], why);
	for (size_t i = 0; why && i < r->count; i++)
		if (r->people[r->order[i]].out != OUT_NOT)
			print_person(r, r->order[i], why);
	print_omitted(omitted);
	for (size_t i = 0; i < r->apart.count; i++)
		(void)printf("handed over to %s\n", r->apart.items[i]);
	(void)printf("%zu recipient%s, %zu left out\n", left, text_s((int64_t)left), r->count - left);
}

static void
print_roster_json(const struct roster *r, const struct target *t, struct js *omitted)
{
	struct js *j = js_object(), *members = js_array(), *out = js_array(), *nested = js_array();
	size_t left = roster_left(r);

	for (size_t i = 0; i < r->count; i++) {
		const struct listed *p = &r->people[r->order[i]];
		struct js *one = js_object();

		js_set_text(one, "address", roster_spelling(r, r->order[i]));
		if (p->out != OUT_NOT)
			js_set_text(one, "why", out_word((enum out)p->out));
		js_append(p->out == OUT_NOT ? members : out, one);
	}
	js_set_text(j, "list", t->list->address);
	js_set_number(j, "recipients", (int64_t)left);
	js_set_number(j, "left_out", (int64_t)(r->count - left));
	for (size_t i = 0; i < r->apart.count; i++)
		js_append(nested, js_string(r->apart.items[i]));
	js_set(j, "nested", nested);
	js_set(j, "members", members);
	js_set(j, "out", out);
	if (omitted != NULL)
		js_set(j, "omitted", js_hold(omitted));
	ctl_print(&j);
}

static int
prepare(const struct ctl *c, const struct site *s, const struct target *t, const struct asked *asked)
{
	const struct occasion occasion = { .sender = asked->sender };
	const struct text_list before = { 0 };
	const struct preparing p = { s, &occasion, &before, deadline_in(PATIENCE), NULL, false };
	struct walk_report report;
	struct complaint why = { "" };
	struct js *omitted = NULL;
	struct roster r;
	int status = CTL_YES;

	roster_open(&r);
	if (prepare_members(&p, t->destination, t->list, t->list->address, &r, &report, &why) != FOUND_YES ||
	    (asked->why && (omitted = read_omitted(t, &why)) == NULL))
		status = ctl_fail(CTL_UNSURE, "%s: a post would wait: %s", t->list->address, why.text);
	else if (c->json)
		print_roster_json(&r, t, omitted);
	else
		print_roster(&r, asked->why, omitted);
	js_drop(&omitted);
	roster_close(&r);
	return status;
}

/* ---- the command ---- */

static int
find_and_walk(const struct ctl *c, const struct site *s, const struct asked *asked)
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
			if (asked->sender != NULL && t.role == ROLE_POST)
				status = prepare(c, s, &t, asked);
			else
				status = walk(c, &t, t.role == ROLE_OWNER ? PEOPLE_OWNERS : asked->whom);
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
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool owners = ctl_option(&c, "--owners"), moderators = ctl_option(&c, "--moderators");
	struct asked asked = { .sender = ctl_value(&c, "--post-from"), .why = ctl_option(&c, "--why") };
	struct site *s;
	int status;

	asked.whom = owners ? PEOPLE_OWNERS : moderators ? PEOPLE_MODERATORS : PEOPLE_MEMBERS;
	if (asked.sender == NULL && asked.why)
		asked.sender = "";
	if (c.argc != 1 || owners + moderators + (asked.sender != NULL) > 1)
		return CTL_USAGE;
	s = ctl_site(&c);
	if (s == NULL)
		return CTL_CONFIG;
	status = find_and_walk(&c, s, &asked);
	site_drop(&s);
	return status;
}

const struct command command_members = {
	"members", "[--owners | --moderators | --post-from ADDRESS | --why] LIST",
	"who is on a list now; who would get a post", run,
};
