/*
 * Spools that were restored. The file `identity` says which file it is itself: a copy of it, by
 * whatever program, says something else than what is the case. What lies in a spool with such a
 * file may have been sent since the copy was made, and is held until an operator lets it go: by a
 * file of the entry's name in `held`.
 */
#include "queues/spool.h"

#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDENTITY_VERSION = 1, LARGEST_IDENTITY = 65536 };

/* What a file is that was not copied: nobody can choose when it was born. */
struct identity {
	int64_t born;                     /* nanoseconds; 0 where the file system does not know */
	int64_t inode;                    /* counts where that is so */
	char machine[DIGEST_NAME + 1];    /* of /etc/machine-id; "" where there is none */
};

/* machine-id(5) asks not to be told to others as it is. */
static void
read_machine(char name[DIGEST_NAME + 1])
{
	static const char salt[] = "rollcall spool";
	struct bytes id = { 0 };
	struct complaint unused;
	unsigned char sum[DIGEST_SIZE];
	struct digest *d;

	*name = '\0';
	if (file_read(AT_FDCWD, "/etc/machine-id", 256, &id, &unused) == 1 && id.length >= 32) {
		d = digest_open();
		digest_add(d, salt, sizeof(salt));
		digest_add(d, id.data, 32);
		digest_end(&d, sum);
		digest_name(sum, name);
	}
	bytes_free(&id);
}

/* What the file is. */
static int
look_at(int at, const char *name, struct identity *i, struct complaint *why)
{
	struct statx st;

	if (statx(at, name, 0, STATX_INO | STATX_BTIME, &st) < 0)
		return complain_errno(why, "cannot look at %s", name);
	i->inode = (int64_t)st.stx_ino;
	i->born = (st.stx_mask & STATX_BTIME) == 0
	                  ? 0
	                  : st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
	read_machine(i->machine);
	return 0;
}

/* What the file says: 1, 0 there is none, -1 it is of a newer version or cannot be read. */
static int
read_identity(const struct spool *s, struct identity *i, struct complaint *why)
{
	struct bytes text = { 0 };
	int rc = file_read(s->root, "identity", LARGEST_IDENTITY, &text, why);
	struct js *j = rc == 1 ? js_parse(text.data, text.length, why) : NULL;

	*i = (struct identity){ 0 };
	if (rc == 1 && js_number(j, "version", 1) > IDENTITY_VERSION)
		rc = complain(why, "the spool is of version %lld, which is not known to this program",
		              (long long)js_number(j, "version", 0));
	else if (j != NULL) {
		i->born = js_number(j, "born", 0);
		i->inode = js_number(j, "inode", 0);
		(void)snprintf(i->machine, sizeof(i->machine), "%s",
		               js_text(j, "machine") == NULL ? "" : js_text(j, "machine"));
	}
	js_drop(&j);
	bytes_free(&text);
	return rc;
}

/* Makes the file anew, durable and under its name at once. */
static int
write_identity(const struct spool *s, struct complaint *why)
{
	static const char new[] = "identity.new";
	struct js *j = js_object();
	struct bytes text = { 0 };
	struct identity i = { 0 };
	int fd, rc = -1;

	(void)unlinkat(s->root, new, 0);
	fd = openat(s->root, new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		(void)complain_errno(why, "cannot make %s/%s", s->config.path, new);
	} else if (look_at(s->root, new, &i, why) == 0) {
		js_set_number(j, "version", IDENTITY_VERSION);
		js_set_number(j, "born", i.born);
		js_set_number(j, "inode", i.inode);
		js_set_text(j, "machine", i.machine);
		js_print(j, false, &text);
		bytes_add_char(&text, '\n');
		rc = file_write(fd, text.data, text.length, new, why);
		if (rc == 0)
			rc = file_sync(fd, new, why);
		if (rc == 0 && renameat(s->root, new, s->root, "identity") < 0)
			rc = complain_errno(why, "cannot rename %s/%s", s->config.path, new);
		if (rc == 0)
			rc = file_sync(s->root, s->config.path, why);
	}
	if (fd >= 0)
		(void)close(fd);
	bytes_free(&text);
	js_drop(&j);
	return rc;
}

/* Why what is in the spool may have been sent from elsewhere; NULL if it is where it was made. */
static const char *
suspicion(int rc, const struct identity *said, const struct identity *is)
{
	if (rc == 0)
		return "it does not say where it was made";
	if (*said->machine != '\0' && *is->machine != '\0' && strcmp(said->machine, is->machine) != 0)
		return "it was made on another machine";
	if (said->born == 0 || is->born == 0 ? said->inode != is->inode : said->born != is->born)
		return "it is a copy";
	return NULL;
}

struct holding {
	const struct spool *spool;
	size_t count;
	int rc;
	struct complaint *why;
};

