/*
 * LMDB files as postmap(1) writes them. Postfix keeps no lock file: who writes locks the file itself,
 * and so does who reads. Our lock belongs to our descriptor, so that another thread which closes the
 * same file does not take it away.
 */
#include "sources/table.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <time.h>
#include <unistd.h>

enum { NAP = 5, MODE = 0600 };           /* ms */

/* Waits until nobody writes. */
static int
lock(int fd, const char *path, struct deadline by, struct complaint *why)
{
	const struct timespec nap = { 0, NAP * 1000000L };
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return complain_errno(why, "cannot lock %s", path);
		if (deadline_passed(by))
			return complain(why, "somebody has been writing to %s for too long", path);
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

static int
cannot_read(const char *path, int rc, struct complaint *why)
{
	return complain(why, "cannot read %s: %s", path, mdb_strerror(rc));
}

/* MDB_SUCCESS or what went wrong. The transaction is to be ended in any case. */
static int
begin(MDB_env *env, const char *path, MDB_txn **txn, MDB_dbi *dbi)
{
	int rc = mdb_env_open(env, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, MODE);

	if (rc == MDB_SUCCESS)
		rc = mdb_txn_begin(env, NULL, MDB_RDONLY, txn);
	return rc == MDB_SUCCESS ? mdb_dbi_open(*txn, NULL, 0, dbi) : rc;
}

/* MDB_SUCCESS, MDB_NOTFOUND or what went wrong. */
static int
look_up(MDB_env *env, const char *path, MDB_val key, struct bytes *value)
{
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	MDB_val found;
	int rc = begin(env, path, &txn, &dbi);

	if (rc == MDB_SUCCESS)
		rc = mdb_get(txn, dbi, &key, &found);
	if (rc == MDB_SUCCESS)
		bytes_add(value, found.mv_data, found.mv_size);
	mdb_txn_abort(txn);
	return rc;
}

/* MDB_SUCCESS or what went wrong. */
static int
read_keys(MDB_env *env, const char *path, struct text_list *keys)
{
	MDB_txn *txn = NULL;
	MDB_cursor *cursor = NULL;
	MDB_dbi dbi;
	MDB_val key;
	int rc = begin(env, path, &txn, &dbi);

	if (rc == MDB_SUCCESS)
		rc = mdb_cursor_open(txn, dbi, &cursor);
	while (rc == MDB_SUCCESS) {
		rc = mdb_cursor_get(cursor, &key, NULL, MDB_NEXT);
		if (rc == MDB_SUCCESS)
			text_list_add(keys, key.mv_data, key.mv_size);
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

/* The file for one look, while nobody writes; -1 with a complaint. */
static int
open_locked(const char *path, struct deadline by, MDB_env **env, struct complaint *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	*env = NULL;
	if (fd < 0)
		return complain_errno(why, "cannot open %s", path);
	if (lock(fd, path, by, why) < 0) {
		(void)close(fd);
		return -1;
	}
	rc = mdb_env_create(env);
	if (rc == MDB_SUCCESS)
		return fd;
	(void)close(fd);
	return cannot_read(path, rc, why);
}

static int
get(const char *path, const char *key, size_t length, struct deadline by, struct bytes *value,
    struct complaint *why)
{
	MDB_env *env;
	int fd = open_locked(path, by, &env, why), rc;

	if (fd < 0)
		return -1;
	rc = look_up(env, path, (MDB_val){ length, (void *)key }, value);
	mdb_env_close(env);
	(void)close(fd);
	if (rc == MDB_SUCCESS || rc == MDB_NOTFOUND)
		return rc == MDB_SUCCESS;
	return cannot_read(path, rc, why);
}

static int
keys(const char *path, struct deadline by, struct text_list *all, struct complaint *why)
{
	MDB_env *env;
	int fd = open_locked(path, by, &env, why), rc;

	if (fd < 0)
		return -1;
	rc = read_keys(env, path, all);
	mdb_env_close(env);
	(void)close(fd);
	return rc == MDB_SUCCESS ? 0 : cannot_read(path, rc, why);
}

const struct table_format table_lmdb = { get, keys };
