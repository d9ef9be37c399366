/* rollcallctl release, rollcallctl discard: what becomes of entries that are held. */
#include "console/ctl.h"
#include "queues/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
decide(const struct ctl *c, bool discard)
{
	const char *id = c->argc == 1 && strcmp(c->argv[0], "all") != 0 ? c->argv[0] : NULL;
	struct complaint why;
	struct site *s;
	size_t count;
	char *path;
	int rc;

	if (c->argc != 1)
		return CTL_USAGE;
	s = ctl_site(c);
	if (s == NULL)
		return CTL_CONFIG;
	path = site_spool(s);
	rc = spool_release_held(path, id, discard, &count, &why);
	free(path);
	site_drop(&s);
	if (rc < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	if (count == 0 && id != NULL)
		return ctl_fail(CTL_NO, "no entry \"%s\" is held", id);
	if (c->json) {
		struct js *j = js_object();

		js_set_number(j, "entries", (int64_t)count);
		ctl_print(&j);
	} else {
		(void)printf(discard ? "%zu entries are done with, unsent\n"
		                     : "%zu entries are worked on again\n", count);
	}
	return CTL_YES;
}

static int
run_release(const struct ctl *c)
{
	return decide(c, false);
}

static int
run_discard(const struct ctl *c)
{
	return decide(c, true);
}

const struct command command_release = {
	"release", "ID | all", "works again on entries that are held", run_release,
};
const struct command command_discard = {
	"discard", "ID | all", "is done with entries that are held", run_discard,
};
