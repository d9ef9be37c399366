/* Members under suspicion. */
#include "policies/suspects.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "policies/moments.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1000 };                     /* of a list */

/* A file's name: the list's digest, a dot, and the member's. */
enum { NAME = 2 * DIGEST_NAME + 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t swept;                     /* wall milliseconds; under the lock */

static void
name_of(const char *list, const char *member, char name[NAME + 1])
{
	digest_of(list, strlen(list), name);
	name[DIGEST_NAME] = '.';
	digest_of(member, strlen(member), name + DIGEST_NAME + 1);
}

static bool
is_there(const char *directory, const char *name, int64_t now)
{
	char *path = mem_format("%s/%s", directory, name);
	int64_t until = moment_of(path);

	free(path);
	return until > now;
}

static struct set *
read_all(const char *directory, const char *list, int64_t now)
{
	char of_list[DIGEST_NAME + 1];
	struct set *all = NULL;
	DIR *d = opendir(directory);
	struct dirent *e;

	digest_of(list, strlen(list), of_list);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strlen(e->d_name) != NAME || memcmp(e->d_name, of_list, DIGEST_NAME) != 0 ||
		    !is_there(directory, e->d_name, now))
			continue;
		if (all == NULL)
			all = set_open();
		(void)set_add(all, e->d_name, NAME);
	}
	if (d != NULL)
		(void)closedir(d);
	return all;
}

static char *
directory_of(const char *state)
{
	return mem_format("%s/suspects", state);
}

bool
suspects_add(const char *state, const char *list, const char *member, int64_t milliseconds)
{
	char *directory = directory_of(state), *path, name[NAME + 1];
	int64_t now = clock_wall();
	struct set *all;
	bool known, room;

	name_of(list, member, name);
	path = mem_format("%s/%s", directory, name);
	(void)pthread_mutex_lock(&lock);
	if (moments_due(&swept, now))
		moments_sweep(directory, now);
	all = read_all(directory, list, now);
	known = all != NULL && set_has(all, name, NAME);
	room = all == NULL || set_count(all) < MOST;
	if (known || room)
		moment_write(directory, path, now + milliseconds, "suspect");
	(void)pthread_mutex_unlock(&lock);
	set_close(&all);
	free(path);
	free(directory);
	return !known && room;
}

struct set *
suspects_of(const char *state, const char *list)
{
	char *directory = directory_of(state);
	struct set *all = read_all(directory, list, clock_wall());

	free(directory);
	return all;
}

bool
suspects_has(const struct set *all, const char *list, const char *member)
{
	char name[NAME + 1];

	if (all == NULL)
		return false;
	name_of(list, member, name);
	return set_has(all, name, NAME);
}
