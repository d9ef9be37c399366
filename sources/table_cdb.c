/*
 * Constant databases. They are read, not mapped: a file that somebody makes shorter while it is in
 * use is an error then, and not the end of the process.
 */
#include "sources/table.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static int
get(const char *path, const char *key, size_t length, struct deadline by, struct bytes *value,
    struct complaint *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), found;
	unsigned size = 0;
	struct stat s;

	(void)by;
	if (fd < 0)
		return complain_errno(why, "cannot open %s", path);
	errno = 0;
	found = fstat(fd, &s) < 0 ? -1 : cdb_seek(fd, key, (unsigned)length, &size);
	/* A file that is damaged may name any length. */
	if (found > 0 && (size > s.st_size || size > INT_MAX)) {
		errno = EPROTO;
		found = -1;
	}
	if (found > 0 && cdb_bread(fd, bytes_room(value, size), (int)size) < 0)
		found = -1;
	if (found > 0) {
		value->length = size;
		value->data[size] = '\0';
	}
	if (found < 0)
		(void)complain_errno(why, "cannot read %s", path);
	(void)close(fd);
	return found;
}

const struct table_format table_cdb = { get };
