/* Files: whole reads, whole writes, and the syncs that make them last. */
#include "base/file.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int
file_check_path(const char *text, struct complaint *why)
{
	return *text == '/' ? 0 : complain(why, "\"%s\" is no absolute path", text);
}

int
file_open_dir(int at, const char *name, struct complaint *why)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? complain_errno(why, "cannot open the directory %s", name) : fd;
}

int
file_lock_dir(const char *path, struct complaint *why)
{
	int dir = file_open_dir(AT_FDCWD, path, why);

	if (dir >= 0 && flock(dir, LOCK_EX) < 0) {
		(void)complain_errno(why, "cannot lock %s", path);
		(void)close(dir);
		dir = -1;
	}
	return dir;
}

int
file_make_dirs(const char *path, mode_t mode, struct complaint *why)
{
	char *copy = mem_text(path);
	int rc = 0;

	for (char *p = copy + 1; rc == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;

		char end = *p;

		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			rc = complain_errno(why, "cannot make the directory %s", copy);
		*p = end;
		if (end == '\0')
			break;
	}
	free(copy);
	return rc;
}

int
file_sync(int fd, const char *name, struct complaint *why)
{
	if (fdatasync(fd) < 0)
		return complain_errno(why, "cannot sync %s", name);
	return 0;
}

int
file_write(int fd, const void *bytes, size_t length, const char *name, struct complaint *why)
{
	const char *p = bytes;

	while (length > 0) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain_errno(why, "cannot write %s", name);
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

int
file_read(int at, const char *name, size_t limit, struct bytes *into, struct complaint *why)
{
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t n;
	int rc = 1;

	if (fd < 0) {
		if (errno == ENOENT)
			return 0;
		return complain_errno(why, "cannot open %s", name);
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		(void)close(fd);
		return complain(why, "%s is a directory", name);
	}
	do {
		char *room = bytes_room(into, 65536);

		n = read(fd, room, 65536);
		if (n > 0)
			into->length += (size_t)n;
	} while ((n > 0 || (n < 0 && errno == EINTR)) && into->length <= limit);
	if (n < 0)
		rc = complain_errno(why, "cannot read %s", name);
	else if (into->length > limit)
		rc = complain(why, "%s is larger than %zu bytes", name, limit);
	else
		into->data[into->length] = '\0';
	(void)close(fd);
	return rc;
}

int
file_map(int at, const char *name, struct file_map *map, struct complaint *why)
{
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	*map = (struct file_map){ 0 };
	if (fd < 0)
		return complain_errno(why, "cannot open %s", name);
	if (fstat(fd, &st) < 0) {
		(void)complain_errno(why, "cannot look at %s", name);
		(void)close(fd);
		return -1;
	}
	if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED) {
			(void)complain_errno(why, "cannot map %s", name);
			(void)close(fd);
			return -1;
		}
		map->data = p;
		map->length = (size_t)st.st_size;
	}
	(void)close(fd);
	return 0;
}

void
file_unmap(struct file_map *map)
{
	if (map->data != NULL)
		(void)munmap((void *)map->data, map->length);
	*map = (struct file_map){ 0 };
}

int
file_replace(int dir, const char *name, const struct bytes *text, const struct stat *owner,
             struct complaint *why)
{
	char *fresh = mem_format("%s.new", name);
	int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = -1;

	if (fd < 0)
		(void)complain_errno(why, "cannot make %s", fresh);
	else if (owner != NULL && fchown(fd, owner->st_uid, owner->st_gid) < 0 && geteuid() == 0)
		(void)complain_errno(why, "cannot give %s to its user", fresh);
	else if (file_write(fd, text->data, text->length, fresh, why) == 0 && file_sync(fd, fresh, why) == 0)
		rc = 0;
	if (fd >= 0)
		(void)close(fd);
	if (rc == 0 && renameat(dir, fresh, dir, name) < 0)
		rc = complain_errno(why, "cannot make %s", name);
	free(fresh);
	return rc == 0 ? file_sync(dir, name, why) : rc;
}

int
file_remove_dir(int at, const char *name, struct complaint *why)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : complain_errno(why, "cannot open %s", name);
	dir = fdopendir(fd);
	if (dir == NULL) {
		(void)complain_errno(why, "cannot list %s", name);
		(void)close(fd);
		return -1;
	}
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0 && errno != ENOENT) {
			(void)complain_errno(why, "cannot remove %s/%s", name, e->d_name);
			(void)closedir(dir);
			return -1;
		}
	}
	(void)closedir(dir);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return complain_errno(why, "cannot remove %s", name);
	return 0;
}

bool
file_is_local(int fd, const char **kind_r)
{
	/* Numbers of statfs(2): file systems that other hosts write to as well. */
	static const struct {
		unsigned long type;
		const char *name;
	} foreign[] = {
		{ 0x6969, "NFS" },      { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
		{ 0x517b, "SMB" },      { 0x5346414f, "AFS" },  { 0x6b414653, "AFS" },
		{ 0x00c36400, "Ceph" }, { 0x01021997, "9P" },   { 0x47504653, "GPFS" },
		{ 0x0bd00bd0, "Lustre" }, { 0x73757245, "Coda" }, { 0x65735546, "FUSE" },
		{ 0x7461636f, "OCFS2" },  { 0x01161970, "GFS2" },
	};
	struct statfs fs;

	*kind_r = "";
	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (((unsigned long)fs.f_type & 0xffffffffUL) == foreign[i].type) {
			*kind_r = foreign[i].name;
			return false;
		}
	return true;
}
