/*
 * Taking a message into the spool. The order of the steps is the promise: whatever dies between two
 * of them, an entry is either not there or whole (the numbers are those of docs/spool.md).
 */
#include "queues/spool.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WRITE_BUFFER = 65536,
	SLOW_SYNC = 1000                  /* us: from here on a thread of its own is worth its while */
};

struct spool_draft {
	struct draft draft;
	char name[SPOOL_NAME];            /* of its directory in tmp/ */
	int dir, message;
	struct bytes buffer;
	struct digest *digest;
	unsigned char sum[DIGEST_SIZE];   /* of the message or the key, once the message is whole */
	bool whole, synced;
};

/* An entry on its way from tmp/ to its queue. */
struct prepared {
	char id[DIGEST_NAME + 1];
	char name[SPOOL_NAME];            /* of its directory in tmp/ */
	int dir;                          /* that directory, whose lock keeps it; -1 for the draft's own */
	bool moved;                       /* renamed to its queue */
};

/* STORE_FULL for the errors of a full disk, else STORE_FAILED. */
static enum stored
failure(int error)
{
	return error == ENOSPC || error == EDQUOT ? STORE_FULL : STORE_FAILED;
}

int
spool_make_dir(struct spool *s, const char *kind, char name[SPOOL_NAME], struct complaint *why)
{
	uint64_t number = atomic_fetch_add(&s->made, 1);
	int fd;

	(void)snprintf(name, SPOOL_NAME, "%s-%d-%llx-%llx", kind, (int)getpid(),
	               (unsigned long long)clock_ticks_us(), (unsigned long long)number);
	if (mkdirat(s->tmp, name, 0700) < 0) {
		(void)complain_errno(why, "cannot make tmp/%s", name);
		*name = '\0';
		return -1;
	}
	fd = openat(s->tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int error = errno;

		(void)complain_errno(why, "cannot open tmp/%s", name);
		(void)unlinkat(s->tmp, name, AT_REMOVEDIR);
		*name = '\0';
		errno = error;
		return -1;
	}
	(void)flock(fd, LOCK_SH);         /* alive: not to be cleaned away */
	return fd;
}

struct draft *
spool_draft(struct queues *queues, enum stored *result, struct complaint *why)
{
	struct spool *s = (struct spool *)queues;
	struct spool_draft *d = mem_new(sizeof(*d));
	struct draft *draft = &d->draft;

	d->draft.queues = queues;
	d->message = -1;
	d->dir = spool_make_dir(s, "draft", d->name, why);
	if (d->dir >= 0) {
		step(1);
		d->message = spool_make_message(s, d->dir);
	}
	*result = STORED;
	if (d->message < 0) {
		*result = failure(errno);
		(void)complain_errno(why, "cannot store a message");
		spool_discard(&draft);
		return NULL;
	}
	d->digest = digest_open();
	return draft;
}

static enum stored
flush(struct spool_draft *d, struct complaint *why)
{
	enum stored result = STORED;

	if (file_write(d->message, d->buffer.data, d->buffer.length, "message.eml", why) < 0)
		result = failure(errno);
	bytes_clear(&d->buffer);
	return result;
}

enum stored
spool_write(struct draft *draft, const void *bytes, size_t length, struct complaint *why)
{
	struct spool_draft *d = (struct spool_draft *)draft;

	digest_add(d->digest, bytes, length);
	bytes_add(&d->buffer, bytes, length);
	return d->buffer.length < WRITE_BUFFER ? STORED : flush(d, why);
}

void
spool_name(struct draft *draft, const char *list, const char *role, char id[DIGEST_NAME + 1])
{
	struct spool_draft *d = (struct spool_draft *)draft;

	if (!d->whole)
		digest_end(&d->digest, d->sum);
	d->whole = true;
	envelope_name(d->sum, list, role, id);
}

void
spool_name_by(struct draft *draft, const char *key)
{
	struct spool_draft *d = (struct spool_draft *)draft;
	struct digest *digest = digest_open();

	digest_add(digest, key, strlen(key) + 1);
	digest_end(&digest, d->sum);
	d->whole = true;
}

