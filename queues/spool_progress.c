/*
 * The progress file of an entry: read at the claim, appended to while the work goes on. A record is
 * there whole or not at all, also where the disk is full.
 */
#include "queues/spool.h"

#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
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

/*
 * Makes what was appended up to now durable. Whoever comes while another is at it waits for that: it may
 * have been for both. After a sync that failed nobody knows what is on disk, whatever a later one says.
 */
int
spool_sync(struct entry *entry, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;
	off_t end;
	int rc = 0;

	monitor_enter(&e->appending);
	end = e->end;
	while (e->syncing && e->synced < end)
		monitor_wait(&e->appending);
	if (e->lost) {
		rc = complain(why, "cannot sync progress, as before");
	} else if (e->synced < end) {
		e->syncing = true;
		e->target = e->end;
		monitor_leave(&e->appending);
		rc = file_sync(e->progress, "progress", why);
		monitor_enter(&e->appending);
		e->syncing = false;
		e->lost = rc < 0;
		if (rc == 0)
			e->synced = e->target;
		monitor_wake(&e->appending);
	}
	monitor_leave(&e->appending);
	step(13);
	return rc;
}

/* Under the lock. */
static void
remember(struct spool_entry *e, const struct record *r)
{
	/* Doubled in size at each power of two. */
	if ((e->known_count & (e->known_count - 1)) == 0)
		e->known = mem_resize(e->known, (e->known_count == 0 ? 1 : e->known_count * 2) *
		                                        sizeof(*e->known));
	e->known[e->known_count++] = (struct known){ r->batch, e->end };
}

bool
spool_knows(struct spool *s, const char *id, int64_t batch)
{
	struct spool_entry *e;
	bool knows = false;

	monitor_enter(&s->monitor);
	for (e = s->at_work; e != NULL && strcmp(e->entry.id, id) != 0; e = e->after)
		;
	if (e != NULL) {
		monitor_enter(&e->appending);
		for (size_t i = e->known_count; i > 0 && !knows; i--)
			knows = e->known[i - 1].batch == batch && e->known[i - 1].end <= e->synced;
		monitor_leave(&e->appending);
	}
	monitor_leave(&s->monitor);
	return knows;
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
	if (rc == 0 && r->kind == RECORD_RESULT && r->code / 100 == 2)
		remember(e, r);
	monitor_leave(&e->appending);
	if (r->kind == RECORD_DECIDED)
		step(21);
	else if (r->kind != RECORD_BEGIN)
		step(r->kind == RECORD_INTENT ? 11 : r->kind == RECORD_LINE ? 12 : 14);
	if (rc < 0 || !durable)
		return rc;
	rc = spool_sync(entry, why);
	if (r->kind == RECORD_RESULT || r->kind == RECORD_DEFER)
		step(15);
	else if (r->kind == RECORD_DECIDED)
		step(22);
	return rc;
}
