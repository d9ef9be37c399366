/* Asking the daemons. */
#include "console/daemons.h"

#include "base/control.h"

#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE = 30000 };                /* ms */

const char *const daemons[] = { "milter", "expander", NULL };

bool
daemon_is_there(const struct site *s, const char *daemon)
{
	char *path = site_control(s, daemon);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

int
daemon_ask(const struct site *s, const char *daemon, const char *request, struct js **answer_r,
           struct complaint *why)
{
	char *path = site_control(s, daemon);
	int rc = control_ask(path, request, deadline_in(PATIENCE), answer_r, why);

	free(path);
	return rc;
}
