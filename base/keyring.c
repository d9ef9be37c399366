/*
 * Keys in files. Whoever makes or removes one holds a lock of the directory, and so does who reads it:
 * it is never seen half done, and of several daemons that find it empty one makes the first key.
 */
#include "base/keyring.h"

#include "base/base32.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands in a file, before the secret in base32 and a line end. */
static const char heading[] = "rollcall-key 1 ";
enum { SECRET_TEXT = BASE32_LENGTH(CIPHER_KEY), FILE_MOST = 1024, OTHERS = 077 };

void
ring_free(struct ring *r)
{
	if (r->all != NULL)
		cipher_forget(r->all, r->count * sizeof(*r->all));
	free(r->all);
	*r = (struct ring){ 0 };
}

/* ---- names ---- */

void
key_print_id(int64_t from, char id[KEYS_ID + 1])
{
	time_t seconds = (time_t)from;
	struct tm t;

	(void)gmtime_r(&seconds, &t);
	(void)strftime(id, KEYS_ID + 1, "%Y%m%dT%H%M%SZ", &t);
}

bool
key_parse_id(const char *id, int64_t *from)
{
	struct tm t = { 0 };
	const char *end = strptime(id, "%Y%m%dT%H%M%SZ", &t);
	char again[KEYS_ID + 1];

	if (end == NULL || *end != '\0')
		return false;
	*from = timegm(&t);
	key_print_id(*from, again);
	return strcmp(again, id) == 0;
}

/* ---- files, with the directory open and locked ---- */

/* Reads one key. The directory says whose it is; this looks that nobody else can read it. */
static int
read_key(int dir, const struct keyring *k, const char *name, struct key *key, struct complaint *why)
{
	struct bytes text = { 0 };
	struct stat st;
	size_t skip = strlen(heading);
	int rc = -1;

	if (!key_parse_id(name, &key->from))
		return complain(why, "%s/%s is no key: their names are like 20261122T081500Z", k->directory,
		                name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (!S_ISREG(st.st_mode) || (st.st_mode & OTHERS) != 0))
		return complain(why, "%s/%s must be a file that only its owner can read (mode 0600)",
		                k->directory, name);
	if (file_read(dir, name, FILE_MOST, &text, why) < 1)
		(void)complain_within(why, "%s", k->directory);
	else if (text.length != skip + SECRET_TEXT + 1 || memcmp(text.data, heading, skip) != 0 ||
	         text.data[text.length - 1] != '\n' ||
	         base32_read(text.data + skip, SECRET_TEXT, key->secret) < 0)
		(void)complain(why, "%s/%s is no key of a version that is known", k->directory, name);
	else
		rc = 0;
	bytes_wipe(&text);
	return rc;
}

static int
by_time(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

int
keyring_read(const struct keyring *k, int dir, struct ring *r, struct complaint *why)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = again < 0 ? NULL : fdopendir(again);
	const struct dirent *e;
	struct stat st;
	int rc = 0;

	*r = (struct ring){ 0 };
	if (names == NULL || fstat(dir, &st) < 0) {
		if (names != NULL)
			(void)closedir(names);
		else if (again >= 0)
			(void)close(again);
		return complain_errno(why, "cannot list %s", k->directory);
	}
	r->changed = st.st_mtim;
	while (rc == 0 && (e = readdir(names)) != NULL) {
		if (*e->d_name == '.')
			continue;
		r->all = mem_resize(r->all, (r->count + 1) * sizeof(*r->all));
		rc = read_key(dir, k, e->d_name, &r->all[r->count], why);
		r->count++;
	}
	(void)closedir(names);
	if (rc < 0)
		ring_free(r);
	else if (r->count > 1)
		qsort(r->all, r->count, sizeof(*r->all), by_time);
	return rc;
}

/* To whoever the daemons run as, where root does this for them. */
static int
give(int fd, const struct keyring *k, const char *name, struct complaint *why)
{
	const struct passwd *pw;

	if (geteuid() != 0 || k->owner == NULL)
		return 0;
	pw = getpwnam(k->owner);          /* at start, in one thread */
	if (pw == NULL)
		return complain(why, "there is no user \"%s\"", k->owner);
	if (fchown(fd, pw->pw_uid, pw->pw_gid) < 0)
		return complain_errno(why, "cannot give %s/%s to %s", k->directory, name, k->owner);
	return 0;
}

/* Under another name first: a key is there whole or not at all. */
int
keyring_write(const struct keyring *k, int dir, int64_t from, struct complaint *why)
{
	static const char fresh[] = ".new";
	unsigned char secret[CIPHER_KEY];
	char text[sizeof(heading) + SECRET_TEXT + 1], id[KEYS_ID + 1];
	int fd, rc = -1;

	key_print_id(from, id);
	cipher_random(secret, sizeof(secret));
	memcpy(text, heading, sizeof(heading) - 1);
	base32_write(secret, sizeof(secret), text + sizeof(heading) - 1);
	text[sizeof(heading) - 1 + SECRET_TEXT] = '\n';
	cipher_forget(secret, sizeof(secret));
	(void)unlinkat(dir, fresh, 0);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		(void)complain_errno(why, "cannot make a key in %s", k->directory);
	else if (file_write(fd, text, sizeof(heading) + SECRET_TEXT, fresh, why) == 0 &&
	         give(fd, k, id, why) == 0 && file_sync(fd, fresh, why) == 0) {
		rc = renameat2(dir, fresh, dir, id, RENAME_NOREPLACE);
		if (rc < 0)
			(void)complain_errno(why, "cannot make %s/%s", k->directory, id);
		else
			rc = file_sync(dir, k->directory, why);
	}
	cipher_forget(text, sizeof(text));
	if (fd >= 0)
		(void)close(fd);
	if (rc < 0)
		(void)unlinkat(dir, fresh, 0);
	return rc;
}

/* Opens the directory and takes its lock, which goes with the descriptor. */
int
keyring_lock(const struct keyring *k, struct complaint *why)
{
	bool made = mkdir(k->directory, 0700) == 0;
	struct stat st;
	int dir;

	if (!made && errno != EEXIST)
		return complain_errno(why, "cannot make the directory %s", k->directory);
	dir = file_lock_dir(k->directory, why);
	if (dir < 0)
		return -1;
	if (fstat(dir, &st) < 0)
		(void)complain_errno(why, "cannot look at %s", k->directory);
	else if (made && give(dir, k, "", why) < 0)
		(void)rmdir(k->directory);
	else if (st.st_mode & OTHERS)
		(void)complain(why, "%s must be open to its owner only (mode 0700)", k->directory);
	else
		return dir;
	(void)close(dir);
	return -1;
}

int
keyring_remove(const struct keyring *k, int dir, const char *id, struct complaint *why)
{
	struct ring now;
	size_t i = 0, count;
	int64_t from;

	if (!key_parse_id(id, &from))
		return complain(why, "\"%s\" is no name of a key: they are like 20261122T081500Z", id);
	if (keyring_read(k, dir, &now, why) < 0)
		return -1;
	while (i < now.count && now.all[i].from != from)
		i++;
	count = now.count;
	ring_free(&now);
	if (i == count)
		return complain(why, "there is no key %s", id);
	if (count == 1)
		return complain(why, "%s is the only key: make another first", id);
	if (unlinkat(dir, id, 0) < 0)
		return complain_errno(why, "cannot remove %s/%s", k->directory, id);
	return file_sync(dir, k->directory, why);
}
