/*
 * rollcallctl pace: how fast posts go out, what they wait for, and another rate while they do.
 */
#include "base/mem.h"
#include "console/ctl.h"
#include "console/daemons.h"
#include "console/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 42 };                      /* columns */

/* A line: whose pace, the rate that holds, what goes by, and how long a large post waits for it. */
static void
print_pace(const char *name, const struct js *j)
{
	int64_t set = js_number(j, "set", 0), minute = js_number(j, "per_minute", -1);
	int64_t wait = js_number(j, "wait", 0);
	char age[24];

	ctl_say("%-*s %s", NAMES, name, js_text(j, "rate"));
	if (set != 0) {
		listing_age(clock_wall() - set, age, sizeof(age));
		ctl_say(", set %s ago", age);
	}
	if (minute >= 0)
		ctl_say(", %lld in the last minute", (long long)minute);
	if (wait > 0) {
		listing_age(wait, age, sizeof(age));
		ctl_say(", waits %s", age);
	}
}

static void
print_mta(const struct js *j)
{
	const char *slowed = js_text(j, "slowed_by"), *said = js_text(j, "said");
	char *name = mem_format("mta %s", js_text(j, "mta"));

	print_pace(name, j);
	ctl_say(", %lld of %lld lanes, %lld in a batch", (long long)js_number(j, "at_most", 0),
	        (long long)js_number(j, "lanes", 0), (long long)js_number(j, "batch", 0));
	if (slowed != NULL)
		ctl_say(", slowed by %s", strcmp(slowed, "away") == 0     ? "being away"
		                          : strcmp(slowed, "queue") == 0  ? "a queue that is long"
		                          : strcmp(slowed, "itself") == 0 ? "batches that wait for each other"
		                                                          : "refusals");
	if (said != NULL)
		ctl_say(": %s", said);
	(void)fputc('\n', stdout);
	free(name);
}

static void
print_lane(const struct js *j)
{
	int64_t count = js_number(j, "under_way", 0);
	char *name = mem_format("lane %lld, %s", (long long)js_number(j, "lane", 0), js_text(j, "mta"));

	print_pace(name, j);
	if (count > 0)
		ctl_say(", %lld under way", (long long)count);
	(void)fputc('\n', stdout);
	free(name);
}

static void
print_named(const struct js *array, const char *word)
{
	for (size_t i = 0; i < js_count(array); i++) {
		char *name = mem_format("%s %s", word, js_text(js_at(array, i), word));

		print_pace(name, js_at(array, i));
		(void)fputc('\n', stdout);
		free(name);
	}
}

/* What is set for one that nothing goes to now has no other line. */
static void
print_set(const struct js *answer, const char *word, const char *key)
{
	const struct js *set = js_get(answer, "set"), *shown = js_get(answer, key);

	for (size_t i = 0; i < js_count(set); i++) {
		const char *name = js_text(js_at(set, i), "name");
		struct bytes line = { 0 };
		bool there = name == NULL || strcmp(js_text(js_at(set, i), "of"), word) != 0;
		char age[24];

		for (size_t k = 0; k < js_count(shown) && !there; k++)
			there = strcmp(js_text(js_at(shown, k), word), name) == 0;
		if (there)
			continue;
		listing_age(clock_wall() - js_number(js_at(set, i), "since", 0), age, sizeof(age));
		bytes_format(&line, "%s %s", word, name);
		ctl_say("%-*s %s, set %s ago", NAMES, bytes_text(&line), js_text(js_at(set, i), "rate"), age);
		(void)fputc('\n', stdout);
		bytes_free(&line);
	}
}

static void
print(const struct js *answer)
{
	static const char *const each[] = { "mta", "lane", "domain", "list", NULL };
	const struct js *mtas = js_get(answer, "mtas"), *lanes = js_get(answer, "lanes");

	print_pace("all", js_get(answer, "all"));
	(void)fputc('\n', stdout);
	for (size_t i = 0; each[i] != NULL; i++) {
		char *name = mem_format("each %s", each[i]);

		print_pace(name, js_get(js_get(answer, "each"), each[i]));
		(void)fputc('\n', stdout);
		free(name);
	}
	for (size_t i = 0; i < js_count(mtas); i++)
		print_mta(js_at(mtas, i));
	print_set(answer, "mta", "mtas");
	for (size_t i = 0; i < js_count(lanes); i++)
		print_lane(js_at(lanes, i));
	print_named(js_get(answer, "domains"), "domain");
	print_set(answer, "domain", "domains");
	print_named(js_get(answer, "lists"), "list");
	print_set(answer, "list", "lists");
}

/* What the expander is told, with a list's own address; allocated. NULL with the status of what was said. */
static char *
request(const struct ctl *c, const struct site *s, int *status)
{
	bool of_list = c->argc == 3 && strcmp(c->argv[0], "list") == 0;
	char *own = of_list ? ctl_list(s, c->argv[1], status) : NULL;
	struct bytes text = { 0 };

	/* Whether it is one cannot be known now: that is no reason not to slow it down. */
	if (of_list && own == NULL && *status != CTL_UNSURE)
		return NULL;
	*status = CTL_YES;
	bytes_add_text(&text, "pace");
	for (int i = 0; i < c->argc; i++)
		bytes_format(&text, " %s", own != NULL && i == 1 ? own : c->argv[i]);
	free(own);
	return bytes_take(&text);
}

static int
pace(const struct ctl *c, const struct site *s)
{
	struct js *answer = NULL;
	struct complaint why;
	int status = CTL_YES;
	char *text = request(c, s, &status);

	if (text == NULL)
		return status;
	if (daemon_ask(s, "expander", text, &answer, &why) < 0)
		status = ctl_fail(CTL_FAILED, "expander: %s", why.text);
	else if (c->json)
		ctl_print(&answer);
	else
		print(answer);
	js_drop(&answer);
	free(text);
	return status;
}

static int
run(const struct ctl *c)
{
	return c->argc > 3 ? CTL_USAGE : ctl_on_site(c, c->argc, pace);
}

const struct command command_pace = {
	"pace", "[default | OF [NAME] RATE]", "how fast posts go out, and another rate from now on", run,
};
