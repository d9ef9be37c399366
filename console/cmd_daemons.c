/* rollcallctl reload, rollcallctl retry: what the daemons are told over their control sockets. */
#include "base/mem.h"
#include "console/ctl.h"
#include "console/daemons.h"

#include <stdio.h>
#include <stdlib.h>

/* Sends a request to one daemon. Adds what it said, or the error, to the answers. */
static int
ask(const struct site *s, const char *daemon, const char *request, struct js *answers)
{
	struct js *answer = NULL;
	struct complaint why;
	int rc = daemon_ask(s, daemon, request, &answer, &why);

	if (rc < 0) {
		answer = js_object();
		js_set_text(answer, "error", why.text);
		(void)ctl_fail(CTL_FAILED, "%s: %s", daemon, why.text);
	}
	js_set(answers, daemon, answer);
	return rc;
}

static int
reload(const struct ctl *c, const struct site *s)
{
	struct js *answers = js_object();
	int status = CTL_YES;
	size_t asked = 0;

	for (size_t i = 0; daemons[i] != NULL; i++) {
		if (!daemon_is_there(s, daemons[i]))
			continue;
		asked++;
		if (ask(s, daemons[i], "reload", answers) < 0)
			status = CTL_FAILED;
		else if (!c->json)
			(void)printf("%s: reloaded\n", daemons[i]);
	}
	if (asked == 0)
		status = ctl_fail(CTL_FAILED, "no daemon is running on %s", s->state);
	if (c->json)
		ctl_print(&answers);
	js_drop(&answers);
	return status;
}

static int
run_reload(const struct ctl *c)
{
	return ctl_on_site(c, 0, reload); /* a broken file is complained of here, with its place */
}

static int
retry(const struct ctl *c, const struct site *s)
{
	struct js *answers = js_object();
	char *request = mem_format("retry %s", c->argv[0]);
	int status = ask(s, "expander", request, answers) < 0 ? CTL_FAILED : CTL_YES;
	int64_t count = js_number(js_get(answers, "expander"), "entries", 0);

	if (status == CTL_YES && !c->json)
		(void)printf("%lld %s will be tried now\n", (long long)count,
		             count == 1 ? "entry" : "entries");
	if (c->json)
		ctl_print(&answers);
	free(request);
	js_drop(&answers);
	return status;
}

static int
run_retry(const struct ctl *c)
{
	return ctl_on_site(c, 1, retry);
}

const struct command command_reload = {
	"reload", "", "puts the configuration in force, in all daemons", run_reload,
};
const struct command command_retry = {
	"retry", "ID | all", "tries a deferred entry now", run_retry,
};
