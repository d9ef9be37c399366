/* Looking at the spool from outside: names, summaries, and what may be thrown away. */
#include "queues/spool.h"

#include "base/base32.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 30, DEAD_AFTER = 60 };

bool
spool_is_name(const char *name)
{
	return strlen(name) == DIGEST_NAME &&
	       strspn(name, base32_letters) == DIGEST_NAME;
}

/* A list of a directory that starts at its beginning; NULL with errno. */
static DIR *
list_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL && fd >= 0)
		(void)close(fd);
	return dir;
}

int
spool_each_in(const struct spool *s, const char *directory, void (*visit)(void *, const char *),
              void *arg, struct complaint *why)
{
	DIR *dir = list_dir(s->root, directory);
	struct dirent *e;

	if (dir == NULL && errno == ENOENT && s->config.read_only)
		return 0;
	if (dir == NULL)
		return complain_errno(why, "cannot read the queue %s", directory);
	while ((e = readdir(dir)) != NULL)
		if (spool_is_name(e->d_name))
			visit(arg, e->d_name);
	(void)closedir(dir);
	return 0;
}

int
spool_each_name(const struct spool *s, enum queue_id queue, void (*visit)(void *, const char *),
                void *arg, struct complaint *why)
{
	return spool_each_in(s, queue_word(queue), visit, arg, why);
}

struct summing {
	const struct spool *spool;
	enum queue_id queue;
	void (*see)(void *, const struct entry_summary *);
	void *arg;
};