bool
spool_later(const struct spool *s, enum queue_id queue, const char *id)
{
	/*
	 * In the direction of movement: an entry that moves meanwhile is met in one place or the
	 * other.
	 */
	for (enum queue_id q = queue + 1; q < QUEUE_COUNT; q++)
		if (faccessat(s->dirs[q], id, F_OK, 0) == 0)
			return true;
	return false;
}

/* In any queue: what it was thought of the first time holds. */
static bool
is_there(const struct spool *s, const char *id)
{
	return faccessat(s->dirs[0], id, F_OK, 0) == 0 || spool_later(s, 0, id);
}

/* Makes an empty file, so that its name is durable with the directory's others. */
static int
make_empty(int dir, const char *name, struct complaint *why)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return complain_errno(why, "cannot make %s", name);
	(void)close(fd);
	return 0;
}

static int
write_envelope(int dir, const struct envelope *envelope, struct complaint *why)
{
	struct bytes text = { 0 };
	int fd = openat(dir, "envelope.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc = -1;

	envelope_print(envelope, &text);
	if (fd < 0)
		(void)complain_errno(why, "cannot make envelope.json");
	else if (file_write(fd, text.data, text.length, "envelope.json", why) == 0)
		rc = file_sync(fd, "envelope.json", why);
	if (fd >= 0)
		(void)close(fd);
	bytes_free(&text);
	return rc;
}

/* Fills and syncs the directory of an entry that holds its message already. */
static enum stored
prepare(int dir, const struct envelope *envelope, struct complaint *why)
{
	if (make_empty(dir, "recipients", why) < 0 || make_empty(dir, "progress", why) < 0 ||
	    write_envelope(dir, envelope, why) < 0)
		return failure(errno);
	step(4);
	if (file_sync(dir, "an entry's directory", why) < 0)
		return failure(errno);
	step(5);
	return STORED;
}

/* A further entry of the same message: a directory with a link to it. */
static enum stored
prepare_linked(struct spool *s, struct spool_draft *d, const struct envelope *envelope,
               struct prepared *p, struct complaint *why)
{
	enum stored result;

	p->dir = spool_make_dir(s, "draft", p->name, why);
	if (p->dir < 0)
		return failure(errno);
	if (linkat(d->dir, "message.eml", p->dir, "message.eml", 0) < 0) {
		result = failure(errno);
		(void)complain_errno(why, "cannot link message.eml");
	} else {
		result = prepare(p->dir, envelope, why);
	}
	return result;
}

/*
 * The sync of the message. On a disk where that takes its time it goes on beside those of the
 * entry, which do not depend on it.
 */
struct syncing {
	struct spool *spool;
	struct spool_draft *draft;
	pthread_t thread;
	bool beside;
	enum stored result;
	struct complaint why;
};

static void *
sync_message(void *arg)
{
	struct syncing *y = arg;
	int64_t began = clock_ticks_us();

	if (file_sync(y->draft->message, "message.eml", &y->why) < 0)
		y->result = failure(errno);
	atomic_store(&y->spool->sync_took, clock_ticks_us() - began);
	return NULL;
}

static void
begin_sync(struct syncing *y)
{
	struct spool_draft *d = y->draft;

	if (d->buffer.length > 0)
		y->result = flush(d, &y->why);
	step(2);
	if (d->synced || y->result != STORED)
		return;
	y->beside = atomic_load(&y->spool->sync_took) > SLOW_SYNC &&
	            pthread_create(&y->thread, NULL, sync_message, y) == 0;
	if (!y->beside)
		(void)sync_message(y);
}

static enum stored
end_sync(struct syncing *y, struct complaint *why)
{
	if (y->beside)
		(void)pthread_join(y->thread, NULL);
	if (y->result == STORED)
		y->draft->synced = true;
	else
		*why = y->why;
	step(3);
	return y->result;
}

static enum stored
publish(struct spool *s, enum queue_id queue, struct prepared *p, struct complaint *why)
{
	if (renameat2(s->tmp, p->name, s->dirs[queue], p->id, RENAME_NOREPLACE) == 0) {
		p->moved = true;
		step(6);
		return STORED;
	}
	if (errno == EEXIST)
		return STORED_BEFORE;
	(void)complain_errno(why, "cannot move an entry to %s", queue_word(queue));
	return failure(errno);
}

/*
 * Prepares all. The first uses the draft's own directory, to which the others link: it goes last.
 */
static void
prepare_all(struct spool *s, struct spool_draft *d, struct commitment *all, size_t count,
            struct prepared *prepared, struct complaint *why)
{
	struct syncing sync = { .spool = s, .draft = d, .result = STORED };
	enum stored message;
	size_t own = 0;

	begin_sync(&sync);
	for (size_t i = 0; i < count; i++) {
		struct commitment *c = &all[i];
		const char *id = prepared[i].id;

		prepared[i].dir = -1;
		spool_name(&d->draft, c->envelope->list, c->envelope->role, prepared[i].id);
		c->result = is_there(s, id)
		                    ? STORED_BEFORE
		                    : STORED;
	}
	while (own < count && all[own].result != STORED)
		own++;
	for (size_t i = own + 1; i < count; i++)
		if (all[i].result == STORED)
			all[i].result = prepare_linked(s, d, all[i].envelope, &prepared[i], why);
	if (own < count) {
		memcpy(prepared[own].name, d->name, sizeof(d->name));
		all[own].result = prepare(d->dir, all[own].envelope, why);
	}
	message = end_sync(&sync, why);
	for (size_t i = 0; message != STORED && i < count; i++)
		all[i].result = message;
}

/*
 * Whether the answer for a commitment depends on what is in a queue. The entry that a repeat met may
 * have come a moment ago by somebody who has not synced it yet, or never will, and may have moved on
 * since: any queue.
 */
static bool
concerns(const struct commitment *c, enum queue_id queue)
{
	return (c->result == STORED && c->queue == queue) ||
	       c->result == STORED_BEFORE;
}

/* Makes the names in one queue durable, if any are new or were found to be there. */
static void
sync_queue(const struct spool *s, enum queue_id queue, struct commitment *all, size_t count,
           struct complaint *why)
{
	bool any = false;

	for (size_t i = 0; i < count; i++)
		any |= concerns(&all[i], queue);
	if (!any || file_sync(s->dirs[queue], queue_word(queue), why) == 0)
		return;
	/*
	 * They are there and may not last: the MTA will send them again, and they are synced again
	 * before it is told that they are there.
	 */
	for (size_t i = 0; i < count; i++)
		if (concerns(&all[i], queue))
			all[i].result = STORE_FAILED;
}

void
spool_commit(struct draft *draft, struct commitment *all, size_t count, struct complaint *why)
{
	struct spool_draft *d = (struct spool_draft *)draft;
	struct spool *s = (struct spool *)d->draft.queues;
	struct prepared *prepared = mem_array(count, sizeof(*prepared));
	struct complaint unused;

	prepare_all(s, d, all, count, prepared, why);
	for (size_t i = 0; i < count; i++)
		if (all[i].result == STORED)
			all[i].result = publish(s, all[i].queue, &prepared[i], why);
	for (enum queue_id q = 0; q < QUEUE_COUNT; q++)
		sync_queue(s, q, all, count, why);
	step(7);
	for (size_t i = 0; i < count; i++) {
		const struct prepared *p = &prepared[i];
		bool own = strcmp(p->name, d->name) == 0;

		if (p->moved)
			spool_arrived(s, all[i].queue, p->id);
		if (p->moved && own)
			d->name[0] = '\0';       /* the draft's directory has become the entry */
		else if (!p->moved && !own && p->name[0] != '\0')
			(void)file_remove_dir(s->tmp, p->name, &unused);
		if (p->dir >= 0)
			(void)close(p->dir);
	}
	free(prepared);
}

void
spool_discard(struct draft **draft)
{
	struct spool_draft *d = (struct spool_draft *)*draft;
	struct complaint why;

	*draft = NULL;
	if (d == NULL)
		return;
	if (d->message >= 0)
		(void)close(d->message);
	if (d->dir >= 0)
		(void)close(d->dir);
	if (d->name[0] != '\0' &&
	    file_remove_dir(((struct spool *)d->draft.queues)->tmp, d->name, &why) < 0)
		log_say(LEVEL_WARN, "spool", "%s", why.text);
	digest_close(&d->digest);
	bytes_free(&d->buffer);
	free(d);
}
