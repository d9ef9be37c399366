/* rollcallctl lookup ADDRESS: what an address is. */
#include "console/ctl.h"
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE = 30000 };

static void
print_target(const struct ctl *c, const char *address, const struct target *t)
{
	struct js *j;

	if (!c->json) {
		ctl_say("%s: %s of the list %s", address, role_word(t->role), t->list->address);
		if (t->list->name != NULL)
			ctl_say(" (%s)", t->list->name);
		(void)fputs("\n  source: ", stdout);
		ctl_say("%s, %s", t->destination->source->name, t->list->key);
		(void)fputc('\n', stdout);
		if (t->list->errors != NULL)
			(void)printf("  errors: %s\n", t->list->errors);
		return;
	}
	j = js_object();
	js_set_text(j, "address", address);
	js_set_text(j, "found", "yes");
	js_set_text(j, "list", t->list->address);
	js_set_text(j, "role", role_word(t->role));
	js_set_text(j, "name", t->list->name);
	js_set_text(j, "source", t->destination->source->name);
	js_set_text(j, "key", t->list->key);
	js_set_text(j, "errors", t->list->errors);
	ctl_print(&j);
}

static int
print_other(const struct ctl *c, const char *address, const char *found, const char *reason,
            int status)
{
	struct js *j;

	if (!c->json)
		return ctl_fail(status, "%s: %s", address, reason);
	j = js_object();
	js_set_text(j, "address", address);
	js_set_text(j, "found", found);
	js_set_text(j, "reason", reason);
	ctl_print(&j);
	return status;
}

static int
look_up(const struct ctl *c, const struct site *s)
{
	const char *text = c->argv[0];
	const struct destination *d;
	struct complaint why;
	struct address a;
	struct target t = { 0 };
	int status = CTL_YES;

	if (address_parse(&a, text, strlen(text), &why) < 0)
		return ctl_fail(CTL_USAGE, "%s", why.text);
	d = site_destination(s, a.canonical);
	if (d == NULL) {
		status = print_other(c, a.canonical, "no", "in no domain of lists", CTL_NO);
	} else {
		switch (site_find(d, a.canonical, deadline_in(PATIENCE), &t, &why)) {
		case FOUND_YES:
			if (role_exists(t.role))
				print_target(c, a.canonical, &t);
			else
				status = print_other(c, a.canonical, "no",
				                     "nobody is behind this role of the list", CTL_NO);
			break;
		case FOUND_NO:
			status = print_other(c, a.canonical, "no", "no list has this address", CTL_NO);
			break;
		case FOUND_UNSURE:
			status = print_other(c, a.canonical, "unsure", why.text, CTL_UNSURE);
			break;
		}
	}
	target_drop(&t);
	address_free(&a);
	return status;
}

static int
run(const struct ctl *c)
{
	return ctl_on_site(c, 1, look_up);
}

const struct command command_lookup = { "lookup", "ADDRESS", "what an address is", run };
