/*
 * Constant databases. They are read, not mapped: a file that somebody makes shorter while it is in
 * use is an error then, and not the end of the process.
 */
#include "sources/table.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CDB_HEAD = 2048 };

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

/* Where the records end: at the first of the 256 tables, whose places the file begins with. */
static int
records_end(FILE *f, long *end)
{
	unsigned char head[CDB_HEAD];

	if (fread(head, 1, sizeof(head), f) != sizeof(head))
		return -1;
	*end = LONG_MAX;
	for (size_t i = 0; i < sizeof(head); i += 8)
		if (cdb_unpack(head + i) < *end)
			*end = cdb_unpack(head + i);
	return *end < CDB_HEAD ? -1 : 0;
}

/* Records are two lengths, the key, the value, one behind the other. */
static int
read_keys(FILE *f, struct text_list *all)
{
	struct bytes key = { 0 };
	long at = CDB_HEAD, end;
	int rc = records_end(f, &end);

	while (rc == 0 && at < end) {
		unsigned char lengths[8];
		size_t length;

		rc = fread(lengths, 1, sizeof(lengths), f) == sizeof(lengths) ? 0 : -1;
		if (rc < 0)
			break;
		length = cdb_unpack(lengths);
		at += (long)sizeof(lengths) + (long)length + cdb_unpack(lengths + 4);
		/* A file that is damaged may name any length. */
		if (at > end || fread(bytes_room(&key, length), 1, length, f) != length ||
		    fseek(f, at, SEEK_SET) < 0)
			rc = -1;
		else
			text_list_add(all, key.data, length);
	}
	bytes_free(&key);
	return rc;
}

static int
keys(const char *path, struct deadline by, struct text_list *all, struct complaint *why)
{
	FILE *f = fopen(path, "re");
	int rc;

	(void)by;
	if (f == NULL)
		return complain_errno(why, "cannot open %s", path);
	errno = EPROTO;
	rc = read_keys(f, all);
	if (rc < 0)
		(void)complain_errno(why, "cannot read %s", path);
	(void)fclose(f);
	return rc;
}

const struct table_format table_cdb = { get, keys };
