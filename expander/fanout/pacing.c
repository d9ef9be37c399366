/* The pace as an operator sees it. */
#include "expander/fanout/pacing.h"

#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

enum { MS = 1000 };                       /* us */

struct showing {
	const struct service *service;
	struct js *answer;
	const struct turns *turns;
	int64_t now, now_ms;              /* ticks */
	struct js *array;
	enum rate_of of;
};

/* ---- showing ---- */

/* Which rate holds, and who says so. */
static void
add_rate(const struct showing *g, struct js *j, enum rate_of of, const char *name)
{
	const struct pace_rule *set;
	struct rate r = turns_rate(g->turns, g->service, of, name, &set);

	js_set_text(j, "rate", r.count == 0  ? "none"
	                       : set != NULL ? set->text : g->service->outbound.rates[of]);
	if (set != NULL)
		js_set_number(j, "set", set->since);
}

/* The same, with what goes by, and how long posts that have to wait for it do so. */
static void
add_pace(const struct showing *g, struct js *j, const struct pace *p, enum rate_of of, const char *name)
{
	struct rate r = turns_rate(g->turns, g->service, of, name, NULL);

	add_rate(g, j, of, name);
	js_set_number(j, "per_minute", (int64_t)flow_minute(&p->flow, g->now));
	js_set_number(j, "wait", turns_wait(p, &r, g->now) / MS);
}

/* What keeps it from more batches at a time. */
static const char *
slowed_by(const struct showing *g, const struct station *st, size_t lanes)
{
	static const char *const words[] = { [SLOWED_BY_ITSELF] = "itself",
		                             [SLOWED_BY_REFUSALS] = "refusals" };

	if (st->away > g->now_ms)
		return "away";
	if (st->throttle.full)
		return "queue";
	return g->service->outbound.adapt ? words[throttle_slowed(&st->throttle, lanes)] : NULL;
}

static void
add_mtas(struct showing *g, struct farm *f)
{
	struct js *array = js_array();

	for (size_t i = 0; i < g->service->mta_count; i++) {
		const struct mta *m = &g->service->mtas[i];
		struct station *st = farm_station(f, m);
		size_t lanes = farm_lanes(g->service, m), batch = (size_t)g->service->outbound.batch;
		bool adapts = g->service->outbound.adapt || st->throttle.full;
		size_t limit = adapts ? throttle_limit(&st->throttle, lanes) : lanes;
		const char *slowed = slowed_by(g, st, lanes);
		struct js *j = js_object();

		js_set_text(j, "mta", st->name);
		add_pace(g, j, &st->pace, RATE_MTA, st->name);
		js_set_number(j, "lanes", (int64_t)lanes);
		js_set_number(j, "at_most", (int64_t)limit);
		js_set_text(j, "slowed_by", slowed);
		js_set_text(j, "said", slowed == NULL || *st->said == '\0' ? NULL : st->said);
		js_set_number(j, "batch", (int64_t)farm_most(st, batch));
		js_append(array, j);
	}
	js_set(g->answer, "mtas", array);
}

static void
add_lanes(struct showing *g, const struct lane *lanes)
{
	struct js *array = js_array();

	for (const struct lane *l = lanes; l != NULL; l = l->next) {
		struct js *j = js_object();

		js_set_number(j, "lane", (int64_t)l->number);
		js_set_text(j, "mta", farm_mta(g->service, l->number)->name);
		add_pace(g, j, &l->pace, RATE_LANE, NULL);
		js_set_number(j, "under_way", (int64_t)l->under_way);
		js_append(array, j);
	}
	js_set(g->answer, "lanes", array);
}

/* One of those that had something lately, or that have to wait. */
static void
add_named(void *arg, void *value)
{
	struct showing *g = arg;
	const struct named_pace *n = value;
	struct js *j;

	if (flow_minute(&n->pace.flow, g->now) == 0 && n->pace.bucket.full <= g->now)
		return;
	j = js_object();
	js_set_text(j, paces_words[g->of], n->name);
	add_pace(g, j, &n->pace, g->of, n->name);
	js_append(g->array, j);
}

static void
add_names(struct showing *g, enum rate_of of, const char *key, const struct map *map)
{
	g->array = js_array();
	g->of = of;
	if (map != NULL)
		map_each(map, add_named, g);
	js_set(g->answer, key, g->array);
}

/* What is set, also for what nothing goes to now. */
static void
add_set(struct showing *g)
{
	struct js *array = js_array();

	for (size_t i = 0; i < g->turns->paces->count; i++) {
		const struct pace_rule *r = &g->turns->paces->rules[i];
		struct js *j = js_object();

		js_set_text(j, "of", paces_words[r->of]);
		js_set_text(j, "name", r->name);
		js_set_text(j, "rate", r->text);
		js_set_number(j, "since", r->since);
		js_append(array, j);
	}
	js_set(g->answer, "set", array);
}

