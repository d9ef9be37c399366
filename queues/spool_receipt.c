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

enum {
	RECEIPTS_VERSION = 1,
	LARGEST_FILE = 1 << 30,
	PIECE = 65536,                    /* of progress, from its end */
	LINE = 4096                       /* a line of receipts is shorter */
};

int
spool_find(const struct spool *s, const char *id, enum queue_id *queue)
{
	int dir = -1;

	for (*queue = QUEUE_PENDING; *queue < QUEUE_COUNT; ++*queue) {
		dir = openat(s->dirs[*queue], id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 || errno != ENOENT)
			break;
	}
	return dir;
}

/* Appends a stretch of a file. -1 with a complaint. */
static int
read_stretch(int fd, off_t at, size_t length, struct bytes *into, struct complaint *why)
{
	char *room = bytes_room(into, length);

	while (length > 0) {
		ssize_t n = pread(fd, room, length, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain_errno(why, "cannot read");
		if (n == 0)
			break;            /* it was cut off meanwhile */
		into->length += (size_t)n;
		room += n;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Opens a file of an entry: 1, 0 where there is none, -1 with a complaint. */
static int
open_file(int dir, const char *name, int flags, int *fd, off_t *size, struct complaint *why)
{
	struct stat st;

	*fd = openat(dir, name, flags | O_CLOEXEC, 0600);
	if (*fd < 0)
		return errno == ENOENT ? 0 : complain_errno(why, "cannot open %s", name);
	if (fstat(*fd, &st) == 0) {
		*size = st.st_size;
		return 1;
	}
	(void)close(*fd);
	return complain_errno(why, "cannot look at %s", name);
}

/* Whether one of these lines is an intent that asks for the receipt. */
static bool
asks_for(const char *text, size_t length, int64_t batch, const char *token)
{
	const char *at = memmem(text, length, token, strlen(token)), *start, *end;
	struct complaint unused;
	struct js *j;
	bool asked;

	if (at == NULL)
		return false;
	start = memrchr(text, '\n', (size_t)(at - text));
	start = start == NULL ? text : start + 1;
	end = memchr(at, '\n', length - (size_t)(at - text));
	j = end == NULL ? NULL : js_parse(start, (size_t)(end - start), &unused);
	asked = js_number(j, "batch", 0) == batch && js_text(j, "receipt") != NULL &&
	        strcmp(js_text(j, "receipt"), token) == 0;
	js_drop(&j);
	return asked;
}

/*
 * Whether an intent asks for this receipt. -1 with a complaint. Searched from the end, in growing pieces:
 * a receipt follows its intent, and a post of many batches is not read whole for each of them.
 */
static int
is_asked_for(int dir, int64_t batch, const char *token, struct complaint *why)
{
	struct bytes text = { 0 }, rest = { 0 };  /* the rest of a line whose beginning was not read yet */
	size_t piece = PIECE;
	off_t at = 0;
	int fd, asked = 0, rc = open_file(dir, "progress", O_RDONLY, &fd, &at, why);

	if (rc <= 0)
		return rc;
	while (asked == 0 && at > 0) {
		size_t length = at < (off_t)piece ? (size_t)at : piece, start = 0;
		const char *lf;

		at -= (off_t)length;
		bytes_clear(&text);
		if (read_stretch(fd, at, length, &text, why) < 0) {
			asked = -1;
			break;
		}
		bytes_add(&text, bytes_text(&rest), rest.length);
		if (at > 0) {
			lf = memchr(text.data, '\n', text.length);
			start = lf == NULL ? text.length : (size_t)(lf + 1 - text.data);
		}
		asked = asks_for(text.data + start, text.length - start, batch, token);
		bytes_clear(&rest);
		bytes_add(&rest, text.data, start);
		piece *= 2;
	}
	(void)close(fd);
	bytes_free(&text);
	bytes_free(&rest);
	return asked;
}

/* The first line of `receipts`. */
static int
check_version(const char *line, size_t length, struct complaint *why)
{
	struct complaint unused;
	struct js *j = js_parse(line, length, &unused);
	bool known = js_number(j, "version", 0) == RECEIPTS_VERSION;

	js_drop(&j);
	return known ? 0 : complain(why, "receipts: not of a version known to this program");
}

/* How many bytes of `receipts` are whole lines, of a version that is known. -1 with a complaint. */
static off_t
whole_lines(int fd, off_t size, struct complaint *why)
{
	struct bytes text = { 0 };
	off_t at = size, whole = 0;
	const char *lf = NULL;

	while (lf == NULL && at > 0) {
		off_t length = at < LINE ? at : LINE;

		at -= length;
		bytes_clear(&text);
		if (read_stretch(fd, at, (size_t)length, &text, why) < 0)
			whole = at = -1;
		else
			lf = memrchr(text.data, '\n', text.length);
	}
	if (lf != NULL) {
		whole = at + (lf + 1 - text.data);
		bytes_clear(&text);
		if (read_stretch(fd, 0, (size_t)(whole < LINE ? whole : LINE), &text, why) < 0)
			whole = -1;
	}
	if (whole > 0) {
		lf = memchr(text.data, '\n', text.length);
		if (check_version(text.data, lf == NULL ? 0 : (size_t)(lf - text.data), why) < 0)
			whole = -1;
	}
	bytes_free(&text);
	return whole;
}

/* Calls see for each whole line. Returns how many bytes those are. */
static size_t
read_lines(const struct bytes *text, void (*see)(void *, int64_t, const char *), void *arg)
{
	size_t at = 0;
	const char *lf;

	while ((lf = memchr(bytes_text(text) + at, '\n', text->length - at)) != NULL) {
		struct complaint unused;
		struct js *j = js_parse(text->data + at, (size_t)(lf - text->data) - at, &unused);

		if (js_text(j, "receipt") != NULL)
			see(arg, js_number(j, "batch", 0), js_text(j, "receipt"));
		js_drop(&j);
		at = (size_t)(lf - text->data) + 1;
	}
	return at;
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
append(int dir, int fd, off_t size, int64_t batch, const char *token, struct complaint *why)
{
	struct bytes line = { 0 };
	off_t whole = whole_lines(fd, size, why);
	int rc = -1;

	if (whole >= 0 && whole < size && ftruncate(fd, whole) < 0)
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
	bytes_free(&line);
	return rc;
}

static int
write_receipt(int dir, int64_t batch, const char *token, struct complaint *why)
{
	struct stat st;
	int fd = openat(dir, "receipts", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600), rc = -1;

	if (fd < 0)
		return complain_errno(why, "cannot open receipts");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			(void)complain_errno(why, "cannot lock receipts");
			goto out;
		}
	if (fstat(fd, &st) < 0)
		(void)complain_errno(why, "cannot look at receipts");
	else
		rc = append(dir, fd, st.st_size, batch, token, why);
out:
	(void)close(fd);
	return rc;
}

enum receipt_fate
spool_receipt(struct queues *queues, const char *id, int64_t batch, const char *token,
              struct complaint *why)
{
	struct spool *s = (struct spool *)queues;
	enum receipt_fate fate = RECEIPT_UNKNOWN;
	enum queue_id queue;
	int dir = spool_find(s, id, &queue), asked;
	bool known;

	if (dir < 0) {
		if (errno == ENOENT)
			return RECEIPT_UNKNOWN;
		(void)complain_errno(why, "cannot open %s", id);
		return RECEIPT_FAILED;
	}
	asked = is_asked_for(dir, batch, token, why);
	/*
	 * The message goes once `done` is synced: then nobody asks any more. Nor where its result is on
	 * disk, by the sync of a later intent.
	 */
	known = queue == QUEUE_DONE && faccessat(dir, "message.eml", F_OK, 0) < 0 && errno == ENOENT;
	if (asked > 0 && (known || spool_knows(s, id, batch)))
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
	struct spool_entry *e = (struct spool_entry *)entry;
	struct bytes text = { 0 };
	off_t size = 0;
	int fd, rc = open_file(e->dir, "receipts", O_RDONLY, &fd, &size, why);

	if (rc <= 0)
		return rc;
	rc = 0;
	if (e->heard == 0 && whole_lines(fd, size, why) < 0)
		rc = -1;
	if (rc == 0 && size > e->heard && size - e->heard <= LARGEST_FILE)
		rc = read_stretch(fd, e->heard, (size_t)(size - e->heard), &text, why);
	if (rc == 0)
		e->heard += (off_t)read_lines(&text, see, arg);
	(void)close(fd);
	bytes_free(&text);
	return rc;
}
