/* Working on an entry of the spool: claim, read, freeze, note, move. */
#include "queues/spool.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LARGEST_ENVELOPE = 4 << 20,
	SUSPECT_AGAIN = 100,              /* ms until a suspect that has to wait for another is tried */
	LOOK_AGAIN = 50,                  /* ms until it is looked whether they have let go of it */
	TAKEN_BY_OTHERS = 5000,           /* ms until an entry that another process has is tried again */
	UNREADABLE = 300000,              /* the same for one that makes no sense */
	SHORT = 1000,                     /* the same while the process lacks what it takes to look; … */
	SHORT_REST = 100,                 /* … ms that whoever asked rests then, … */
	SHORT_SAID = 10000,               /* … and until that is logged again */
	FREEZE_BUFFER = 65536
};

static void
close_entry(struct spool_entry *e)
{
	file_unmap(&e->message);
	file_unmap(&e->recipients);
	if (e->progress >= 0)
		(void)close(e->progress);
	if (e->freezing >= 0)
		(void)close(e->freezing);
	if (e->lock >= 0)
		(void)close(e->lock);     /* ends the claim */
	if (e->dir >= 0)
		(void)close(e->dir);
	monitor_destroy(&e->appending);
	bytes_free(&e->buffer);
	free(e->known);
	free(e->entry.damage);
	envelope_free(&e->entry.envelope);
	free(e);
}

enum claimed { CLAIMED, CLAIM_GONE, CLAIM_HELD, CLAIM_TAKEN, CLAIM_SHORT, CLAIM_UNREADABLE,
	       CLAIM_REPEAT };

/* What cannot be read now: whether that is the entry's fault, or this process has no descriptors left. */
static enum claimed
unreadable(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ? CLAIM_SHORT : CLAIM_UNREADABLE;
}

/* Opens and locks envelope.json, and makes sure that it still lies in this queue. */
static enum claimed
lock_entry(struct spool *s, enum queue_id queue, struct spool_entry *e, struct complaint *why)
{
	struct stat locked, there;

	e->dir = openat(s->dirs[queue], e->entry.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->dir >= 0)
		e->lock = openat(e->dir, "envelope.json", O_RDONLY | O_CLOEXEC);
	if (e->dir < 0 || e->lock < 0) {
		if (errno == ENOENT && e->dir < 0)
			return CLAIM_GONE;
		(void)complain_errno(why, "cannot open %s/%s", queue_word(queue), e->entry.id);
		return unreadable(errno);
	}
	if (flock(e->lock, LOCK_EX | LOCK_NB) < 0)
		return CLAIM_TAKEN;
	/* It may have moved on between opening and locking. */
	if (fstat(e->dir, &locked) < 0 || fstatat(s->dirs[queue], e->entry.id, &there, 0) < 0 ||
	    locked.st_ino != there.st_ino)
		return CLAIM_GONE;
	return CLAIMED;
}

/* A clock that ran ahead must not put an entry off for years. */
static int64_t
waits_until(const struct spool *s, const struct tally *t)
{
	int64_t longest = s->config.longest;

	if (longest == 0 || t->until == 0)
		return t->until;
	if (t->put_off > clock_wall())
		return 0;
	return t->until < t->put_off + longest ? t->until : t->put_off + longest;
}

/* A list of a newer version is not ours to begin anew. What else is wrong with it shows later. */
static enum claimed
check_recipients(const struct spool_entry *e, struct complaint *why)
{
	int fd = openat(e->dir, "recipients", O_RDONLY | O_CLOEXEC);
	char start[64];
	ssize_t n;

	if (fd < 0 && unreadable(errno) == CLAIM_SHORT) {
		(void)complain_errno(why, "cannot open recipients");
		return CLAIM_SHORT;
	}
	n = fd < 0 ? 0 : read(fd, start, sizeof(start) - 1);
	if (fd >= 0)
		(void)close(fd);
	start[n < 0 ? 0 : n] = '\0';
	return n <= 0 || distribution_check(start, (size_t)n, why) == 0 ? CLAIMED : CLAIM_UNREADABLE;
}

