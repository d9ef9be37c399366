/*
 * To be preloaded into servers that are only unpacked: what they read of /usr, where they would be
 * installed, is looked for below UNPACKED first.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int access_fn(const char *, int);
typedef void *dlopen_fn(const char *, int);
typedef FILE *fopen_fn(const char *, const char *);
typedef int open_fn(const char *, int, ...);
typedef DIR *opendir_fn(const char *);
typedef char *realpath_fn(const char *, char *);
typedef int stat_fn(const char *, struct stat *);
typedef int stat64_fn(const char *, struct stat64 *);

/* dlsym() gives a pointer to an object; the standard has no way to turn it into a function's. */
#define NEXT(type, name)                                                                             \
	type *next;                                                                                  \
	*(void **)&next = dlsym(RTLD_NEXT, name)

/* The path to use instead, in `space` if it is another. */
static const char *
moved(const char *path, char space[PATH_MAX])
{
	const char *root = getenv("UNPACKED");
	NEXT(access_fn, "access");

	if (root == NULL || path == NULL || strncmp(path, "/usr/", 5) != 0 ||
	    snprintf(space, PATH_MAX, "%s%s", root, path) >= PATH_MAX || next(space, F_OK) < 0)
		return path;
	return space;
}

int
access(const char *path, int mode)
{
	char space[PATH_MAX];
	NEXT(access_fn, "access");

	return next(moved(path, space), mode);
}

void *
dlopen(const char *path, int mode)
{
	char space[PATH_MAX];
	NEXT(dlopen_fn, "dlopen");

	return next(moved(path, space), mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	char space[PATH_MAX];
	NEXT(fopen_fn, "fopen64");

	return next(moved(path, space), mode);
}

FILE *
fopen(const char *path, const char *mode)
{
	return fopen64(path, mode);
}

int
open64(const char *path, int flags, ...)
{
	char space[PATH_MAX];
	va_list more;
	mode_t mode = 0;
	NEXT(open_fn, "open64");

	va_start(more, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(more, mode_t);
	va_end(more);
	return next(moved(path, space), flags, mode);
}

int
open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode = 0;

	va_start(more, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(more, mode_t);
	va_end(more);
	return open64(path, flags, mode);
}

DIR *
opendir(const char *path)
{
	char space[PATH_MAX];
	NEXT(opendir_fn, "opendir");

	return next(moved(path, space));
}

int
stat(const char *path, struct stat *s)
{
	char space[PATH_MAX];
	NEXT(stat_fn, "stat");

	return next(moved(path, space), s);
}

int
stat64(const char *path, struct stat64 *s)
{
	char space[PATH_MAX];
	NEXT(stat64_fn, "stat64");

	return next(moved(path, space), s);
}

/* It stays where it would be: 389-ds has its plugins lie below a directory of this name. */
char *
realpath(const char *restrict path, char *restrict resolved)
{
	char space[PATH_MAX];
	NEXT(realpath_fn, "realpath");

	if (moved(path, space) == path)
		return next(path, resolved);
	return resolved == NULL ? strdup(path) : strcpy(resolved, path);
}
