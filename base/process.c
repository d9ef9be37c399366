/* What the kernel knows about this process, as metrics. */
#include "base/clock.h"
#include "base/metric.h"
#include "base/version.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void
put(struct metric_page *p, double value)
{
	metric_sample_of(p, "daemon", metric_daemon(p), value);
}

static void
read_version(struct metric_page *p)
{
	metric_sample(p, (const char *const[]){ "daemon", metric_daemon(p), "version", ROLLCALL_VERSION,
		                                NULL }, 1);
}

static void
read_files(struct metric_page *p)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -3;                   /* ".", ".." and this one */

	if (dir == NULL)
		return;
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	put(p, count);
}

static void
read_most_files(struct metric_page *p)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		put(p, (double)limit.rlim_cur);
}

/* A number of /proc/self/stat: 0 for the first behind the name, which may hold anything. */
static bool
read_stat(int which, double *value)
{
	FILE *f = fopen("/proc/self/stat", "re");
	char text[1024], *at = NULL, *end;
	size_t length = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);

	if (f != NULL)
		(void)fclose(f);
	text[length] = '\0';
	at = strrchr(text, ')');
	if (at == NULL)
		return false;
	at += 3;                          /* ") S" */
	for (; which >= 0 && *at != '\0'; which--) {
		*value = strtod(at + 1, &end);
		at = end;
	}
	return which < 0;
}

/* proc(5): fields 20, 22 and 24; the fourth is the first that is a number here. */
enum { PARENT = 4, THREADS = 20 - PARENT, START_TICKS = 22 - PARENT, RESIDENT_PAGES = 24 - PARENT };

static void
read_memory(struct metric_page *p)
{
	double pages;

	if (read_stat(RESIDENT_PAGES, &pages))
		put(p, pages * (double)sysconf(_SC_PAGESIZE));
}

static void
read_threads(struct metric_page *p)
{
	double threads;

	if (read_stat(THREADS, &threads))
		put(p, threads);
}

static void
read_cpu(struct metric_page *p)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
		put(p, (double)used.tv_sec + (double)used.tv_nsec / 1e9);
}

static void
read_start(struct metric_page *p)
{
	struct timespec up;
	double start;

	if (clock_gettime(CLOCK_BOOTTIME, &up) == 0 && read_stat(START_TICKS, &start))
		put(p, (double)clock_wall() / 1000 - (double)up.tv_sec - (double)up.tv_nsec / 1e9 +
		               start / (double)sysconf(_SC_CLK_TCK));
}

const struct metric process_metrics[] = {
	{ .name = "rollcall_build_info", .kind = METRIC_GAUGE, .read = read_version,
	  .help = "1, with the version of a daemon that runs." },
	{ .name = "rollcall_process_open_fds", .kind = METRIC_GAUGE, .read = read_files,
	  .help = "Open file descriptors of a daemon." },
	{ .name = "rollcall_process_max_fds", .kind = METRIC_GAUGE, .read = read_most_files,
	  .help = "How many file descriptors a daemon may have." },
	{ .name = "rollcall_process_resident_memory_bytes", .kind = METRIC_GAUGE, .read = read_memory,
	  .help = "Memory of a daemon." },
	{ .name = "rollcall_process_threads", .kind = METRIC_GAUGE, .read = read_threads,
	  .help = "Threads of a daemon." },
	{ .name = "rollcall_process_cpu_seconds_total", .kind = METRIC_COUNTER, .read = read_cpu,
	  .help = "Processor time that a daemon has used." },
	{ .name = "rollcall_process_start_time_seconds", .kind = METRIC_GAUGE, .read = read_start,
	  .help = "When a daemon was started, in seconds since 1970." },
	{ .kind = METRIC_END },
};