static enum claimed
read_envelope(struct spool_entry *e, struct complaint *why)
{
	struct bytes text = { 0 };
	int rc = file_read(e->dir, "envelope.json", LARGEST_ENVELOPE, &text, why);
	enum claimed c = CLAIMED;

	if (rc < 0)
		c = unreadable(errno);
	else if (rc == 0)
		rc = complain(why, "envelope.json is missing");
	else
		rc = envelope_parse(text.data, text.length, &e->entry.envelope, why);
	bytes_free(&text);
	return rc < 0 && c == CLAIMED ? CLAIM_UNREADABLE : c;
}

/* Whose envelope can be read, has its fate: it is put off, and reported in the end. */
static enum claimed
read_progress(struct spool *s, struct spool_entry *e, struct complaint *why)
{
	struct tally t;

	errno = 0;
	if (spool_progress(&e->entry, 0, &t, why) < 0) {
		if (unreadable(errno) == CLAIM_SHORT)
			return CLAIM_SHORT;
		e->entry.damage = mem_text(why->text);
		return CLAIMED;
	}
	e->entry.tries = t.tries;
	e->deaths = t.deaths + (strcmp(t.begun_in, queue_word(e->entry.queue)) == 0);
	e->entry.until = waits_until(s, &t);
	e->entry.decided = t.decided;
	e->entry.spent = t.spent;
	e->entry.since = t.since != 0 ? t.since : e->entry.envelope.arrived;
	if (t.damaged != 0)
		log_say(LEVEL_ERROR, "spool", "%s: progress, line %zu, is no record: what was "
		        "under way there is in doubt", e->entry.id, t.damaged);
	tally_free(&t);
	return CLAIMED;
}

static enum claimed
read_entry(struct spool *s, struct spool_entry *e, struct complaint *why)
{
	enum claimed c = read_envelope(e, why);

	if (c == CLAIMED)
		c = check_recipients(e, why);
	if (c == CLAIMED)
		c = read_progress(s, e, why);
	/* Two intakes of one message may both have found nothing before either was there. */
	return c == CLAIMED && spool_later(s, e->entry.queue, e->entry.id) ? CLAIM_REPEAT : c;
}

static enum claimed
try_claim(struct spool *s, enum queue_id queue, const char *id, struct spool_entry **entry_r,
          struct complaint *why)
{
	struct spool_entry *e = mem_new(sizeof(*e));
	enum claimed c;

	e->entry.queues = &s->queues;
	e->entry.queue = queue;
	memcpy(e->entry.id, id, sizeof(e->entry.id));
	e->dir = e->lock = e->progress = e->freezing = -1;
	monitor_init(&e->appending);
	c = lock_entry(s, queue, e, why);
	if (c == CLAIMED)
		c = read_entry(s, e, why);
	if (c == CLAIM_REPEAT) {
		struct complaint unused;

		log_say(LEVEL_INFO, "spool", "%s is a repeat of what is done already", id);
		(void)file_remove_dir(s->dirs[queue], id, &unused);
	}
	if (c == CLAIMED)
		*entry_r = e;
	else
		close_entry(e);
	return c;
}

/*
 * An operator is in a hurry: what the progress file says of waiting holds no more, in the next
 * queue either.
 */
static void
end_waiting(struct spool_entry *e)
{
	const struct record r = { .kind = RECORD_DEFER, .at = clock_wall(), .tries = e->entry.tries,
		                  .spent = -1 };
	struct complaint why;

	if (spool_note(&e->entry, &r, false, &why) < 0)
		log_say(LEVEL_WARN, "spool", "%s: %s", e->entry.id, why.text);
	e->entry.until = 0;
}

/* Whether an entry that is there to be claimed is to be worked on now; else it is put back. */
static bool
begin(struct spool *s, enum queue_id queue, struct spool_entry *e, bool hurried)
{
	int64_t now = clock_wall(), wait = s->config.rescan;

	if (e->entry.until > now && hurried)
		end_waiting(e);
	if (e->entry.until > now) {
		wait = e->entry.until - now;
	} else {
		switch (spool_begin(s, e)) {
		case BEGUN:
			return true;
		case BEGIN_LATER:
			wait = SUSPECT_AGAIN;
			break;
		case BEGIN_HELD:
			break;
		}
	}
	spool_put_back(s, queue, e->entry.id, wait);
	close_entry(e);
	return false;
}

