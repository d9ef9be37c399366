/*
 * Files to write messages into. To make one for each post and to remove it again, with its place on the
 * disk, is much of what a file system has to do for a post: so the file of an entry that is done goes into
 * a directory in tmp/, and out of there to the next draft.
 */
#include "queues/spool.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MODE = 0600,
	LARGEST = 65536                   /* bytes, which go on taking their place on the disk */
};

struct spare_name {
	char text[24];
};

static struct spare_name
name_of(uint64_t number)
{
	struct spare_name name;

	(void)snprintf(name.text, sizeof(name.text), "%llu", (unsigned long long)number);
	return name;
}

/* The directory, which is made when there is something to put there. */
static bool
is_ready(struct spool *s)
{
	struct complaint unused;

	if (s->spares.dir < 0)
		s->spares.dir = spool_make_dir(s, "spare", s->spares.name, &unused);
	return s->spares.dir >= 0;
}

/* A number to put it there by; false: there are enough. */
static bool
reserve(struct spool *s, uint64_t *number)
{
	bool room;

	monitor_enter(&s->monitor);
	room = s->spares.count + s->spares.coming < SPARES && is_ready(s);
	if (room) {
		s->spares.coming++;
		*number = s->spares.next++;
	}
	monitor_leave(&s->monitor);
	return room;
}

static int
keep(struct spool *s, int dir)
{
	uint64_t number;
	int rc;

	if (!reserve(s, &number))
		return -1;
	rc = renameat(dir, "message.eml", s->spares.dir, name_of(number).text);
	monitor_enter(&s->monitor);
	s->spares.coming--;
	if (rc == 0)
		s->spares.numbers[s->spares.count++] = number;
	monitor_leave(&s->monitor);
	return rc;
}

int
spool_remove_message(struct spool *s, int dir)
{
	struct stat st;

	/* Other entries of the post may have it as well. */
	if (!s->config.read_only && fstatat(dir, "message.eml", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mode == (S_IFREG | MODE) && st.st_nlink == 1 && st.st_size <= LARGEST && keep(s, dir) == 0)
		return 0;
	return unlinkat(dir, "message.eml", 0) < 0 && errno != ENOENT ? -1 : 0;
}

int
spool_make_message(struct spool *s, int dir)
{
	uint64_t number = 0;
	bool any;

	monitor_enter(&s->monitor);
	any = s->spares.count > 0;
	if (any)
		number = s->spares.numbers[--s->spares.count];
	monitor_leave(&s->monitor);
	if (any && renameat(s->spares.dir, name_of(number).text, dir, "message.eml") == 0) {
		int fd = openat(dir, "message.eml", O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 || unlinkat(dir, "message.eml", 0) < 0)
			return fd;
	}
	return openat(dir, "message.eml", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
}

void
spool_drop_spares(struct spool *s)
{
	struct complaint why;

	if (s->spares.dir < 0)
		return;
	(void)close(s->spares.dir);
	if (file_remove_dir(s->tmp, s->spares.name, &why) < 0)
		log_say(LEVEL_WARN, "spool", "tmp/%s: %s", s->spares.name, why.text);
}
