/*
 * The progress file of an entry: read at the claim, appended to while the work goes on. A record is
 * there whole or not at all, also where the disk is full.
 */
#include "queues/spool.h"

#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_PROGRESS = 1 << 30 };

static int
cut_off(const struct spool_entry *e, ptrdiff_t whole, size_t length, struct complaint *why)
{
	int fd = openat(e->dir, "progress", O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 || ftruncate(fd, whole) < 0)
		rc = complain_errno(why, "cannot cut off the torn end of progress");
	else
		log_say(LEVEL_WARN, "spool", "%s: cut off %zu bytes that a crash left in progress",
		        e->entry.id, length - (size_t)whole);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
spool_progress(struct entry *entry, size_t count, struct tally *t, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;
	struct bytes text = { 0 };
	int rc = file_read(e->dir, "progress", LARGEST_PROGRESS, &text, why);
	ptrdiff_t whole = rc < 0 ? -1 : tally_read(t, count, bytes_text(&text), text.length, why);

	if (whole >= 0 && (size_t)whole < text.length && cut_off(e, whole, text.length, why) < 0) {
		tally_free(t);
		whole = -1;
	}
	bytes_free(&text);
	return whole < 0 ? -1 : 0;
}

/* Opens progress for appending, at its end. */
static int
open_progress(struct spool_entry *e, struct complaint *why)
{
	struct stat st;

	if (e->progress >= 0)
		return 0;
	e->progress = openat(e->dir, "progress", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (e->progress >= 0 && fstat(e->progress, &st) == 0) {
		e->end = st.st_size;
		return 0;
	}
	(void)complain_errno(why, "cannot open progress");
	if (e->progress >= 0)
		(void)close(e->progress);
	e->progress = -1;
	return -1;
}

/*
 * Writes a record, with the version before the first one. What a full disk took of it is cut off
 * again, lest the next record be glued to it.
 */
static int
append(struct spool_entry *e, const struct record *r, struct complaint *why)
{
	struct bytes text = { 0 };
	int rc = open_progress(e, why);

	if (rc == 0 && e->torn && ftruncate(e->progress, e->end) < 0)
		rc = complain_errno(why, "cannot cut off the torn end of progress");
	if (rc == 0) {
		if (e->end == 0)
			progress_head(&text);
		progress_print(r, &text);
		rc = file_write(e->progress, text.data, text.length, "progress", why);
		e->torn = rc < 0 && ftruncate(e->progress, e->end) < 0;
		if (rc == 0)
			e->end += (off_t)text.length;
	}
	bytes_free(&text);
	return rc;
}

int
spool_note(struct entry *entry, const struct record *r, bool durable, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;
	int rc;

	if (entry->damage != NULL)
		return complain(why, "nothing is added to it: %s", entry->damage);
	monitor_enter(&e->appending);     /* several lanes may come at once */
	rc = append(e, r, why);
	if (rc == 0 && (r->kind == RECORD_DEFER || r->kind == RECORD_RESULT || r->kind == RECORD_DECIDED))
		e->begun = false;
	monitor_leave(&e->appending);
	if (r->kind == RECORD_INTENT || r->kind == RECORD_RESULT || r->kind == RECORD_DEFER)
		step(r->kind == RECORD_INTENT ? 11 : 14);
	else if (r->kind == RECORD_DECIDED)
		step(21);
	if (rc == 0 && durable) {
		rc = file_sync(e->progress, "progress", why);
		step(r->kind == RECORD_INTENT    ? 12
		     : r->kind == RECORD_LINE    ? 13
		     : r->kind == RECORD_DECIDED ? 22
		                                 : 15);
	}
	return rc;
}
