/* Programs of the site. */
#include "base/programs.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beside root and the user of this process. */
static atomic_uint trusted;

void
programs_trust(const char *user)
{
	char buffer[4096];
	struct passwd entry, *found = NULL;

	if (geteuid() != 0)
		return;
	if (user == NULL || getpwnam_r(user, &entry, buffer, sizeof(buffer), &found) != 0)
		found = NULL;
	atomic_store(&trusted, found == NULL ? 0 : found->pw_uid);
}

/* Whether somebody else could put his own program here. */
static int
check_owner(const struct stat *s, const char *what, struct complaint *why)
{
	if (s->st_uid != 0 && s->st_uid != geteuid() && s->st_uid != atomic_load(&trusted))
		return complain(why, "%s belongs to a user who is neither root nor that of the daemons",
		                what);
	if ((s->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return complain(why, "%s can be changed by others", what);
	return 0;
}

/* Whether a file is a program to run: 1, 0, -1. */
static int
is_executable(const char *path, struct complaint *why)
{
	struct stat s;

	if (stat(path, &s) < 0)
		return complain_errno(why, "cannot look at %s", path);
	if (!S_ISREG(s.st_mode) || (s.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
		return 0;
	return check_owner(&s, path, why) < 0 ? -1 : 1;
}

/* The same of a name in a directory. */
static int
is_program(const char *directory, const char *name, struct complaint *why)
{
	char *path;
	int rc;

	if (*name == '.' || name[strlen(name) - 1] == '~')
		return 0;
	path = mem_format("%s/%s", directory, name);
	rc = is_executable(path, why);
	free(path);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_names(DIR *dir, const char *path, struct text_list *names, struct complaint *why)
{
	struct dirent *e;
	int rc = 0;

	while (rc >= 0) {
		errno = 0;
		e = readdir(dir);
		if (e == NULL)
			break;
		rc = is_program(path, e->d_name, why);
		if (rc > 0)
			text_list_add(names, e->d_name, strlen(e->d_name));
	}
	return rc >= 0 && errno != 0 ? complain_errno(why, "cannot read %s", path) : rc;
}

int
programs_check(const char *path, struct complaint *why)
{
	char *directory = mem_copy(path, (size_t)(strrchr(path, '/') - path) + 1);
	struct stat s;
	int rc = stat(directory, &s) < 0 ? complain_errno(why, "cannot look at %s", directory)
	                                 : check_owner(&s, directory, why);

	if (rc == 0)
		rc = is_executable(path, why);
	free(directory);
	return rc == 0 ? complain(why, "%s is no executable", path) : rc < 0 ? -1 : 0;
}

int
programs_list(const char *path, struct text_list *names, struct complaint *why)
{
	DIR *dir = opendir(path);
	struct stat s;
	int rc;

	*names = (struct text_list){ 0 };
	if (dir == NULL)
		return complain_errno(why, "cannot open %s", path);
	rc = fstat(dirfd(dir), &s) < 0 ? complain_errno(why, "cannot look at %s", path)
	                               : check_owner(&s, path, why);
	if (rc == 0)
		rc = read_names(dir, path, names, why);
	(void)closedir(dir);
	if (rc >= 0 && names->items == NULL)
		(void)complain(why, "there is no executable in %s", path);
	if (rc < 0 || names->items == NULL) {
		text_list_free(names);
		return -1;
	}
	qsort(names->items, names->count, sizeof(*names->items), by_name);
	return 0;
}
