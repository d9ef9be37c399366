/*
 * rollcallctl metrics: what the daemons counted and what is in the queues, in the text format of
 * Prometheus (version 0.0.4).
 */
#include "base/metric.h"
#include "console/ctl.h"
#include "console/daemons.h"
#include "console/listing.h"
#include "policies/drain.h"

#include <stdio.h>
#include <string.h>

/* ---- what this program sees itself; it runs once and in one thread ---- */

enum { MOST_DAEMONS = 4 };

static struct {
	bool up[MOST_DAEMONS];
	struct queue_count counts[QUEUE_COUNT];
	bool draining;
} seen;

static void
read_up(struct metric_page *p)
{
	for (size_t i = 0; daemons[i] != NULL; i++)
		metric_sample_of(p, "daemon", daemons[i], seen.up[i]);
}

static void
read_entries(struct metric_page *p)
{
	for (enum queue_id q = 0; q < QUEUE_COUNT; q++)
		metric_sample_of(p, "queue", queue_word(q), (double)seen.counts[q].entries);
}

static void
read_held(struct metric_page *p)
{
	for (enum queue_id q = 0; q < QUEUE_DONE; q++)
		metric_sample_of(p, "queue", queue_word(q), (double)seen.counts[q].held);
}

static void
read_oldest(struct metric_page *p)
{
	for (enum queue_id q = 0; q < QUEUE_DONE; q++) {
		int64_t oldest = seen.counts[q].oldest, age = clock_wall() - oldest;

		metric_sample_of(p, "queue", queue_word(q),
		              oldest == 0 || age < 0 ? 0 : (double)age / 1000);
	}
}

static void
read_draining(struct metric_page *p)
{
	metric_sample(p, (const char *const[]){ NULL }, seen.draining);
}

static const struct metric own_metrics[] = {
	{ .name = "rollcall_up", .kind = METRIC_GAUGE, .read = read_up,
	  .help = "1 if the daemon answers." },
	{ .name = "rollcall_draining", .kind = METRIC_GAUGE, .read = read_draining,
	  .help = "1 while no mail for lists is taken." },
	{ .name = "rollcall_queue_entries", .kind = METRIC_GAUGE, .read = read_entries,
	  .help = "Entries in a queue." },
	{ .name = "rollcall_queue_held", .kind = METRIC_GAUGE, .read = read_held,
	  .help = "Entries that are held until an operator decides." },
	{ .name = "rollcall_queue_oldest_seconds", .kind = METRIC_GAUGE, .read = read_oldest,
	  .help = "Age of the oldest entry in a queue, 0 where it is empty." },
	{ .kind = METRIC_END },
};

static int
look(const struct site *s, struct complaint *why)
{
	seen.draining = drain_since(s) != 0;
	return listing_count(s, seen.counts, why);
}

/* ---- families, of which several programs may have the same ---- */

/* Adds copies of an answer's families to `all`. */
static void
merge(struct js *all, const struct js *answer)
{
	const struct js *families = js_get(answer, "metrics");

	for (size_t i = 0; i < js_count(families); i++) {
		const struct js *from = js_at(families, i), *samples = js_get(from, "samples");
		const char *name = js_text(from, "name");
		struct js *into = NULL;

		for (size_t k = 0; k < js_count(all) && into == NULL; k++)
			if (strcmp(js_text(js_at(all, k), "name"), name) == 0)
				into = (struct js *)js_at(all, k);
		if (into == NULL) {
			js_append(all, js_hold(from));
			continue;
		}
		for (size_t k = 0; k < js_count(samples); k++)
			js_append((struct js *)js_get(into, "samples"), js_hold(js_at(samples, k)));
	}
}

static struct js *
gather(const struct site *s, struct complaint *why)
{
	struct js *all = js_array(), *own = js_object();
	struct js *answers[MOST_DAEMONS] = { NULL };
	struct complaint unused;

	for (size_t i = 0; daemons[i] != NULL; i++)
		seen.up[i] = daemon_ask(s, daemons[i], "metrics", &answers[i], &unused) == 0;
	if (look(s, why) < 0)
		js_drop(&all);
	else
		metric_gather(own, "rollcallctl", own_metrics);
	if (all != NULL)
		merge(all, own);
	for (size_t i = 0; daemons[i] != NULL; i++) {
		if (all != NULL)
			merge(all, answers[i]);
		js_drop(&answers[i]);
	}
	js_drop(&own);
	return all;
}

/* ---- the text format ---- */

static void
add_escaped(struct bytes *out, const char *text, const char *also)
{
	for (; *text != '\0'; text++)
		if (*text == '\n')
			bytes_add_text(out, "\\n");
		else if (*text == '\\' || strchr(also, *text) != NULL)
			bytes_format(out, "\\%c", *text);
		else
			bytes_add_char(out, *text);
}

static void
add_label(void *arg, const char *name, const struct js *value)
{
	struct bytes *out = arg;

	/* What stands before is the name of the metric, or a label. */
	bytes_format(out, "%c%s=\"", out->data[out->length - 1] == '"' ? ',' : '{', name);
	add_escaped(out, js_string_value(value), "\"");
	bytes_add_char(out, '"');
}

static void
add_family(struct bytes *out, const struct js *family)
{
	const char *name = js_text(family, "name");
	const struct js *samples = js_get(family, "samples");

	bytes_format(out, "# HELP %s ", name);
	add_escaped(out, js_text(family, "help"), "");
	bytes_format(out, "\n# TYPE %s %s\n", name, js_text(family, "type"));
	for (size_t i = 0; i < js_count(samples); i++) {
		const struct js *sample = js_at(samples, i), *labels = js_get(sample, "labels");
		const char *suffix = js_text(sample, "suffix");

		bytes_format(out, "%s%s", name, suffix == NULL ? "" : suffix);
		js_each(labels, add_label, out);
		if (out->data[out->length - 1] == '"')
			bytes_add_char(out, '}');
		bytes_format(out, " %s\n", js_text(sample, "value"));
	}
}

static int
print(const struct ctl *c, const struct site *s)
{
	struct complaint why;
	struct bytes text = { 0 };
	struct js *all = gather(s, &why);

	if (all == NULL)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	if (c->json) {
		struct js *j = js_object();

		js_set(j, "metrics", all);
		ctl_print(&j);
		return CTL_YES;
	}
	for (size_t i = 0; i < js_count(all); i++)
		add_family(&text, js_at(all, i));
	(void)fputs(bytes_text(&text), stdout);
	bytes_free(&text);
	js_drop(&all);
	return CTL_YES;
}

static int
run(const struct ctl *c)
{
	return ctl_on_site(c, 0, print);
}

const struct command command_metrics = {
	"metrics", "", "what was counted, in the format of Prometheus", run,
};
