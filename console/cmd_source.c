/*
 * rollcallctl source [NAME]: the servers of each source, and how members are read from them; by asking
 * them, and by asking the daemons that run what they have met.
 */
#include "console/ctl.h"
#include "console/daemons.h"
#include "console/listing.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE = 30000 };

enum { DAEMONS = 2 };

struct shown {
	const char *source;
	struct js *const *said;           /* by each daemon; NULL: it does not run */
	struct js *servers;               /* for --json, or NULL */
	size_t answer;
};

/* ---- what the daemons say ---- */

/* The one of some objects that has this under a name, or NULL. */
static const struct js *
find_named(const struct js *all, const char *name, const char *value)
{
	for (size_t i = 0; i < js_count(all); i++) {
		const char *text = js_text(js_at(all, i), name);

		if (text != NULL && strcmp(text, value) == 0)
			return js_at(all, i);
	}
	return NULL;
}

/* What a daemon knows of a server; NULL: nothing. */
static const struct js *
standing_of(const struct shown *s, size_t daemon, const char *server)
{
	const struct js *source = find_named(js_get(s->said[daemon], "sources"), "source", s->source);

	return find_named(js_get(source, "servers"), "server", server);
}

static void
say_when(const struct js *j, const char *name)
{
	char age[24];

	listing_age(clock_wall() - js_number(j, name, 0), age, sizeof(age));
	(void)printf(" %s ago", age);
}

static void
say_standing(const char *daemon, const struct js *j)
{
	const char *technique = js_text(j, "technique"), *error = js_text(j, "error");
	long long open = (long long)js_number(j, "connections", 0);

	(void)printf("    rollcall-%s: %lld connection%s", daemon, open, text_s(open));
	if (js_get(j, "connected_ms") != NULL) {
		(void)fputs(", connected", stdout);
		say_when(j, "connected_ms");
	}
	if (technique != NULL) {
		ctl_say(", members read by %s", technique);
		say_when(j, "read_ms");
	}
	if (error != NULL) {
		ctl_say(", last error");
		say_when(j, "failed_ms");
		ctl_say(": %s", error);
	}
	(void)fputc('\n', stdout);
}

/* ---- what the servers say ---- */

static void
show_server(void *arg, const struct server_report *r)
{
	struct shown *s = arg;
	struct js *j, *known;

	s->answer += r->error == NULL;
	if (s->servers != NULL) {
		j = js_object();
		known = js_object();
		for (size_t i = 0; i < DAEMONS; i++)
			if (standing_of(s, i, r->name) != NULL)
				js_set(known, daemons[i], js_hold(standing_of(s, i, r->name)));
		js_set(j, "daemons", known);
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
	for (size_t i = 0; i < DAEMONS; i++)
		if (standing_of(s, i, r->name) != NULL)
			say_standing(daemons[i], standing_of(s, i, r->name));
}

/* Whether a server of the source answers. */
static bool
show_source(struct source *source, struct js *const *said, struct js *sources)
{
	struct shown s = { source->name, said, sources == NULL ? NULL : js_array(), 0 };
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
	struct js *said[DAEMONS] = { NULL };
	size_t shown = 0;
	int status = CTL_YES;

	for (size_t i = 0; i < DAEMONS; i++) {
		struct complaint why;

		if (daemon_is_there(site, daemons[i]) &&
		    daemon_ask(site, daemons[i], "sources", &said[i], &why) < 0)
			(void)ctl_fail(CTL_YES, "%s: %s", daemons[i], why.text);
	}

	for (size_t i = 0; i < site->named_count; i++) {
		if (c->argc > 0 && strcmp(site->sources[i]->name, c->argv[0]) != 0)
			continue;
		shown++;
		if (!show_source(site->sources[i], said, all))
			status = CTL_UNSURE;
	}
	if (c->argc > 0 && shown == 0)
		status = ctl_fail(CTL_NO, "there is no source %s", c->argv[0]);
	if (c->json) {
		j = js_object();
		js_set(j, "sources", all);
		ctl_print(&j);
	}
	for (size_t i = 0; i < DAEMONS; i++)
		js_drop(&said[i]);
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