static void
say_short(enum queue_id queue, const char *id, const struct complaint *why)
{
	static _Atomic int64_t again;

	if (clock_again(&again, SHORT_SAID))
		log_say(LEVEL_ERROR, "spool", "%s/%s waits: %s", queue_word(queue), id, why->text);
}

struct entry *
spool_claim(struct queues *queues, enum queue_id queue)
{
	struct spool *s = (struct spool *)queues;
	struct spool_entry *e = NULL;
	struct complaint why;
	char id[DIGEST_NAME + 1];
	bool hurried;

	while (spool_next(s, queue, id, &hurried)) {
		enum claimed c = spool_is_held(s, id) ? CLAIM_HELD : try_claim(s, queue, id, &e, &why);

		switch (c) {
		case CLAIMED:
			if (begin(s, queue, e, hurried))
				return &e->entry;
			break;
		case CLAIM_HELD:
			spool_put_back(s, queue, id, s->config.rescan);
			break;
		case CLAIM_TAKEN:
			spool_put_back(s, queue, id, TAKEN_BY_OTHERS);
			break;
		case CLAIM_UNREADABLE:
			log_say(LEVEL_ERROR, "spool", "%s/%s is left alone: %s", queue_word(queue), id,
			        why.text);
			spool_put_back(s, queue, id, UNREADABLE);
			break;
		case CLAIM_SHORT:
			say_short(queue, id, &why);
			spool_put_back(s, queue, id, SHORT);
			(void)usleep(SHORT_REST * 1000);        /* another would fare no better */
			return NULL;
		case CLAIM_GONE:
		case CLAIM_REPEAT:
			spool_gone(s, queue, id);
			break;
		}
	}
	return NULL;
}

struct entry *
spool_seize(struct queues *queues, const char *id, struct deadline by, bool *exists, struct complaint *why)
{
	struct spool *s = (struct spool *)queues;
	struct spool_entry *e;

	for (*exists = true; *exists; (void)usleep(LOOK_AGAIN * 1000)) {
		*exists = false;
		/* In the direction of movement, so that it does not slip past. */
		for (enum queue_id q = QUEUE_PENDING; q < QUEUE_COUNT && !*exists; q++) {
			enum claimed c = try_claim(s, q, id, &e, why);

			if (c == CLAIMED)
				return &e->entry;
			*exists = c == CLAIM_SHORT || c == CLAIM_UNREADABLE;
			if (*exists)
				return NULL;
			*exists = c == CLAIM_TAKEN;
		}
		if (*exists && deadline_passed(by)) {
			(void)complain(why, "somebody still works on it");
			return NULL;
		}
	}
	(void)complain(why, "there is no such entry");
	return NULL;
}

int
spool_take(struct queues *queues, enum queue_id queue, const char *id, struct entry **entry,
           struct complaint *why)
{
	struct spool *s = (struct spool *)queues;
	struct spool_entry *e;
	enum claimed c;

	if (!spool_is_name(id))
		return 0;
	if (spool_is_held(s, id))
		return complain(why, "%s is held; rollcallctl release lets it go", id);
	c = try_claim(s, queue, id, &e, why);
	if (c == CLAIM_GONE || c == CLAIM_REPEAT)
		return 0;
	if (c == CLAIM_TAKEN)
		return complain(why, "somebody else is working on %s", id);
	if (c != CLAIMED)
		return -1;
	spool_keep(s, queue, id);
	if (spool_begin(s, e) == BEGUN) {
		*entry = &e->entry;
		return 1;
	}
	spool_put_back(s, queue, id, s->config.rescan);
	close_entry(e);
	return complain(why, "the expander ended while it was working on %s", id);
}

int
spool_message(struct entry *entry, const char **data, size_t *length, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;

	int64_t size = entry->envelope.size;

	if (e->message.data == NULL && file_map(e->dir, "message.eml", &e->message, why) < 0)
		return -1;
	if (size > 0 && (int64_t)e->message.length != size)      /* a file system was repaired */
		return complain(why, "message.eml: %zu bytes of %lld", e->message.length, (long long)size);
	*data = e->message.data == NULL ? "" : e->message.data;
	*length = e->message.length;
	return 0;
}

static int
flush_frozen(struct spool_entry *e, struct complaint *why)
{
	int rc = file_write(e->freezing, e->buffer.data, e->buffer.length, "recipients", why);

	bytes_clear(&e->buffer);
	return rc;
}

