/* Deadline, cap and breaker before each source. */
#include "milter/ask.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

struct gate {
	struct gates *gates;
	struct source *source;
	size_t waiting;
	int64_t timeouts;                 /* in a row */
	bool open;                        /* the breaker: nobody waits */
	bool probing;
	int64_t probe_at;                 /* ticks */
};

struct gates {
	const struct milter_settings *settings;
	struct monitor monitor;           /* over the gates */
	struct pool *probes;
	struct gate *all;
	size_t count;
};

struct gates *
gates_open(const struct site *site, const struct milter_settings *settings)
{
	struct gates *g = mem_new(sizeof(*g));

	g->settings = settings;
	monitor_init(&g->monitor);
	g->count = site->source_count;
	g->all = mem_array(g->count, sizeof(*g->all));
	for (size_t i = 0; i < g->count; i++)
		g->all[i] = (struct gate){ .gates = g, .source = site->sources[i] };
	g->probes = pool_open("probe", g->count, g->count);
	return g;
}

void
gates_close(struct gates **gates)
{
	struct gates *g = *gates;

	*gates = NULL;
	if (g == NULL)
		return;
	pool_close(&g->probes);
	monitor_destroy(&g->monitor);
	free(g->all);
	free(g);
}

static struct gate *
gate_of(struct gates *g, const struct source *source)
{
	struct gate *gate = g->all;

	while (gate->source != source)
		gate++;
	return gate;
}

/* The source has answered, or has not in time. Under the lock. */
static void
count_answer(struct gate *gate, bool in_time)
{
	if (in_time) {
		if (gate->open)
			log_say(LEVEL_WARN, "breaker", "%s answers again", gate->source->name);
		gate->open = false;
		gate->timeouts = 0;
		return;
	}
	gate->timeouts++;
	if (!gate->open && gate->timeouts >= gate->gates->settings->breaker) {
		gate->open = true;
		gate->probe_at = clock_ticks() + gate->gates->settings->probe;
		log_say(LEVEL_ERROR, "breaker",
		        "%s has not answered %lld times in a row: answering from memory or 451",
		        gate->source->name, (long long)gate->timeouts);
	}
}

/* On a thread of its own: whether the source answers at all, whatever it says. */
static void
probe(void *arg)
{
	struct gate *gate = arg;
	struct gates *g = gate->gates;
	struct complaint why;
	enum found found = source_probe(gate->source, deadline_in(g->settings->deadline), &why);

	monitor_enter(&g->monitor);
	if (found != FOUND_UNSURE)
		count_answer(gate, true);
	gate->probe_at = clock_ticks() + g->settings->probe;
	gate->probing = false;
	monitor_leave(&g->monitor);
}

/* Whether the caller may wait for the source; counts it if so. */
static bool
enter_gate(struct gate *gate, struct complaint *why)
{
	struct gates *g = gate->gates;
	bool may = false;

	monitor_enter(&g->monitor);
	if (gate->open) {
		(void)complain(why, "%s does not answer", gate->source->name);
		if (!gate->probing && clock_ticks() >= gate->probe_at)
			gate->probing = pool_submit(g->probes, probe, gate);
	} else if (gate->waiting >= (size_t)g->settings->max_waiting) {
		(void)complain(why, "%zu recipients are waiting for %s already", gate->waiting,
		               gate->source->name);
	} else {
		gate->waiting++;
		may = true;
	}
	monitor_leave(&g->monitor);
	return may;
}

static void
leave_gate(struct gate *gate, enum found found, struct deadline by)
{
	monitor_enter(&gate->gates->monitor);
	gate->waiting--;
	/* A directory that says at once that it cannot answer costs nobody any time. */
	if (found != FOUND_UNSURE || deadline_passed(by))
		count_answer(gate, found != FOUND_UNSURE);
	monitor_leave(&gate->gates->monitor);
}

bool
gates_view(struct gates *g, size_t which, struct gate_view *view)
{
	if (which >= g->count)
		return false;
	monitor_enter(&g->monitor);
	*view = (struct gate_view){ g->all[which].source->name, g->all[which].waiting,
		                    g->all[which].open };
	monitor_leave(&g->monitor);
	return true;
}

enum found
gates_find(struct gates *g, struct pacemaker *pacemaker, const struct destination *d,
           const char *canonical, struct target *t, enum answered *how, struct complaint *why)
{
	struct gate *gate = gate_of(g, d->source);
	struct deadline by = deadline_in(g->settings->deadline);
	enum found found = site_peek(d, canonical, false, t);

	*how = ANSWERED_MEMORY;
	if (found != FOUND_UNSURE)
		return found;
	*how = ANSWERED_SOURCE;
	if (enter_gate(gate, why)) {
		if (pacemaker != NULL)
			pacemaker_begin(pacemaker);
		found = site_find(d, canonical, by, t, why);
		if (pacemaker != NULL)
			pacemaker_end(pacemaker);
		leave_gate(gate, found, by);
	}
	if (found == FOUND_UNSURE) {
		found = site_peek(d, canonical, true, t);
		/* An old "no" lets mail to people pass; it does not refuse any to a list. */
		if (found == FOUND_NO && !d->shared)
			found = FOUND_UNSURE;
		*how = found == FOUND_UNSURE ? ANSWERED_NOBODY : ANSWERED_STALE;
	}
	return found;
}