/* Not durable yet. */
static int
hold(const struct spool *s, const char *id, struct complaint *why)
{
	int fd = openat(s->held, id, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return complain_errno(why, "cannot hold %s", id);
	(void)close(fd);
	return 0;
}

int
spool_hold(const struct spool *s, const char *id, struct complaint *why)
{
	return hold(s, id, why) < 0 ? -1 : file_sync(s->held, "held", why);
}

static void
hold_one(void *arg, const char *id)
{
	struct holding *h = arg;

	h->count++;
	if (h->rc == 0)
		h->rc = hold(h->spool, id, h->why);
}

/* Durably, before the new identity says that all is well. */
static int
hold_all(const struct spool *s, size_t *count, struct complaint *why)
{
	struct holding h = { .spool = s, .why = why };

	for (enum queue_id q = 0; q < QUEUE_DONE && h.rc == 0; q++)
		if (spool_each_name(s, q, hold_one, &h, why) < 0)
			h.rc = -1;
	*count = h.count;
	return h.rc < 0 || h.count == 0 ? h.rc : file_sync(s->held, "held", why);
}

static int
identify(const struct spool *s, struct complaint *why)
{
	struct identity said, is = { 0 };
	int rc = read_identity(s, &said, why);
	const char *reason;
	size_t count;

	if (rc < 0 || (rc == 1 && look_at(s->root, "identity", &is, why) < 0))
		return -1;
	reason = suspicion(rc, &said, &is);
	if (reason == NULL)
		return 0;
	if (hold_all(s, &count, why) < 0 || write_identity(s, why) < 0)
		return -1;
	if (count > 0)
		log_say(LEVEL_ERROR, "restored",
		        "%s: %s: %zu %s held, lest anything is sent twice; rollcallctl queue shows what "
		        "is, rollcallctl release lets it go",
		        s->config.path, reason, count, count == 1 ? "entry is" : "entries are");
	return 0;
}

int
spool_identify(const struct spool *s, struct complaint *why)
{
	int rc;

	/* Another process may be starting as well. */
	if (flock(s->root, LOCK_EX) < 0)
		return complain_errno(why, "cannot lock %s", s->config.path);
	rc = identify(s, why);
	(void)flock(s->root, LOCK_UN);
	return rc;
}

bool
spool_is_held(const struct spool *s, const char *id)
{
	return s->held >= 0 && faccessat(s->held, id, F_OK, 0) == 0;
}

bool
spool_held(struct entry *entry)
{
	return spool_is_held((struct spool *)entry->queues, entry->id);
}

/* ---- what an operator decides ---- */

int
spool_hold_entry(const char *path, const char *id, struct complaint *why)
{
	const struct spool_config config = { .path = (char *)path, .read_only = true };
	struct queues *queues = spool_open(&config, why);
	struct spool *s = (struct spool *)queues;
	int rc = 0;

	if (queues == NULL)
		return -1;
	for (enum queue_id q = QUEUE_PENDING; q < QUEUE_DONE && rc == 0; q++)
		if (faccessat(s->dirs[q], id, F_OK, 0) == 0)
			rc = spool_hold(s, id, why) < 0 ? -1 : 1;
	queues_close(&queues);
	return rc;
}

/* Whether somebody has claimed it. What cannot be opened nobody works on. */
static bool
is_claimed(const struct spool *s, enum queue_id queue, const char *id)
{
	char path[DIGEST_NAME + sizeof("/envelope.json")];
	bool claimed;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/envelope.json", id);
	fd = openat(s->dirs[queue], path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	claimed = flock(fd, LOCK_EX | LOCK_NB) < 0;
	(void)close(fd);
	return claimed;
}

struct release {
	struct spool *spool;
	const char *id;                   /* or NULL for all */
	bool discard;
	size_t count;
	int rc;
	struct complaint *why;
};

/* As if it had been sent: nobody claims what is held, so that it can be moved once nobody has it. */
static int
discard_entry(const struct release *r, const char *id)
{
	const struct spool *s = r->spool;
	char message[DIGEST_NAME + sizeof("/message.eml")];

	(void)snprintf(message, sizeof(message), "%s/message.eml", id);
	for (enum queue_id q = 0; q < QUEUE_DONE; q++) {
		if (is_claimed(s, q, id))
			return complain(r->why, "%s: an expander still works on it: try again", id);
		if (renameat2(s->dirs[q], id, s->dirs[QUEUE_DONE], id, RENAME_NOREPLACE) < 0) {
			if (errno == ENOENT || s->dirs[q] < 0)
				continue;
			if (errno != EEXIST)
				return complain_errno(r->why, "cannot move %s to done", id);
			/* It is done already: this one came back beside it. */
			if (file_remove_dir(s->dirs[q], id, r->why) < 0)
				return -1;
			continue;
		}
		if (file_sync(s->dirs[QUEUE_DONE], "done", r->why) < 0)
			return -1;
		(void)unlinkat(s->dirs[QUEUE_DONE], message, 0);
	}
	return 0;
}

static void
release_one(void *arg, const char *id)
{
	struct release *r = arg;

	if (r->rc < 0 || (r->id != NULL && strcmp(r->id, id) != 0))
		return;
	if (r->discard && discard_entry(r, id) < 0)
		r->rc = -1;
	else if (unlinkat(r->spool->held, id, 0) < 0 && errno != ENOENT)
		r->rc = complain_errno(r->why, "cannot release %s", id);
	else
		r->count++;
}

int
spool_release_held(const char *path, const char *id, bool discard, size_t *count,
                   struct complaint *why)
{
	const struct spool_config config = { .path = (char *)path, .read_only = true };
	struct queues *queues = spool_open(&config, why);
	struct release r = { (struct spool *)queues, id, discard, 0, 0, why };

	*count = 0;
	if (queues == NULL)
		return -1;
	if (r.spool->held >= 0 && spool_each_in(r.spool, "held", release_one, &r, why) < 0)
		r.rc = -1;
	if (r.rc == 0 && r.spool->held >= 0)
		r.rc = file_sync(r.spool->held, "held", why);
	*count = r.count;
	queues_close(&queues);
	return r.rc;
}