/* Reads what the files of an entry say at this moment; it may move on meanwhile. */
static void
sum_up(void *arg, const char *id)
{
	const struct summing *g = arg;
	struct entry_summary sum = { .id = id, .queue = g->queue,
		                     .held = g->queue != QUEUE_DONE && spool_is_held(g->spool, id) };
	struct bytes text = { 0 }, progress = { 0 };
	struct envelope envelope = { 0 };
	struct distribution d = { 0 };
	struct tally t = { 0 };
	struct file_map map = { 0 };
	struct complaint why = { "" };
	bool newer;
	int whole = 0;
	int dir = openat(g->spool->dirs[g->queue], id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	if (file_read(dir, "envelope.json", LARGEST_FILE, &text, &why) == 1 &&
	    envelope_parse(text.data, text.length, &envelope, &why) == 0)
		sum.envelope = &envelope;
	if (faccessat(dir, "recipients", F_OK, 0) == 0)
		whole = file_map(dir, "recipients", &map, &why) < 0
		                ? -1
		                : distribution_open(&d, map.data, map.length, &why);
	sum.recipients = d.count;
	sum.frozen = whole > 0 ? &d : NULL;
	newer = map.data != NULL && distribution_check(map.data, map.length, &why) < 0;
	if (!newer && file_read(dir, "progress", LARGEST_FILE, &progress, &why) >= 0 &&
	    tally_read(&t, d.count, bytes_text(&progress), progress.length, &why) >= 0) {
		sum.tally = &t;
		sum.reason = t.reason;
	}
	if (sum.envelope == NULL || sum.tally == NULL || whole < 0)
		sum.reason = why.text;
	g->see(g->arg, &sum);
	tally_free(&t);
	distribution_close(&d);
	file_unmap(&map);
	envelope_free(&envelope);
	bytes_free(&text);
	bytes_free(&progress);
	(void)close(dir);
}

int
spool_each(struct queues *queues, enum queue_id queue,
           void (*see)(void *, const struct entry_summary *), void *arg, struct complaint *why)
{
	struct summing g = { (struct spool *)queues, queue, see, arg };

	return spool_each_name(g.spool, queue, sum_up, &g, why);
}

struct looking {
	void (*see)(void *, const struct entry_summary *);
	void *arg;
	bool seen;
};

static void
see_it(void *arg, const struct entry_summary *sum)
{
	struct looking *l = arg;

	l->seen = true;
	l->see(l->arg, sum);
}

bool
spool_look(struct queues *queues, const char *id, void (*see)(void *, const struct entry_summary *),
           void *arg)
{
	struct looking l = { see, arg, false };
	struct summing g = { .spool = (struct spool *)queues, .see = see_it, .arg = &l };

	/* In the direction of movement: one that moves meanwhile is met. */
	for (g.queue = 0; g.queue < QUEUE_COUNT && !l.seen && spool_is_name(id); g.queue++)
		sum_up(&g, id);
	return l.seen;
}

int
spool_history(struct queues *queues, const char *id, void (*visit)(void *, const struct record *), void *arg,
              struct complaint *why)
{
	const struct spool *s = (const struct spool *)queues;
	struct bytes text = { 0 };
	enum queue_id unused;
	int rc = 0, dir = spool_find(s, id, &unused);

	if (dir < 0)
		return 0;
	if (file_read(dir, "progress", LARGEST_FILE, &text, why) < 0 ||
	    progress_read(bytes_text(&text), text.length, visit, arg, why) < 0)
		rc = -1;
	bytes_free(&text);
	(void)close(dir);
	return rc < 0 ? -1 : 1;
}

struct member_look {
	const struct spool *spool;
	enum queue_id queue;
	const char *beginning, *list;
	size_t line;
	char **address;
	int result;
	struct complaint *why;
};

/* A frozen list stays as it is until the entry is forgotten. */
static int
member_in(const struct member_look *l, int dir)
{
	struct bytes text = { 0 };
	struct envelope envelope = { 0 };
	struct distribution d = { 0 };
	struct file_map map = { 0 };
	const char *at;
	size_t length;
	int rc = file_read(dir, "envelope.json", LARGEST_FILE, &text, l->why);

	if (rc == 1)
		rc = envelope_parse(text.data, text.length, &envelope, l->why) < 0 ? -1 : 1;
	if (rc == 1)
		rc = strcmp(envelope.list, l->list) == 0;
	if (rc == 1)
		rc = file_map(dir, "recipients", &map, l->why) < 0
		             ? -1 : distribution_open(&d, map.data, map.length, l->why);
	if (rc == 1 && l->line < d.count) {
		at = distribution_canonical(&d, l->line, &length);
		*l->address = mem_copy(at, length);
	} else if (rc == 1) {
		rc = 0;
	}
	distribution_close(&d);
	file_unmap(&map);
	envelope_free(&envelope);
	bytes_free(&text);
	return rc;
}

static void
member_at(void *arg, const char *id)
{
	struct member_look *l = arg;
	int dir;

	if (l->result != 0 || strncmp(id, l->beginning, strlen(l->beginning)) != 0)
		return;
	dir = openat(l->spool->dirs[l->queue], id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;                   /* it moved on, to where we look next */
	l->result = member_in(l, dir);
	(void)close(dir);
}

int
spool_member(struct queues *queues, const char *beginning, const char *list, size_t line, char **address,
             struct complaint *why)
{
	struct member_look l = { .spool = (struct spool *)queues, .queue = QUEUE_OUTBOUND,
		                 .beginning = beginning, .list = list, .line = line, .address = address,
		                 .why = why };

	for (; l.queue < QUEUE_COUNT && l.result == 0; l.queue++)
		if (spool_each_name(l.spool, l.queue, member_at, &l, why) < 0)
			return -1;
	return l.result;
}

struct counting {
	const struct spool *spool;
	enum queue_id queue;
	struct queue_count *count;
};

/* An envelope is written once: its file's time is that of the arrival. */
static void
count_one(void *arg, const char *id)
{
	const struct counting *c = arg;
	char path[DIGEST_NAME + sizeof("/envelope.json")];
	struct stat st;
	int64_t at;

	c->count->entries++;
	if (c->queue != QUEUE_DONE && spool_is_held(c->spool, id))
		c->count->held++;
	(void)snprintf(path, sizeof(path), "%s/envelope.json", id);
	if (c->queue == QUEUE_DONE || fstatat(c->spool->dirs[c->queue], path, &st, 0) < 0)
		return;
	at = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (c->count->oldest == 0 || at < c->count->oldest)
		c->count->oldest = at;
}

int
spool_count(struct queues *queues, enum queue_id queue, struct queue_count *count,
            struct complaint *why)
{
	struct counting c = { (struct spool *)queues, queue, count };

	*count = (struct queue_count){ 0 };
	return spool_each_name(c.spool, queue, count_one, &c, why);
}

struct forgetting {
	const struct spool *spool;
	int64_t before;
	size_t count;
};

static void
forget_one(void *arg, const char *id)
{
	struct forgetting *f = arg;
	int done = f->spool->dirs[QUEUE_DONE];
	struct complaint why;
	struct stat st;
	int dir;

	if (fstatat(done, id, &st, 0) < 0)
		return;
	if ((int64_t)st.st_mtim.tv_sec * 1000 < f->before) {
		if (file_remove_dir(done, id, &why) < 0)
			log_say(LEVEL_WARN, "spool", "done/%s: %s", id, why.text);
		else
			f->count++;
		return;
	}
	/* A crash between the move and the removal leaves the message. */
	dir = openat(done, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		(void)unlinkat(dir, "message.eml", 0);
		(void)close(dir);
	}
}

size_t
spool_forget(struct queues *queues, int64_t before)
{
	struct forgetting f = { (struct spool *)queues, before, 0 };
	struct complaint why;

	if (spool_each_name(f.spool, QUEUE_DONE, forget_one, &f, &why) < 0)
		log_say(LEVEL_WARN, "spool", "%s", why.text);
	spool_clean_tmp((struct spool *)queues);
	return f.count;
}

/* Whether nobody is writing there: the writer holds a lock as long as it lives. */
static bool
is_abandoned(int tmp, const char *name)
{
	int dir = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool abandoned = false;

	if (dir < 0)
		return false;
	if (fstat(dir, &st) == 0 && st.st_mtim.tv_sec + DEAD_AFTER < time(NULL))
		abandoned = flock(dir, LOCK_EX | LOCK_NB) == 0;
	(void)close(dir);
	return abandoned;
}

void
spool_clean_tmp(struct spool *s)
{
	DIR *dir = list_dir(s->root, "tmp");
	struct complaint why;
	struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && is_abandoned(s->tmp, e->d_name) &&
		    file_remove_dir(s->tmp, e->d_name, &why) < 0)
			log_say(LEVEL_WARN, "spool", "tmp/%s: %s", e->d_name, why.text);
	(void)closedir(dir);
}
