/* What a running daemon knows of the servers of its sources. */
#include "policies/standing.h"

static void
set_time(struct js *j, const char *name, int64_t at)
{
	if (at > 0)
		js_set_number(j, name, at);
}

static void
add_server(void *arg, const struct server_standing *s)
{
	struct js *servers = arg, *j = js_object();

	js_set_text(j, "server", s->name);
	js_set_number(j, "connections", (int64_t)s->connections);
	set_time(j, "connected_ms", s->connected);
	js_set_text(j, "technique", s->technique);
	set_time(j, "read_ms", s->read);
	js_set_text(j, "error", s->error);
	set_time(j, "failed_ms", s->failed);
	js_append(servers, j);
}

void
standing_describe(const struct site *site, struct js *answer)
{
	struct js *all = js_array();

	for (size_t i = 0; i < site->named_count; i++) {
		struct js *servers = js_array(), *j;

		source_each_standing(site->sources[i], add_server, servers);
		if (js_count(servers) == 0) {
			js_drop(&servers);
			continue;
		}
		j = js_object();
		js_set_text(j, "source", site->sources[i]->name);
		js_set(j, "servers", servers);
		js_append(all, j);
	}
	js_set(answer, "sources", all);
}
