/*
 * The in-memory double of the queues: the contract without a disk, to show that the interface
 * leaves room for another back end.
 */
#include "tests/unit/queue_contract.h"

#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/monitor.h"

#include <stdlib.h>
#include <string.h>

struct memory_entry {
	struct entry entry;
	struct memory_entry *next;
	struct bytes message, frozen, freezing, progress;
	struct noted {
		int64_t batch;
		char *token;
	} *receipts;
	size_t receipt_count, told;       /* told: to who has claimed it */
	size_t frozen_count;
	bool claimed;
	int64_t due, done_at;
};

struct memory {
	struct queues queues;
	struct monitor monitor;
	struct memory_entry *all;
};

struct memory_draft {
	struct draft draft;
	struct bytes message;
	char *key;                        /* of the names; NULL: the message */
};

static struct envelope
copy_envelope(const struct envelope *from)
{
	struct bytes text = { 0 };
	struct envelope to;
	struct complaint why;

	envelope_print(from, &text);
	if (envelope_parse(text.data, text.length, &to, &why) < 0)
		fail_msg("%s", why.text);
	bytes_free(&text);
	return to;
}

static struct draft *
draft(struct queues *q, enum stored *result, struct complaint *why)
{
	struct memory_draft *d = mem_new(sizeof(*d));

	(void)why;
	d->draft.queues = q;
	*result = STORED;
	return &d->draft;
}

static enum stored
write_some(struct draft *d, const void *bytes, size_t length, struct complaint *why)
{
	(void)why;
	bytes_add(&((struct memory_draft *)d)->message, bytes, length);
	return STORED;
}

static void
entry_name(struct draft *d, const char *list, const char *role, char id[DIGEST_NAME + 1])
{
	const struct bytes *message = &((struct memory_draft *)d)->message;
	const char *key = ((struct memory_draft *)d)->key;
	unsigned char sum[DIGEST_SIZE];
	struct digest *digest = digest_open();

	digest_add(digest, list, strlen(list) + 1);
	digest_add(digest, role, strlen(role) + 1);
	if (key == NULL)
		digest_add(digest, message->data, message->length);
	else
		digest_add(digest, key, strlen(key) + 1);
	digest_end(&digest, sum);
	digest_name(sum, id);
}

static void
name_by(struct draft *d, const char *key)
{
	free(((struct memory_draft *)d)->key);
	((struct memory_draft *)d)->key = mem_text(key);
}

static void
commit(struct draft *d, struct commitment *all, size_t count, struct complaint *why)
{
	struct memory *m = (struct memory *)d->queues;

	(void)why;
	monitor_enter(&m->monitor);
	for (size_t i = 0; i < count; i++) {
		struct memory_entry **at = &m->all, *e;
		char id[DIGEST_NAME + 1];

		entry_name(d, all[i].envelope->list, all[i].envelope->role, id);
		while (*at != NULL && strcmp((*at)->entry.id, id) != 0)
			at = &(*at)->next;
		all[i].result = *at == NULL ? STORED : STORED_BEFORE;
		if (*at != NULL)
			continue;
		*at = e = mem_new(sizeof(*e));
		memcpy(e->entry.id, id, sizeof(id));
		e->entry.queues = d->queues;
		e->entry.queue = all[i].queue;
		e->entry.envelope = copy_envelope(all[i].envelope);
		bytes_add(&e->message, ((struct memory_draft *)d)->message.data,
		          ((struct memory_draft *)d)->message.length);
		progress_head(&e->progress);
	}
	monitor_wake(&m->monitor);
	monitor_leave(&m->monitor);
}

static void
discard(struct draft **d)
{
	if (*d == NULL)
		return;
	bytes_free(&((struct memory_draft *)*d)->message);
	free(((struct memory_draft *)*d)->key);
	free(*d);
	*d = NULL;
}

static struct entry *
claim(struct queues *q, enum queue_id queue)
{
	struct memory *m = (struct memory *)q;
	struct memory_entry *e;

	monitor_enter(&m->monitor);
	for (e = m->all; e != NULL; e = e->next)
		if (e->entry.queue == queue && !e->claimed && e->due <= clock_wall())
			break;
	if (e != NULL) {
		e->claimed = true;
		e->told = 0;
	}
	monitor_leave(&m->monitor);
	return e == NULL ? NULL : &e->entry;
}

static int
take(struct queues *q, enum queue_id queue, const char *id, struct entry **entry, struct complaint *why)
{
	struct memory *m = (struct memory *)q;
	struct memory_entry *e = m->all;
	int rc = 0;

	monitor_enter(&m->monitor);
	while (e != NULL && (e->entry.queue != queue || strcmp(e->entry.id, id) != 0))
		e = e->next;
	if (e != NULL && e->claimed) {
		rc = complain(why, "somebody else has it");
	} else if (e != NULL) {
		e->claimed = true;
		*entry = &e->entry;
		rc = 1;
	}
	monitor_leave(&m->monitor);
	return rc;
}

