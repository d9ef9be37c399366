/*
 * Linked to the expander it makes crash_expander: one that kills itself at a numbered step of docs/spool.md,
 * CRASH_STEP, when it comes there for the CRASH_AT-th time.
 */
#include "queues/queue.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static int wanted;
static atomic_int left;

static void
stop(int step)
{
	if (step == wanted && atomic_fetch_sub(&left, 1) == 1)
		(void)kill(getpid(), SIGKILL);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *step = getenv("CRASH_STEP"), *at = getenv("CRASH_AT");

	if (step == NULL || at == NULL)
		return;
	wanted = (int)strtol(step, NULL, 10);
	left = (int)strtol(at, NULL, 10);
	spool_step = stop;
}
