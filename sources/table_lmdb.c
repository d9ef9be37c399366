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

/* MDB_SUCCESS, MDB_NOTFOUND or what went wrong. */
static int
look_up(MDB_env *env, const char *path, MDB_val key, struct bytes *value)
{
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	MDB_val found;
	int rc = mdb_env_open(env, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, MODE);

	if (rc == MDB_SUCCESS)
		rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc != MDB_SUCCESS)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (rc == MDB_SUCCESS)
		rc = mdb_get(txn, dbi, &key, &found);
	if (rc == MDB_SUCCESS)
		bytes_add(value, found.mv_data, found.mv_size);
	mdb_txn_abort(txn);
	return rc;
}

static int
get(const char *path, const char *key, size_t length, struct deadline by, struct bytes *value,
    struct complaint *why)
{
	MDB_env *env = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return complain_errno(why, "cannot open %s", path);
	if (lock(fd, path, by, why) < 0) {
		(void)close(fd);
		return -1;
	}
	rc = mdb_env_create(&env);
	if (rc == MDB_SUCCESS)
		rc = look_up(env, path, (MDB_val){ length, (void *)key }, value);
	mdb_env_close(env);
	(void)close(fd);
	if (rc == MDB_SUCCESS || rc == MDB_NOTFOUND)
		return rc == MDB_SUCCESS;
	return complain(why, "cannot read %s: %s", path, mdb_strerror(rc));
}

const struct table_format table_lmdb = { get };