static void
wait_for_some(struct queues *q, enum queue_id queue, struct deadline by)
{
	struct memory *m = (struct memory *)q;

	(void)queue;
	monitor_enter(&m->monitor);
	(void)monitor_wait_until(&m->monitor, by);
	monitor_leave(&m->monitor);
}

static void
wake(struct queues *q, enum queue_id unused)
{
	(void)unused;
	monitor_wake(&((struct memory *)q)->monitor);
}

static size_t
hurry(struct queues *q, const char *id)
{
	struct memory *m = (struct memory *)q;
	size_t count = 0;

	for (struct memory_entry *e = m->all; e != NULL; e = e->next)
		if (e->entry.queue != QUEUE_DONE && !e->claimed &&
		    (id == NULL || strcmp(id, e->entry.id) == 0)) {
			e->due = 0;
			count++;
		}
	return count;
}

static int
message(struct entry *entry, const char **data, size_t *length, struct complaint *why)
{
	const struct memory_entry *e = (struct memory_entry *)entry;

	(void)why;
	*data = bytes_text(&e->message);
	*length = e->message.length;
	return 0;
}

static int
freeze_begin(struct entry *entry, struct complaint *why)
{
	struct memory_entry *e = (struct memory_entry *)entry;

	(void)why;
	bytes_clear(&e->freezing);
	bytes_clear(&e->frozen);
	e->frozen_count = 0;
	distribution_begin(&e->freezing);
	return 0;
}

static int
freeze_add(struct entry *entry, const char *canonical, const char *spelling, struct complaint *why)
{
	struct memory_entry *e = (struct memory_entry *)entry;

	(void)why;
	distribution_line(&e->freezing, canonical, spelling);
	e->frozen_count++;
	return 0;
}

static int
freeze_finish(struct entry *entry, struct complaint *why)
{
	struct memory_entry *e = (struct memory_entry *)entry;

	(void)why;
	distribution_end(&e->freezing, e->frozen_count);
	bytes_free(&e->frozen);
	e->frozen = e->freezing;
	e->freezing = (struct bytes){ 0 };
	return 0;
}

static int
recipients(struct entry *entry, struct distribution *d, struct complaint *why)
{
	const struct memory_entry *e = (struct memory_entry *)entry;

	return distribution_open(d, e->frozen.data, e->frozen.length, why);
}

static int
progress(struct entry *entry, size_t count, struct tally *t, struct complaint *why)
{
	const struct memory_entry *e = (struct memory_entry *)entry;

	return tally_read(t, count, e->progress.data, e->progress.length, why) < 0 ? -1 : 0;
}

static int
note(struct entry *entry, const struct record *r, bool durable, struct complaint *why)
{
	(void)durable, (void)why;
	progress_print(r, &((struct memory_entry *)entry)->progress);
	if (r->kind == RECORD_DECIDED && entry->decided == DECIDED_NOT)
		entry->decided = r->decided;
	if (r->kind != RECORD_DEFER)
		return 0;
	entry->tries = r->tries;
	if (r->spent >= 0) {
		entry->spent = r->spent;
		entry->since = r->at;
	}
	return 0;
}

static int
sync_all(struct entry *entry, struct complaint *why)
{
	(void)entry, (void)why;
	return 0;
}

struct wanted {
	int64_t batch;
	const char *token;
	bool asked;
};

static void
look_for(void *arg, const struct record *r)
{
	struct wanted *w = arg;

	w->asked |= r->kind == RECORD_INTENT && r->batch == w->batch && r->receipt != NULL &&
	            strcmp(r->receipt, w->token) == 0;
}

static enum receipt_fate
receipt(struct queues *q, const char *id, int64_t batch, const char *token, struct complaint *why)
{
	struct wanted w = { batch, token, false };
	struct memory_entry *e = ((struct memory *)q)->all;

	while (e != NULL && strcmp(e->entry.id, id) != 0)
		e = e->next;
	if (e != NULL)
		(void)progress_read(e->progress.data, e->progress.length, look_for, &w, why);
	if (!w.asked)
		return RECEIPT_UNKNOWN;
	if (e->entry.queue == QUEUE_DONE)
		return RECEIPT_LATE;
	e->receipts = mem_resize(e->receipts, (e->receipt_count + 1) * sizeof(*e->receipts));
	e->receipts[e->receipt_count++] = (struct noted){ batch, mem_text(token) };
	return RECEIPT_NOTED;
}

static int
receipts(struct entry *entry, void (*see)(void *, int64_t, const char *), void *arg, struct complaint *why)
{
	struct memory_entry *e = (struct memory_entry *)entry;

	(void)why;
	for (; e->told < e->receipt_count; e->told++)
		see(arg, e->receipts[e->told].batch, e->receipts[e->told].token);
	return 0;
}

static int
move(struct entry **entry, enum queue_id to, struct complaint *why)
{
	struct memory_entry *e = (struct memory_entry *)*entry;

	(void)why;
	e->entry.queue = to;
	if (to == QUEUE_DONE) {
		bytes_free(&e->message);
		e->claimed = false;
		e->done_at = clock_wall();
		*entry = NULL;
	}
	return 0;
}

