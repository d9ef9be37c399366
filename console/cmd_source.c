/* rollcallctl source [NAME]: the servers of each source, and how members are read from them. */
#include "console/ctl.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE = 30000 };

struct shown {
	struct js *servers;               /* for --json, or NULL */
	size_t answer;
};

static void
show_server(void *arg, const struct server_report *r)
{
	struct shown *s = arg;
	struct js *j;

	s->answer += r->error == NULL;
	if (s->servers != NULL) {
		j = js_object();
		js_set_text(j, "server", r->name);
		js_set_text(j, "kind", r->kind);
		js_set_text(j, "state", r->error == NULL ? "up" : "down");
		js_set_text(j, "error", r->error);
		js_set_text(j, "technique", r->technique);
		js_set_text(j, "reason", r->reason);
		js_set_number(j, "round_trip_us", r->round_trip);
		js_append(s->servers, j);
		return;
	}
	ctl_say("  %s (%s): ", r->name, r->kind);
	if (r->error != NULL)
		ctl_say("down: %s", r->error);
	else
		(void)printf("up, round trip %.1f ms", (double)r->round_trip / 1000);
	(void)fputc('\n', stdout);
	if (r->technique != NULL) {
		ctl_say("    %s: %s", r->technique, r->reason);
		(void)fputc('\n', stdout);
	}
}

/* Whether a server of the source answers. */
static bool
show_source(struct source *source, struct js *sources)
{
	struct shown s = { sources == NULL ? NULL : js_array(), 0 };
	struct js *j;

	if (sources == NULL) {
		ctl_say("%s", source->name);
		(void)fputc('\n', stdout);
	}
	source_each_server(source, deadline_in(PATIENCE), show_server, &s);
	if (sources != NULL) {
		j = js_object();
		js_set_text(j, "source", source->name);
		js_set(j, "servers", s.servers);
		js_append(sources, j);
	}
	return s.answer > 0;
}

static int
show(const struct ctl *c, const struct site *site)
{
	struct js *all = c->json ? js_array() : NULL, *j;
	size_t shown = 0;
	int status = CTL_YES;

	for (size_t i = 0; i < site->named_count; i++) {
		if (c->argc > 0 && strcmp(site->sources[i]->name, c->argv[0]) != 0)
			continue;
		shown++;
		if (!show_source(site->sources[i], all))
			status = CTL_UNSURE;
	}
	if (c->argc > 0 && shown == 0)
		status = ctl_fail(CTL_NO, "there is no source %s", c->argv[0]);
	if (c->json) {
		j = js_object();
		js_set(j, "sources", all);
		ctl_print(&j);
	}
	return status;
}

static int
run(const struct ctl *c)
{
	return ctl_on_site(c, c->argc == 0 ? 0 : 1, show);
}

const struct command command_source = {
	"source", "[NAME]", "servers, and how members are read from them", run,
};
