/* rollcallctl storm LIST [end]: reply-all storms. */
#include "console/ctl.h"
#include "console/listing.h"
#include "policies/storm.h"

#include <stdio.h>
#include <string.h>

static int
storm(const struct ctl *c, const struct site *s)
{
	bool end = c->argc == 2;
	int64_t until;
	bool is = storm_look(s->state, c->argv[0], end, &until);
	char age[24];

	if (c->json) {
		struct js *j = js_object();

		js_set_text(j, "list", c->argv[0]);
		js_set_flag(j, "storm", is);
		js_set_number(j, "until", until);
		js_set_flag(j, "ended", end && is);
		ctl_print(&j);
		return CTL_YES;
	}
	if (!is)
		return ctl_fail(CTL_NO, "%s: there is no storm", c->argv[0]);
	listing_age(until - clock_wall(), age, sizeof(age));
	if (end)
		(void)printf("it is over\n");
	else
		(void)printf("there is a storm; over in %s, if nobody posts\n", age);
	return CTL_YES;
}

static int
run(const struct ctl *c)
{
	if (c->argc == 2 && strcmp(c->argv[1], "end") != 0)
		return CTL_USAGE;
	return ctl_on_site(c, c->argc == 2 ? 2 : 1, storm);
}

const struct command command_storm = { "storm", "LIST [end]", "whether a list has a reply-all storm", run };
