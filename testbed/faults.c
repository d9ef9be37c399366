/*
 * To be preloaded: what a real machine cannot be told to do. FAULTS names a file of 64-bit numbers in
 * the machine's own order, which tests change while the process runs:
 *
 *	0  milliseconds that the wall clock is ahead
 *	1  the errno with which every fsync() and fdatasync() ends, after it was done; 0: none
 *	2  the errno with which every write() to a regular file ends, which is not done; 0: none
 *	3  how many of the latter two there were
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WALL, SYNC, WRITE, COUNT, WORDS };

typedef int clock_fn(clockid_t, struct timespec *);
typedef int sync_fn(int);
typedef int wait_fn(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
typedef ssize_t write_fn(int, const void *, size_t);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int64_t none[WORDS], *words = none;
static clock_fn *real_clock;
static sync_fn *real_fsync, *real_fdatasync;
static wait_fn *real_wait;
static write_fn *real_write;

/* dlsym() gives a pointer to an object; the standard has no way to turn it into a function's. */
static void
find(const char *name, void *function)
{
	*(void **)function = dlsym(RTLD_NEXT, name);
}

static void
prepare(void)
{
	const char *file = getenv("FAULTS");
	int fd = file == NULL ? -1 : open(file, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map != MAP_FAILED)
		words = map;
	if (fd >= 0)
		(void)close(fd);
	find("clock_gettime", &real_clock);
	find("fsync", &real_fsync);
	find("fdatasync", &real_fdatasync);
	find("pthread_cond_timedwait", &real_wait);
	find("write", &real_write);
}

/* Whether a fault is to be had; sets errno. */
static int
fails(int which)
{
	int error = (int)atomic_load(&words[which]);

	if (error == 0)
		return 0;
	(void)atomic_fetch_add(&words[COUNT], 1);
	errno = error;
	return 1;
}

int
clock_gettime(clockid_t which, struct timespec *t)
{
	int64_t ahead;
	int rc;

	(void)pthread_once(&once, prepare);
	rc = real_clock(which, t);
	if (rc != 0 || (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE))
		return rc;
	ahead = atomic_load(&words[WALL]);
	t->tv_sec += ahead / 1000;
	return 0;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	*tv = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
	return 0;
}

time_t
time(time_t *at)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (at != NULL)
		*at = t.tv_sec;
	return t.tv_sec;
}

/* A time of the wall clock, as libmilter's, is compared by the kernel with its own; ticks are small. */
int
pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                       const struct timespec *restrict by)
{
	struct timespec real = *by;

	(void)pthread_once(&once, prepare);
	if (real.tv_sec > 1000000000)
		real.tv_sec -= atomic_load(&words[WALL]) / 1000;
	return real_wait(c, m, &real);
}

int
fsync(int fd)
{
	(void)pthread_once(&once, prepare);
	return real_fsync(fd) < 0 || fails(SYNC) ? -1 : 0;
}

int
fdatasync(int fd)
{
	(void)pthread_once(&once, prepare);
	return real_fdatasync(fd) < 0 || fails(SYNC) ? -1 : 0;
}

ssize_t
write(int fd, const void *bytes, size_t length)
{
	struct stat st;

	(void)pthread_once(&once, prepare);
	if (atomic_load(&words[WRITE]) != 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fails(WRITE))
		return -1;
	return real_write(fd, bytes, length);
}
