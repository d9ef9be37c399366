/* The MTA's queue. */
#include "expander/fanout/backlog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAY_AGAIN = 600000 };              /* ms */

static size_t
count_files(const char *directory, const char *prefix, size_t most)
{
	static _Atomic int64_t said;
	DIR *d = opendir(directory);
	const struct dirent *e;
	size_t count = 0;

	if (d == NULL && clock_again(&said, SAY_AGAIN))
		log_say(LEVEL_WARN, "queue", "outbound.queue: cannot read %s: %s", directory,
		        strerrordesc_np(errno));
	while (d != NULL && count < most && (e = readdir(d)) != NULL)
		count += *e->d_name != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	if (d != NULL)
		(void)closedir(d);
	return count;
}

size_t
backlog_count(const char *directory, size_t most)
{
	char *active = mem_format("%s/active", directory), *incoming = mem_format("%s/incoming", directory);
	size_t count;

	/* Those who may not look into it may see that it is there. */
	if (access(active, F_OK) == 0) {
		count = count_files(active, "", most);
		count += count_files(incoming, "", most - count);
	} else {
		count = count_files(directory, "qf", most);
	}
	free(active);
	free(incoming);
	return count;
}
