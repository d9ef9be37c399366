/* rollcallctl hold, release, discard: entries that nobody is to work on, and what becomes of them. */
#include "console/ctl.h"
#include "console/listing.h"
#include "console/moderate.h"
#include "queues/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
decide(const struct ctl *c, const struct site *s, bool discard)
{
	const char *id = strcmp(c->argv[0], "all") == 0 ? NULL : c->argv[0];
	struct complaint why;
	size_t count;
	char *path = site_spool(s);
	int rc = spool_release_held(path, id, discard, &count, &why);

	free(path);
	if (rc < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	if (count == 0 && id != NULL && discard)
		return moderate(c, s, DECIDED_DISCARD, NULL);
	if (count == 0 && id != NULL)
		return ctl_fail(CTL_NO, "no entry \"%s\" is held", id);
	if (c->json) {
		struct js *j = js_object();

		js_set_number(j, "entries", (int64_t)count);
		ctl_print(&j);
	} else {
		(void)printf("%zu %s %s\n", count, count == 1 ? "entry is" : "entries are",
		             discard ? "done with, unsent" : "worked on again");
	}
	return CTL_YES;
}

static int
release(const struct ctl *c, const struct site *s)
{
	return decide(c, s, false);
}

static int
run_release(const struct ctl *c)
{
	return ctl_on_site(c, 1, release);
}

static int
discard(const struct ctl *c, const struct site *s)
{
	return decide(c, s, true);
}

static int
run_discard(const struct ctl *c)
{
	return ctl_on_site(c, 1, discard);
}

static int
hold(const struct ctl *c, const struct site *s)
{
	struct complaint why;
	char *path = site_spool(s), id[DIGEST_NAME + 1];
	int status = listing_find(s, c->argv[0], false, id), rc = 0;

	if (status == CTL_YES) {
		rc = spool_hold_entry(path, id, &why);
		if (rc < 0)
			status = ctl_fail(CTL_FAILED, "%s", why.text);
		else if (rc == 0)
			status = ctl_fail(CTL_NO, "%s is done already", id);
	}
	free(path);
	if (status == CTL_YES && c->json) {
		struct js *j = js_object();

		js_set_text(j, "id", id);
		ctl_print(&j);
	} else if (status == CTL_YES) {
		(void)printf("%s is held: what is under way of it ends, and nothing else begins\n", id);
	}
	return status;
}

static int
run_hold(const struct ctl *c)
{
	return ctl_on_site(c, 1, hold);
}

const struct command command_hold = {
	"hold", "POST", "works no further on a post until it is released", run_hold,
};
const struct command command_release = {
	"release", "ID | all", "works again on entries that are held", run_release,
};
const struct command command_discard = {
	"discard", "ID | all", "is done with entries or posts that are held", run_discard,
};
