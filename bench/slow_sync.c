/*
 * To be preloaded: makes what waits for the disk take longer, and counts it. SLOW_SYNC_MS is how
 * much longer, SLOW_SYNC_COUNT a file of eight bytes that holds the number, in the machine's own
 * order, shared by all processes that name it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef int sync_fn(int);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic uint64_t *count;
static sync_fn *real_fsync, *real_fdatasync, *real_syncfs;
static long delay;                        /* milliseconds */

/* dlsym() gives a pointer to an object; the standard has no way to turn it into a function's. */
static sync_fn *
find(const char *name)
{
	union {
		void *object;
		sync_fn *function;
	} found = { dlsym(RTLD_NEXT, name) };

	return found.function;
}

static void
prepare(void)
{
	const char *file = getenv("SLOW_SYNC_COUNT"), *ms = getenv("SLOW_SYNC_MS");
	int fd = file == NULL ? -1 : open(file, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED
	                   : mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	count = map == MAP_FAILED ? NULL : map;
	if (fd >= 0)
		(void)close(fd);
	delay = ms == NULL ? 0 : atol(ms);
	real_fsync = find("fsync");
	real_fdatasync = find("fdatasync");
	real_syncfs = find("syncfs");
}

static void
before(void)
{
	struct timespec wait;

	(void)pthread_once(&once, prepare);
	if (count != NULL)
		(void)atomic_fetch_add(count, 1);
	wait = (struct timespec){ delay / 1000, delay % 1000 * 1000000 };
	if (delay > 0)
		(void)nanosleep(&wait, NULL);
}

int
fsync(int fd)
{
	before();
	return real_fsync(fd);
}

int
fdatasync(int fd)
{
	before();
	return real_fdatasync(fd);
}

int
syncfs(int fd)
{
	before();
	return real_syncfs(fd);
}
