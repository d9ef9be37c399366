/* Draining: a file says so. */
#include "policies/drain.h"

#include "base/file.h"
#include "policies/moments.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static const char name[] = "drain";

int64_t
drain_since(const struct site *s)
{
	char path[PATH_MAX];
	int64_t since;

	(void)snprintf(path, sizeof(path), "%s/%s", s->state, name);
	since = moment_of(path);
	return since < 0 ? 0 : since;
}

bool
drain_is_on(const struct site *s)
{
	static atomic_bool before;
	bool on = drain_since(s) != 0;

	if (on != atomic_exchange(&before, on))
		log_say(LEVEL_WARN, "drain", "%s",
		        on ? "mail for lists is put off until rollcallctl resume"
		           : "mail for lists is taken again");
	return on;
}

/* The directory, whose names are to last. */
static int
open_state(const struct site *s, struct complaint *why)
{
	return file_make_dirs(s->state, 0700, why) < 0 ? -1 : file_open_dir(AT_FDCWD, s->state, why);
}

int
drain_begin(const struct site *s, struct complaint *why)
{
	int dir = open_state(s, why), fd, rc = -1;

	if (dir < 0)
		return -1;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		(void)complain_errno(why, "cannot make %s/%s", s->state, name);
	else
		rc = file_sync(dir, s->state, why);
	if (fd >= 0)
		(void)close(fd);
	(void)close(dir);
	return rc;
}

int
drain_end(const struct site *s, struct complaint *why)
{
	int dir = open_state(s, why), rc;

	if (dir < 0)
		return -1;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		rc = complain_errno(why, "cannot remove %s/%s", s->state, name);
	else
		rc = file_sync(dir, s->state, why);
	(void)close(dir);
	return rc;
}
