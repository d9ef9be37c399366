/* The spool: opening, and the table of its operations. The format is in docs/spool.md. */
#include "queues/spool.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void (*spool_step)(int step);

static void
close_spool(struct queues *queues)
{
	struct spool *s = (struct spool *)queues;

	for (enum queue_id q = 0; q < QUEUE_COUNT; q++) {
		line_up_free(&s->line_ups[q]);
		if (s->dirs[q] >= 0)
			(void)close(s->dirs[q]);
	}
	spool_drop_spares(s);
	if (s->tmp >= 0)
		(void)close(s->tmp);
	if (s->held >= 0)
		(void)close(s->held);
	if (s->root >= 0)
		(void)close(s->root);
	monitor_destroy(&s->monitor);
	free(s->config.path);
	free(s);
}

static const struct queue_ops ops = {
	.name = "spool",
	.draft = spool_draft,
	.write = spool_write,
	.entry_name = spool_name,
	.name_by = spool_name_by,
	.commit = spool_commit,
	.discard = spool_discard,
	.claim = spool_claim,
	.take = spool_take,
	.wait = spool_wait,
	.wake = spool_wake,
	.hurry = spool_hurry,
	.message = spool_message,
	.freeze_begin = spool_freeze_begin,
	.freeze_add = spool_freeze_add,
	.freeze_finish = spool_freeze_finish,
	.recipients = spool_recipients,
	.progress = spool_progress,
	.note = spool_note,
	.sync = spool_sync,
	.receipt = spool_receipt,
	.receipts = spool_receipts,
	.move = spool_move,
	.rest = spool_rest,
	.held = spool_held,
	.release = spool_release,
	.leave = spool_leave,
	.each = spool_each,
	.look = spool_look,
	.member = spool_member,
	.count = spool_count,
	.forget = spool_forget,
	.close = close_spool,
};

/* Opens a directory of the spool, and makes it first unless we are only looking. */
static int
open_dir(const struct spool *s, const char *name, struct complaint *why)
{
	if (!s->config.read_only && mkdirat(s->root, name, 0700) < 0 && errno != EEXIST)
		return complain_errno(why, "cannot make %s/%s", s->config.path, name);
	return file_open_dir(s->root, name, why);
}

static int
open_root(struct spool *s, struct complaint *why)
{
	const char *kind;

	if (!s->config.read_only && file_make_dirs(s->config.path, 0700, why) < 0)
		return -1;
	s->root = file_open_dir(AT_FDCWD, s->config.path, why);
	if (s->root < 0)
		return -1;
	if (!file_is_local(s->root, &kind))
		return complain(why, "%s lies on %s: the spool needs a file system of this host",
		                s->config.path, kind);
	s->tmp = open_dir(s, "tmp", why);
	for (enum queue_id q = 0; q < QUEUE_COUNT && s->tmp >= 0; q++) {
		s->dirs[q] = open_dir(s, queue_word(q), why);
		/* A spool that was made before there was this queue has nothing in it. */
		if (s->dirs[q] < 0 &&
		    (!s->config.read_only || faccessat(s->root, queue_word(q), F_OK, 0) == 0))
			return -1;
	}
	if (s->tmp < 0)
		return -1;
	s->held = open_dir(s, "held", why);
	return s->held < 0 && !s->config.read_only ? -1 : 0;
}

struct queues *
spool_open(const struct spool_config *config, struct complaint *why)
{
	struct spool *s = mem_new(sizeof(*s));

	s->queues.ops = &ops;
	s->config = *config;
	s->config.path = mem_text(config->path);
	s->root = s->tmp = s->held = s->spares.dir = -1;
	monitor_init(&s->monitor);
	for (enum queue_id q = 0; q < QUEUE_COUNT; q++) {
		s->dirs[q] = -1;
		line_up_init(&s->line_ups[q]);
	}
	if (open_root(s, why) < 0 ||
	    (!config->read_only && (file_sync(s->root, config->path, why) < 0 ||
	                            spool_identify(s, why) < 0))) {
		close_spool(&s->queues);
		return NULL;
	}
	if (!config->read_only)
		spool_clean_tmp(s);
	return &s->queues;
}
