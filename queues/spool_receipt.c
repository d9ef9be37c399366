/*
 * Receipts: what the MTA has told of batches by delivering to their receipt recipients. Whoever hears
 * one writes it into the file `receipts` of the entry, whoever has claimed that; so the file has a lock of
 * its own. It goes with the entry from queue to queue.
 */
#include "queues/spool.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 30, RECEIPTS_VERSION = 1 };

/* Opens the entry where it is: in the direction of movement, so that it is met if it moves meanwhile. */
static int
find_entry(const struct spool *s, const char *id, enum queue_id *queue)
{
	int dir = -1;

	for (*queue = QUEUE_PENDING; *queue < QUEUE_COUNT; ++*queue) {
		dir = openat(s->dirs[*queue], id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 || errno != ENOENT)
			break;
	}
	return dir;
}

/* Whether an intent asks for this receipt. -1 with a complaint. */
static int
is_asked_for(int dir, int64_t batch, const char *token, struct complaint *why)
{
	struct bytes progress = { 0 };
	const char *at, *start, *end;
	int asked = 0;

	if (file_read(dir, "progress", LARGEST_FILE, &progress, why) < 0) {
		bytes_free(&progress);
		return -1;
	}
	at = memmem(bytes_text(&progress), progress.length, token, strlen(token));
	if (at != NULL) {
		struct complaint unused;
		struct js *j;

		start = memrchr(progress.data, '\n', (size_t)(at - progress.data));
		start = start == NULL ? progress.data : start + 1;
		end = memchr(at, '\n', progress.length - (size_t)(at - progress.data));
		j = end == NULL ? NULL : js_parse(start, (size_t)(end - start), &unused);
		asked = js_number(j, "batch", 0) == batch && js_text(j, "receipt") != NULL &&
		        strcmp(js_text(j, "receipt"), token) == 0;
		js_drop(&j);
	}
	bytes_free(&progress);
	return asked;
}

/* Calls see for each whole line. Returns how many bytes those are, or -1 with a complaint. */
static ptrdiff_t
read_lines(const struct bytes *text, void (*see)(void *, int64_t, const char *), void *arg,
           struct complaint *why)
{
	size_t at = 0;
	const char *lf;

	while ((lf = memchr(bytes_text(text) + at, '\n', text->length - at)) != NULL) {
		struct complaint unused;
		struct js *j = js_parse(text->data + at, (size_t)(lf - text->data) - at, &unused);

		if (at == 0 && js_number(j, "version", 0) != RECEIPTS_VERSION) {
			js_drop(&j);
			return complain(why, "receipts: not of a version known to this program");
		}
		if (see != NULL && js_text(j, "receipt") != NULL)
			see(arg, js_number(j, "batch", 0), js_text(j, "receipt"));
		js_drop(&j);
		at = (size_t)(lf - text->data) + 1;
	}
	return (ptrdiff_t)at;
}

/* The line of a receipt, behind the version if it is the first. */
static void
print_receipt(int64_t batch, const char *token, bool first, struct bytes *out)
{
	struct js *j = js_object();

	if (first) {
		js_set_number(j, "version", RECEIPTS_VERSION);
		js_print(j, false, out);
		bytes_add_char(out, '\n');
		js_drop(&j);
		j = js_object();
	}
	js_set_number(j, "batch", batch);
	js_set_number(j, "at", clock_wall());
	js_set_text(j, "receipt", token);
	js_print(j, false, out);
	bytes_add_char(out, '\n');
	js_drop(&j);
}

/* Adds a line behind the last whole one; what a crash left of another is cut off. */
static int
append(int dir, int fd, int64_t batch, const char *token, struct complaint *why)
{
	struct bytes text = { 0 }, line = { 0 };
	ptrdiff_t whole = -1;
	int rc = -1;

	if (file_read(dir, "receipts", LARGEST_FILE, &text, why) > 0)
		whole = read_lines(&text, NULL, NULL, why);
	if (whole >= 0 && (size_t)whole < text.length && ftruncate(fd, whole) < 0)
		whole = complain_errno(why, "cannot cut off the torn end of receipts");
	if (whole >= 0) {
		print_receipt(batch, token, whole == 0, &line);
		rc = file_write(fd, line.data, line.length, "receipts", why);
		if (rc < 0 && ftruncate(fd, whole) < 0)
			rc = -1;          /* what is left of it is cut off by whoever comes next */
	}
	step(19);
	if (rc == 0)
		rc = file_sync(fd, "receipts", why);
	if (rc == 0 && whole == 0)
		rc = file_sync(dir, "an entry", why);
	step(20);
	bytes_free(&text);
	bytes_free(&line);
	return rc;
}

static int
write_receipt(int dir, int64_t batch, const char *token, struct complaint *why)
{
	int fd = openat(dir, "receipts", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), rc = -1;

	if (fd < 0)
		return complain_errno(why, "cannot open receipts");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			(void)complain_errno(why, "cannot lock receipts");
			goto out;
		}
	rc = append(dir, fd, batch, token, why);
out:
	(void)close(fd);
	return rc;
}

enum receipt_fate
spool_receipt(struct queues *queues, const char *id, int64_t batch, const char *token,
              struct complaint *why)
{
	const struct spool *s = (struct spool *)queues;
	enum receipt_fate fate = RECEIPT_UNKNOWN;
	enum queue_id queue;
	int dir = find_entry(s, id, &queue), asked;

	if (dir < 0) {
		if (errno == ENOENT)
			return RECEIPT_UNKNOWN;
		(void)complain_errno(why, "cannot open %s", id);
		return RECEIPT_FAILED;
	}
	asked = is_asked_for(dir, batch, token, why);
	/* The message goes once `done` is synced: then nobody asks any more. */
	if (asked > 0 && queue == QUEUE_DONE && faccessat(dir, "message.eml", F_OK, 0) < 0 && errno == ENOENT)
		fate = RECEIPT_LATE;
	else if (asked > 0)
		fate = write_receipt(dir, batch, token, why) < 0 ? RECEIPT_FAILED : RECEIPT_NOTED;
	else if (asked < 0)
		fate = RECEIPT_FAILED;
	(void)close(dir);
	return fate;
}

int
spool_receipts(struct entry *entry, void (*see)(void *, int64_t, const char *), void *arg,
               struct complaint *why)
{
	const struct spool_entry *e = (struct spool_entry *)entry;
	struct bytes text = { 0 };
	int rc = file_read(e->dir, "receipts", LARGEST_FILE, &text, why);

	if (rc > 0)
		rc = read_lines(&text, see, arg, why) < 0 ? -1 : 0;
	bytes_free(&text);
	return rc;
}
