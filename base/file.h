/*
 * Files. Names are relative to a directory descriptor (AT_FDCWD for the working directory).
 * "Durable" means that the data has reached the disk, not only the kernel.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens a directory for use as a starting point and for file_sync(). -1 with a complaint. */
int file_open_dir(int at, const char *name, struct complaint *);

/* The same, and nobody else has it so until the descriptor is closed. Waits for whoever has. */
int file_lock_dir(const char *path, struct complaint *);

/* Whether a text is an absolute path; for rows of settings. */
int file_check_path(const char *text, struct complaint *);

/* Creates the directory and those above it where they are missing. */
int file_make_dirs(const char *path, mode_t mode, struct complaint *);

/* Makes a file, or the names in a directory, durable. */
int file_sync(int fd, const char *name, struct complaint *);

/* Writes all of it at the descriptor's position. errno is kept for the caller. */
int file_write(int fd, const void *bytes, size_t length, const char *name, struct complaint *);

/*
 * Durably puts a file of mode 0600 into an open directory, in the place of one of that name: whoever reads
 * sees the one or the other. `owner` is who is to have it, where root makes it; may be NULL. The caller
 * sees to it that nobody else does so at the same time.
 */
struct stat;
int file_replace(int dir, const char *name, const struct bytes *text, const struct stat *owner,
                 struct complaint *);

/* Reads a whole file of at most `limit` bytes. 1 read, 0 there is no such file, -1 failed. */
int file_read(int at, const char *name, size_t limit, struct bytes *into, struct complaint *);

/* A file in memory, read-only; NULL data for an empty one. */
struct file_map {
	const char *data;
	size_t length;
};
int file_map(int at, const char *name, struct file_map *, struct complaint *);
void file_unmap(struct file_map *);

/*
 * Removes the plain files of a directory and then the directory itself. One that is gone is no
 * error.
 */
int file_remove_dir(int at, const char *name, struct complaint *);

/* Whether the descriptor lies on a file system that this host alone writes: no NFS, CIFS, AFS … */
bool file_is_local(int fd, const char **kind_r);

#endif
