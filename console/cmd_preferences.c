/*
 * rollcallctl preferences LIST [ADDRESS [WORD...]]: what members want of a list, where that is kept
 * here and not in the directory; and changing it.
 */
#include "base/mem.h"
#include "console/ctl.h"
#include "mail/address.h"
#include "policies/preferences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct showing {
	const char *only;                 /* canonical; NULL: everybody */
	struct js *array;                 /* for --json, or NULL */
};

static void
show(void *arg, const char *canonical, unsigned preferences)
{
	const struct showing *g = arg;
	struct bytes words = { 0 };
	struct js *j;

	if (g->only != NULL && strcmp(g->only, canonical) != 0)
		return;
	preferences_print(preferences, &words);
	if (g->array == NULL) {
		ctl_say("%-40s %s", canonical, bytes_text(&words));
		(void)fputc('\n', stdout);
	} else {
		j = js_object();
		js_set_text(j, "address", canonical);
		js_set_text(j, "wants", bytes_text(&words));
		js_append(g->array, j);
	}
	bytes_free(&words);
}

static int
show_all(const struct ctl *c, const struct site *s, const char *list, const char *only)
{
	struct showing g = { only, c->json ? js_array() : NULL };
	struct complaint why;
	struct js *j;

	if (preferences_each(s, list, show, &g, &why) < 0) {
		js_drop(&g.array);
		return ctl_fail(CTL_FAILED, "%s", why.text);
	}
	if (c->json) {
		j = js_object();
		js_set_text(j, "list", list);
		js_set(j, "preferences", g.array);
		ctl_print(&j);
	}
	return CTL_YES;
}

/* The bits of the words behind the address; "none" is none of them. */
static int
read_words(const struct ctl *c, unsigned *preferences)
{
	*preferences = 0;
	if (c->argc == 3 && strcmp(c->argv[2], "none") == 0)
		return 0;
	for (int i = 2; i < c->argc; i++) {
		unsigned bit = preference_of(c->argv[i], strlen(c->argv[i]));

		if (bit == 0)
			return ctl_fail(-1, "\"%s\" is none of no-mail, digest, not-mine, none", c->argv[i]);
		*preferences |= bit;
	}
	return 0;
}

static int
work(const struct ctl *c, const struct site *s, const char *list)
{
	struct complaint why;
	unsigned preferences;
	struct address a;
	int status = CTL_YES;

	if (c->argc == 1)
		return show_all(c, s, list, NULL);
	if (address_parse(&a, c->argv[1], strlen(c->argv[1]), &why) < 0)
		return ctl_fail(CTL_USAGE, "%s", why.text);
	if (c->argc == 2)
		status = show_all(c, s, list, a.canonical);
	else if (read_words(c, &preferences) < 0)
		status = CTL_USAGE;
	else if (preferences_set(s, list, a.canonical, preferences, &why) < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	address_free(&a);
	return status;
}

static int
find_and_work(const struct ctl *c, const struct site *s)
{
	int status = CTL_YES;
	char *list = strcmp(c->argv[0], PREFERENCES_ALL) == 0 ? mem_text(PREFERENCES_ALL)
	                                                      : ctl_list(s, c->argv[0], &status);

	if (list != NULL)
		status = work(c, s, list);
	free(list);
	return status;
}

static int
run(const struct ctl *c)
{
	return c->argc < 1 ? CTL_USAGE : ctl_on_site(c, c->argc, find_and_work);
}

const struct command command_preferences = {
	"preferences", "LIST | all [ADDRESS [WORD...]]",
	"what members want of lists: no-mail, digest, not-mine, none", run,
};