int
spool_freeze_begin(struct entry *entry, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;

	file_unmap(&e->recipients);
	if (e->freezing >= 0)
		(void)close(e->freezing);
	bytes_clear(&e->buffer);
	e->frozen = 0;
	e->freezing = openat(e->dir, "recipients", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (e->freezing < 0)
		return complain_errno(why, "cannot make recipients");
	distribution_begin(&e->buffer);
	return 0;
}

int
spool_freeze_add(struct entry *entry, const char *canonical, const char *spelling,
                 struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;

	distribution_line(&e->buffer, canonical, spelling);
	e->frozen++;
	return e->buffer.length < FREEZE_BUFFER ? 0 : flush_frozen(e, why);
}

int
spool_freeze_finish(struct entry *entry, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;
	int rc;

	distribution_end(&e->buffer, e->frozen);
	rc = flush_frozen(e, why);
	step(8);
	if (rc == 0)
		rc = file_sync(e->freezing, "recipients", why);
	/* What may not last must not look whole when somebody comes to look. */
	if (rc < 0 && ftruncate(e->freezing, 0) < 0)
		log_say(LEVEL_ERROR, "spool", "%s: cannot throw the list away", e->entry.id);
	(void)close(e->freezing);
	e->freezing = -1;
	if (rc == 0)
		step(9);
	return rc;
}

int
spool_recipients(struct entry *entry, struct distribution *d, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)entry;

	*d = (struct distribution){ 0 };
	if (e->recipients.data == NULL && faccessat(e->dir, "recipients", F_OK, 0) == 0 &&
	    file_map(e->dir, "recipients", &e->recipients, why) < 0)
		return -1;
	return distribution_open(d, e->recipients.data, e->recipients.length, why);
}

/* What is left of an entry that is done: its envelope, its recipients and what became of them. */
static int
move_done(struct spool *s, struct spool_entry *e, struct complaint *why)
{
	int rc = file_sync(s->dirs[QUEUE_DONE], "done", why);

	step(17);
	/* It may have been held when nothing was left to do. */
	if (rc == 0 && spool_held(&e->entry))
		(void)unlinkat(s->held, e->entry.id, 0);
	if (rc == 0 && spool_remove_message(s, e->dir) < 0)
		log_say(LEVEL_WARN, "spool", "%s: cannot remove message.eml", e->entry.id);
	step(18);
	return rc;
}

int
spool_move(struct entry **entry, enum queue_id to, struct complaint *why)
{
	struct spool_entry *e = (struct spool_entry *)*entry;
	struct spool *s = (struct spool *)e->entry.queues;
	enum queue_id from = e->entry.queue;
	char id[DIGEST_NAME + 1];

	memcpy(id, e->entry.id, sizeof(id));
	/* First: who reads the queue meanwhile is not to try it, and put it off as somebody else's. */
	if (to != QUEUE_DONE)
		spool_keep(s, to, id);
	if (renameat2(s->dirs[from], id, s->dirs[to], id, RENAME_NOREPLACE) < 0) {
		(void)complain_errno(why, "cannot move %s from %s to %s", id, queue_word(from),
		                     queue_word(to));
		spool_gone(s, to, id);
		return -1;
	}
	step(to == QUEUE_DONE ? 16 : 10);
	spool_gone(s, from, id);
	if (to == QUEUE_DONE) {
		/* What a failure here leaves is removed at the next start. */
		if (move_done(s, e, why) < 0)
			log_say(LEVEL_WARN, "spool", "%s", why->text);
		spool_moved(e);
		spool_end(s, e, 0);
		close_entry(e);
		*entry = NULL;
	} else {
		e->entry.queue = to;
		spool_moved(e);
	}
	return 0;
}

void
spool_release(struct entry **entry, int64_t until)
{
	struct spool_entry *e = (struct spool_entry *)*entry;
	struct spool *s = (struct spool *)e->entry.queues;
	enum queue_id queue = e->entry.queue;
	char id[DIGEST_NAME + 1];

	memcpy(id, e->entry.id, sizeof(id));
	spool_end(s, e, until);
	close_entry(e);
	*entry = NULL;
	spool_put_back(s, queue, id, until == 0 ? 0 : until - clock_wall());
}
