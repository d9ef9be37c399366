/* rollcallctl storm LIST [end]: reply-all storms. */
#include "console/ctl.h"
#include "console/listing.h"
#include "mail/address.h"
#include "policies/storm.h"

#include <stdio.h>
#include <string.h>

static int
look(const struct ctl *c, const struct site *s, const char *list)
{
	bool end = c->argc == 2;
	struct complaint why;
	int64_t until;
	enum found found = storm_look(s->state, list, end, &until, &why);
	char age[24];

	if (site_destination(s, list) == NULL)
		return ctl_fail(CTL_NO, "%s: in no domain of lists", c->argv[0]);
	if (found == FOUND_UNSURE)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	if (c->json) {
		struct js *j = js_object();

		js_set_text(j, "list", list);
		js_set_flag(j, "storm", found == FOUND_YES);
		js_set_number(j, "until", until);
		js_set_flag(j, "ended", end && found == FOUND_YES);
		ctl_print(&j);
		return CTL_YES;
	}
	if (found == FOUND_NO)
		return ctl_fail(CTL_NO, "%s: there is no storm", c->argv[0]);
	listing_age(until - clock_wall(), age, sizeof(age));
	if (end)
		(void)printf("it is over\n");
	else
		(void)printf("there is a storm; over in %s, if nobody posts\n", age);
	return CTL_YES;
}

static int
storm(const struct ctl *c, const struct site *s)
{
	struct complaint why;
	struct address a;
	int status;

	if (address_parse(&a, c->argv[0], strlen(c->argv[0]), &why) < 0)
		return ctl_fail(CTL_USAGE, "%s", why.text);
	status = look(c, s, a.canonical);
	address_free(&a);
	return status;
}

static int
run(const struct ctl *c)
{
	if (c->argc == 2 && strcmp(c->argv[1], "end") != 0)
		return CTL_USAGE;
	return ctl_on_site(c, c->argc == 2 ? 2 : 1, storm);
}

const struct command command_storm = { "storm", "LIST [end]", "whether a list has a reply-all storm", run };