static void
release(struct entry **entry, int64_t until)
{
	struct memory_entry *e = (struct memory_entry *)*entry;

	e->claimed = false;
	e->due = until;
	*entry = NULL;
	wake(e->entry.queues, e->entry.queue);
}

/* What does not outlast a process blames none. */
static void
rest(struct entry *entry)
{
	(void)entry;
}

static void
leave(struct queues *q)
{
	(void)q;
}

static int
each(struct queues *q, enum queue_id queue, void (*see)(void *, const struct entry_summary *),
     void *arg, struct complaint *why)
{
	struct memory *m = (struct memory *)q;

	(void)why;
	for (struct memory_entry *e = m->all; e != NULL; e = e->next)
		if (e->entry.queue == queue)
			see(arg, &(struct entry_summary){ .id = e->entry.id, .queue = queue,
			                                  .envelope = &e->entry.envelope });
	return 0;
}

static bool
look(struct queues *q, const char *id, void (*see)(void *, const struct entry_summary *), void *arg)
{
	struct memory_entry *e = ((struct memory *)q)->all;
	struct complaint why;
	struct tally t;

	while (e != NULL && strcmp(e->entry.id, id) != 0)
		e = e->next;
	if (e == NULL)
		return false;
	assert_true(tally_read(&t, 0, e->progress.data, e->progress.length, &why) >= 0);
	see(arg, &(struct entry_summary){ .id = e->entry.id, .queue = e->entry.queue,
	                                  .envelope = &e->entry.envelope, .tally = &t });
	tally_free(&t);
	return true;
}

static int
member(struct queues *q, const char *beginning, const char *list, size_t line, char **address,
       struct complaint *why)
{
	for (struct memory_entry *e = ((struct memory *)q)->all; e != NULL; e = e->next) {
		struct distribution d;
		const char *at;
		size_t length;

		if (e->entry.queue < QUEUE_OUTBOUND || strcmp(e->entry.envelope.list, list) != 0 ||
		    strncmp(e->entry.id, beginning, strlen(beginning)) != 0 ||
		    distribution_open(&d, bytes_text(&e->frozen), e->frozen.length, why) != 1)
			continue;
		if (line < d.count) {
			at = distribution_canonical(&d, line, &length);
			*address = mem_copy(at, length);
		}
		distribution_close(&d);
		return *address != NULL;
	}
	return 0;
}

static int
count_queue(struct queues *q, enum queue_id queue, struct queue_count *count, struct complaint *why)
{
	(void)why;
	*count = (struct queue_count){ 0 };
	for (struct memory_entry *e = ((struct memory *)q)->all; e != NULL; e = e->next) {
		int64_t at = e->entry.envelope.arrived;

		if (e->entry.queue != queue)
			continue;
		count->entries++;
		if (queue != QUEUE_DONE && (count->oldest == 0 || at < count->oldest))
			count->oldest = at;
	}
	return 0;
}

static void
free_entry(struct memory_entry *e)
{
	envelope_free(&e->entry.envelope);
	bytes_free(&e->message);
	bytes_free(&e->frozen);
	bytes_free(&e->freezing);
	bytes_free(&e->progress);
	for (size_t i = 0; i < e->receipt_count; i++)
		free(e->receipts[i].token);
	free(e->receipts);
	free(e);
}

/* No operator comes here. */
static bool
held(struct entry *entry)
{
	(void)entry;
	return false;
}

static size_t
forget(struct queues *q, int64_t before)
{
	struct memory_entry **at = &((struct memory *)q)->all;
	size_t count = 0;

	while (*at != NULL) {
		struct memory_entry *e = *at;

		if (e->entry.queue != QUEUE_DONE || e->done_at >= before) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free_entry(e);
		count++;
	}
	return count;
}

static void
close_memory(struct queues *q)
{
	struct memory *m = (struct memory *)q;

	while (m->all != NULL) {
		struct memory_entry *e = m->all;

		m->all = e->next;
		free_entry(e);
	}
	monitor_destroy(&m->monitor);
	free(m);
}

static const struct queue_ops ops = {
	.name = "memory",
	.draft = draft,
	.write = write_some,
	.entry_name = entry_name,
	.name_by = name_by,
	.commit = commit,
	.discard = discard,
	.claim = claim,
	.take = take,
	.wait = wait_for_some,
	.wake = wake,
	.hurry = hurry,
	.message = message,
	.freeze_begin = freeze_begin,
	.freeze_add = freeze_add,
	.freeze_finish = freeze_finish,
	.recipients = recipients,
	.progress = progress,
	.note = note,
	.sync = sync_all,
	.receipt = receipt,
	.receipts = receipts,
	.move = move,
	.rest = rest,
	.release = release,
	.leave = leave,
	.each = each,
	.look = look,
	.member = member,
	.count = count_queue,
	.held = held,
	.forget = forget,
	.close = close_memory,
};

struct queues *
queue_memory_open(void *unused)
{
	struct memory *m = mem_new(sizeof(*m));

	(void)unused;
	m->queues.ops = &ops;
	monitor_init(&m->monitor);
	return &m->queues;
}
