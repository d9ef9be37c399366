/* Rates that an operator has set. */
#include "expander/fanout/paces.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 1, LARGEST = 1 << 20, MOST = 1000 };

static const char file_name[] = "pace";

const char *const paces_words[RATE_COUNT + 1] = {
	[RATE_ALL] = "all", [RATE_MTA] = "mta", [RATE_LANE] = "lane", [RATE_LIST] = "list",
	[RATE_DOMAIN] = "domain",
};

void
paces_close(struct paces **paces)
{
	struct paces *p = *paces;

	*paces = NULL;
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->rules[i].name);
		free(p->rules[i].text);
	}
	free(p->rules);
	free(p->state);
	free(p);
}

static bool
is_for(const struct pace_rule *r, enum rate_of of, const char *name)
{
	return r->of == of && (r->name == NULL) == (name == NULL) &&
	       (name == NULL || strcmp(r->name, name) == 0);
}

const struct pace_rule *
paces_find(const struct paces *p, enum rate_of of, const char *name)
{
	const struct pace_rule *found = NULL;

	for (size_t i = 0; i < p->count; i++)
		if (is_for(&p->rules[i], of, name))
			return &p->rules[i];
		else if (is_for(&p->rules[i], of, NULL))
			found = &p->rules[i];
	return found;
}

/* Takes no text but a rate, or none. */
static int
add(struct paces *p, enum rate_of of, const char *name, const char *text, int64_t since,
    struct complaint *why)
{
	struct pace_rule r = { .of = of, .since = since };

	if (p->count == MOST)
		return complain(why, "so many rates are set already: %d", (int)MOST);
	if (strcmp(text, "none") != 0 && rate_parse(text, &r.rate, why) < 0)
		return -1;
	r.text = mem_text(text);
	r.name = name == NULL ? NULL : mem_text(name);
	p->rules[p->count++] = r;
	return 0;
}

static struct paces *
empty(const char *state)
{
	struct paces *p = mem_new(sizeof(*p));

	p->state = mem_text(state);
	p->rules = mem_array(MOST, sizeof(*p->rules));
	return p;
}

static int
read_rule(struct paces *p, const struct js *j, struct complaint *why)
{
	const char *of = js_text(j, "of"), *rate = js_text(j, "rate");

	for (enum rate_of i = 0; of != NULL && rate != NULL && i < RATE_COUNT; i++)
		if (strcmp(of, paces_words[i]) == 0)
			return add(p, i, js_text(j, "name"), rate, js_number(j, "since", 0), why);
	return complain(why, "it is damaged");
}

static int
read_rules(struct paces *p, const struct bytes *text, struct complaint *why)
{
	struct js *j = js_parse(text->data, text->length, why);
	const struct js *rules = js_get(j, "paces");
	int rc = j == NULL ? -1 : 0;

	if (rc == 0 && js_number(j, "version", 0) > VERSION)
		rc = complain(why, "it is of a newer version");
	else if (rc == 0 && (js_number(j, "version", 0) != VERSION || !js_is_array(rules)))
		rc = complain(why, "it is damaged");
	for (size_t i = 0; rc == 0 && i < js_count(rules); i++)
		rc = read_rule(p, js_at(rules, i), why);
	js_drop(&j);
	return rc;
}

struct paces *
paces_open(const char *state, struct complaint *why)
{
	struct paces *p = empty(state);
	char *path = mem_format("%s/%s", state, file_name);
	struct bytes text = { 0 };
	int rc = file_read(AT_FDCWD, path, LARGEST, &text, why);

	if (rc == 1 && read_rules(p, &text, why) < 0)
		rc = complain_within(why, "%s", path);
	if (rc < 0)
		paces_close(&p);
	bytes_free(&text);
	free(path);
	return p;
}

static int
save(const struct paces *p, struct complaint *why)
{
	int dir = file_open_dir(AT_FDCWD, p->state, why), rc;
	struct js *j = js_object(), *rules = js_array();
	struct bytes text = { 0 };

	js_set_number(j, "version", VERSION);
	for (size_t i = 0; i < p->count; i++) {
		struct js *one = js_object();

		js_set_text(one, "of", paces_words[p->rules[i].of]);
		js_set_text(one, "name", p->rules[i].name);
		js_set_text(one, "rate", p->rules[i].text);
		js_set_number(one, "since", p->rules[i].since);
		js_append(rules, one);
	}
	js_set(j, "paces", rules);
	js_print(j, true, &text);
	bytes_add_char(&text, '\n');
	rc = dir < 0 ? -1 : file_replace(dir, file_name, &text, NULL, why);
	if (dir >= 0)
		(void)close(dir);
	bytes_free(&text);
	js_drop(&j);
	return rc;
}

struct paces *
paces_with(const struct paces *old, enum rate_of of, const char *name, const char *rate,
           struct complaint *why)
{
	struct paces *p = empty(old->state);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < old->count; i++) {
		const struct pace_rule *r = &old->rules[i];

		if (!is_for(r, of, name))
			rc = add(p, r->of, r->name, r->text, r->since, why);
	}
	if (rc == 0 && strcmp(rate, "default") != 0)
		rc = add(p, of, name, rate, clock_wall(), why);
	if (rc < 0 || save(p, why) < 0)
		paces_close(&p);
	return p;
}

struct paces *
paces_without(const struct paces *old, struct complaint *why)
{
	struct paces *p = empty(old->state);

	if (save(p, why) < 0)
		paces_close(&p);
	return p;
}
