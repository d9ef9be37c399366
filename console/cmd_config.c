/* rollcallctl config: checks the configuration, prints what holds, and makes parts of the manual. */
#include "console/ctl.h"
#include "console/manual.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

static void
print_effective(const struct ctl *c, const struct site *s)
{
	struct js *j, *array;
	size_t widest = 0;

	for (size_t i = 0; i < s->effective.count; i++) {
		size_t n = strlen(s->effective.items[i].path) + strlen(s->effective.items[i].value) + 2;

		if (n > widest && n < 72)
			widest = n;
	}
	array = js_array();
	for (size_t i = 0; i < s->effective.count; i++) {
		const struct effective *e = &s->effective.items[i];

		if (!c->json) {
			int used = printf("%s: %s", e->path, e->value);

			(void)printf("%*s  # %s\n", used < (int)widest ? (int)widest - used : 0, "",
			             e->origin);
			continue;
		}
		j = js_object();
		js_set_text(j, "setting", e->path);
		js_set_text(j, "value", e->value);
		js_set_text(j, "origin", e->origin);
		js_append(array, j);
	}
	if (c->json)
		ctl_print(&array);
	js_drop(&array);
}

static void
print_ok(const struct ctl *c)
{
	struct js *j;

	if (!c->json) {
		(void)printf("%s: ok\n", c->config_file);
		return;
	}
	j = js_object();
	js_set_text(j, "file", c->config_file);
	js_set_flag(j, "ok", true);
	ctl_print(&j);
}

/* Whether those are there whom the daemons become at their start, and give their sockets to. */
static bool
has_accounts(const struct site *s)
{
	static const char *const groups[] = { "milter.group", "socketmap.group", "lmtp.group" };

	for (size_t i = 0; i < s->effective.count; i++) {
		const struct effective *e = &s->effective.items[i];
		bool user = strcmp(e->path, "user") == 0, group = false;

		for (size_t k = 0; k < sizeof(groups) / sizeof(*groups); k++)
			group |= strcmp(e->path, groups[k]) == 0;
		if (*e->value == '\0' || !((user && getpwnam(e->value) == NULL) ||
		                           (group && getgrnam(e->value) == NULL)))
			continue;
		(void)ctl_fail(CTL_CONFIG, "%s: %s: there is no %s \"%s\" on this host", e->origin, e->path,
		               user ? "user" : "group", e->value);
		return false;
	}
	return true;
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool check = ctl_option(&c, "--check"), print = ctl_option(&c, "--print");
	bool settings = ctl_option(&c, "--manual"), checks = ctl_option(&c, "--manual-checks");
	int status = CTL_YES;
	struct site *s;

	if (c.argc != 0 || check + print + settings + checks != 1)
		return CTL_USAGE;
	if (settings || checks) {
		(settings ? manual_settings : manual_checks)();
		return CTL_YES;
	}
	s = ctl_site(&c);
	if (s == NULL)
		return CTL_CONFIG;
	if (print)
		print_effective(&c, s);
	else if (has_accounts(s))
		print_ok(&c);
	else
		status = CTL_CONFIG;
	site_drop(&s);
	return status;
}

const struct command command_config = {
	"config", "--check | --print | --manual", "checks the configuration, or prints what holds", run,
};