static void
show(void *arg, struct turns *t, struct farm *f, const struct lane *lanes)
{
	struct showing *g = arg;
	struct js *all = js_object(), *each = js_object();

	g->turns = t;
	add_pace(g, all, &t->all, RATE_ALL, NULL);
	js_set(g->answer, "all", all);
	for (enum rate_of i = RATE_MTA; i < RATE_COUNT; i++) {
		struct js *j = js_object();

		add_rate(g, j, i, NULL);
		js_set(each, paces_words[i], j);
	}
	js_set(g->answer, "each", each);
	add_mtas(g, f);
	add_lanes(g, lanes);
	add_names(g, RATE_DOMAIN, "domains", t->domains);
	add_names(g, RATE_LIST, "lists", t->lists);
	add_set(g);
}

void
pacing_show(struct injector *in, const struct service *s, struct js *answer)
{
	struct showing g = { .service = s, .answer = answer, .now = clock_ticks_us(),
		             .now_ms = clock_ticks() };

	injector_pacing(in, show, &g);
}

/* ---- setting ---- */

/* The words of a request. */
struct words {
	char *text;                       /* owned; the others lie in it */
	char *word[4];
	size_t count;
};

static void
split(struct words *w, const char *arguments)
{
	char *at, *save = NULL;

	*w = (struct words){ .text = mem_text(arguments) };
	for (at = strtok_r(w->text, " ", &save); at != NULL && w->count < 4; at = strtok_r(NULL, " ", &save))
		w->word[w->count++] = at;
}

/* The name as it is known here: allocated. NULL with a complaint. */
static char *
mta_name(const struct service *s, const char *text, struct complaint *why)
{
	char *name = NULL;
	struct mta m;

	if (mta_parse(text, &m, why) < 0)
		return NULL;
	for (size_t i = 0; i < s->mta_count; i++)
		if (strcmp(s->mtas[i].name, m.name) == 0)
			name = mem_text(m.name);
	mta_free(&m);
	if (name == NULL)
		(void)complain(why, "\"%s\" is none of outbound.mta", text);
	return name;
}

static char *
list_name(const struct service *s, const char *text, struct complaint *why)
{
	char *name = address_canonical(text, why);

	if (name != NULL && site_destination(s->site, name) == NULL) {
		(void)complain(why, "no list is in the domain of %s", text);
		mem_drop(&name);
	}
	return name;
}

static char *
domain_name(const struct service *s, const char *text, struct complaint *why)
{
	char *name = domain_canonical(text, strlen(text), why);

	for (size_t i = 0; name != NULL && i < s->site->destination_count; i++)
		if (strcmp(s->site->destinations[i].domain, name) == 0)
			return name;
	if (name != NULL)
		(void)complain(why, "no list is in the domain %s", text);
	free(name);
	return NULL;
}

static char *
name_of(const struct service *s, enum rate_of of, const char *text, struct complaint *why)
{
	switch (of) {
	case RATE_MTA:
		return mta_name(s, text, why);
	case RATE_LIST:
		return list_name(s, text, why);
	case RATE_DOMAIN:
		return domain_name(s, text, why);
	default:
		(void)complain(why, "%s has no names", paces_words[of]);
		return NULL;
	}
}

static struct paces *
change(const struct paces *old, const struct service *s, const struct words *w, struct complaint *why)
{
	enum rate_of of = RATE_ALL;
	struct paces *fresh = NULL;
	char *name = NULL;

	if (w->count == 1 && strcmp(w->word[0], "default") == 0)
		return paces_without(old, why);
	while (w->count > 0 && of < RATE_COUNT && strcmp(w->word[0], paces_words[of]) != 0)
		of++;
	if (w->count < 2 || w->count > 3 || of == RATE_COUNT) {
		(void)complain(why, "it is all, mta, lane, list or domain, perhaps a name, and a rate like "
		                    "1000/minute, none or default");
		return NULL;
	}
	if (w->count == 3) {
		name = name_of(s, of, w->word[1], why);
		if (name == NULL)
			return NULL;
	}
	fresh = paces_with(old, of, name, w->word[w->count - 1], why);
	free(name);
	return fresh;
}

/* Gives what is set, or takes the place of it and gives what was. */
static void
exchange(void *arg, struct turns *t, struct farm *f, const struct lane *lanes)
{
	struct paces **with = arg, *old = t->paces;

	(void)f, (void)lanes;
	if (*with != NULL)
		t->paces = *with;
	*with = old;
}

int
pacing_set(struct injector *in, const struct service *s, const char *arguments, struct complaint *why)
{
	struct paces *now = NULL, *fresh;
	struct words w;

	/* Only this thread changes them: they stay meanwhile, and no lane waits for the disk. */
	injector_pacing(in, exchange, &now);
	split(&w, arguments);
	fresh = change(now, s, &w, why);
	free(w.text);
	if (fresh == NULL)
		return -1;
	injector_pacing(in, exchange, &fresh);
	paces_close(&fresh);              /* what it was before */
	log_say(LEVEL_WARN, "pace", "set: %s", arguments);
	return 0;
}
