/* Moments, as files. */
#include "policies/moments.h"

#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t
moment_of(const char *path)
{
	struct stat s;

	if (stat(path, &s) == 0)
		return (int64_t)s.st_mtim.tv_sec * 1000 + s.st_mtim.tv_nsec / 1000000;
	return errno == ENOENT ? 0 : -1;
}

bool
moment_is_full(int64_t moment, int64_t now, int64_t posts, int64_t in)
{
	return moment > now + in - in / posts && moment <= now + 2 * in;
}

int64_t
moment_after(int64_t moment, int64_t now, int64_t posts, int64_t in)
{
	return (moment < now || moment > now + 2 * in ? now : moment) + in / posts;
}

void
moment_write(const char *directory, const char *path, int64_t moment, const char *event)
{
	const struct timespec at = { moment / 1000, moment % 1000 * 1000000 };
	int fd;

	(void)mkdir(directory, 0700);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || futimens(fd, (const struct timespec[]){ at, at }) < 0)
		log_say(LEVEL_ERROR, event, "not counted: %s: %s", path, strerrordesc_np(errno));
	if (fd >= 0)
		(void)close(fd);
}

bool
moments_due(int64_t *swept, int64_t now)
{
	enum { REST = 60000 };            /* ms between two sweeps */

	if (now >= *swept && now - *swept <= REST)
		return false;
	*swept = now;
	return true;
}

void
moments_sweep(const char *directory, int64_t now)
{
	DIR *d = opendir(directory);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *file = mem_format("%s/%s", directory, e->d_name);
		int64_t moment = *e->d_name == '.' ? -1 : moment_of(file);

		if (moment > 0 && moment < now)
			(void)unlink(file);
		free(file);
	}
	if (d != NULL)
		(void)closedir(d);
}
