/*
 * The spool: the contract of queues, a process stopped at every numbered step, a full disk, torn
 * and damaged files, names that others put there.
 */
#include "tests/unit/queue_contract.h"
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static const char hello[] = "Subject: hello\r\n\r\nHello.\r\n";

static void
contract_spool(void **state)
{
	char *dir = make_temp_dir();
	const struct back_end b = { "spool", queue_spool_open, dir };

	(void)state;
	queue_contract(&b);
	remove_temp_dir(dir);
}

static void
contract_memory(void **state)
{
	const struct back_end b = { "memory", queue_memory_open, NULL };

	(void)state;
	queue_contract(&b);
}

/* ---- stopped at every step ---- */

static int stop_at;

static void
stop(int step)
{
	if (step == stop_at)
		(void)kill(getpid(), SIGKILL);
}

/* A post's whole life, as a process that may be stopped. */
static void
live(const char *dir)
{
	static const char token[] = "abcdefghijklmnop";
	const struct record intent = { .kind = RECORD_INTENT, .at = 1, .batch = 1, .count = 1,
		                       .receipt = token };
	const struct record line = { .kind = RECORD_LINE, .batch = 1, .line = 1, .code = 550 };
	const struct record result = { .kind = RECORD_RESULT, .at = 2, .batch = 1, .code = 250 };
	struct queues *q = queue_spool_open((void *)dir);
	char id[DIGEST_NAME + 1];
	struct complaint why;
	struct entry *e;

	spool_step = stop;
	(void)store_one(q, QUEUE_PENDING, hello, "staff@l.x", id);
	e = q->ops->claim(q, QUEUE_PENDING);
	(void)q->ops->freeze_begin(e, &why);
	(void)q->ops->freeze_add(e, "ann@x.org", "ann@x.org", &why);
	(void)q->ops->freeze_finish(e, &why);
	(void)q->ops->move(&e, QUEUE_OUTBOUND, &why);
	(void)q->ops->note(e, &intent, true, &why);
	(void)q->ops->note(e, &line, true, &why);
	(void)q->ops->receipt(q, id, 1, token, &why);
	(void)q->ops->note(e, &result, true, &why);
	(void)q->ops->move(&e, QUEUE_DONE, &why);
	_exit(0);
}

/* Where the entry is found after a stop at each step, and how many batches would be sent again. */
static const struct {
	int step;
	int queue;                         /* -1: nowhere */
	bool frozen, doubt, heard;
} after[] = {
	{ 1, -1, false, false, false },
	{ 2, -1, false, false, false },
	{ 3, -1, false, false, false },
	{ 4, -1, false, false, false },
	{ 5, -1, false, false, false },
	{ 6, QUEUE_PENDING, false, false, false },
	{ 7, QUEUE_PENDING, false, false, false },
	{ 8, QUEUE_PENDING, true, false, false },
	{ 9, QUEUE_PENDING, true, false, false },
	{ 10, QUEUE_OUTBOUND, true, false, false },
	{ 11, QUEUE_OUTBOUND, true, true, false },
	{ 12, QUEUE_OUTBOUND, true, true, false },
	{ 13, QUEUE_OUTBOUND, true, true, false },
	{ 19, QUEUE_OUTBOUND, true, true, true },
	{ 20, QUEUE_OUTBOUND, true, true, true },
	{ 14, QUEUE_OUTBOUND, true, false, false },
	{ 15, QUEUE_OUTBOUND, true, false, false },
	{ 16, QUEUE_DONE, true, false, false },
	{ 17, QUEUE_DONE, true, false, false },
	{ 18, QUEUE_DONE, true, false, false },
	{ 99, QUEUE_DONE, true, false, false },
};

struct seen {
	int queue;
	size_t entries;
};

static void
note_queue(void *arg, const struct entry_summary *sum)
{
	struct seen *s = arg;

	s->queue = (int)sum->queue;
	s->entries++;
}

static void
count_receipt(void *arg, int64_t batch, const char *token)
{
	assert_int_equal(batch, 1);
	assert_int_equal(strlen(token), 16);
	++*(size_t *)arg;
}

static void
check_claimed(struct queues *q, size_t i)
{
	size_t receipts = 0;
	struct entry *e = q->ops->claim(q, (enum queue_id)after[i].queue);
	struct distribution d;
	struct complaint why;
	struct tally t;
	int whole;

	if (e == NULL)
		fail_msg("step %d: cannot be claimed", after[i].step);
	whole = q->ops->recipients(e, &d, &why);
	same_number("frozen", whole, after[i].frozen);
	distribution_close(&d);
	assert_int_equal(q->ops->progress(e, after[i].frozen, &t, &why), 0);
	same_number("doubt", (long long)t.doubt, after[i].doubt);
	same_number("open", t.open != NULL, after[i].doubt);
	assert_int_equal(q->ops->receipts(e, count_receipt, &receipts, &why), 0);
	if (after[i].doubt)
		same_number("receipts", (long long)receipts, after[i].heard);
	tally_free(&t);
	q->ops->release(&e, 0);
}

static void
stopped_at_every_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
		char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
		struct seen seen = { -1, 0 };
		struct complaint why;
		struct queues *q;
		pid_t pid = fork();
		int status;

		stop_at = after[i].step;
		if (pid == 0)
			live(dir);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(stop_at == 99 ? WIFEXITED(status) : WIFSIGNALED(status));
		q = queue_spool_open(dir);
		for (enum queue_id k = QUEUE_PENDING; k < QUEUE_COUNT; k++)
			assert_int_equal(q->ops->each(q, k, note_queue, &seen, &why), 0);
		if (seen.queue != after[i].queue)
			fail_msg("stopped at step %d: in %d, want %d", stop_at, seen.queue,
			         after[i].queue);
		if (seen.queue >= 0 && seen.queue < QUEUE_DONE)
			check_claimed(q, i);
		/* The MTA sends it again: nothing new where it is, and not lost where it is not. */
		assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id),
		                 seen.queue < 0 ? STORED : STORED_BEFORE);
		/* What the stopped process left behind is cleaned away. */
		(void)q->ops->forget(q, 0);
		queues_close(&q);
		remove_temp_dir(dir);
	}
}

/* ---- moderation ---- */

/* A post that is held and let go, as a process that may be stopped. */
static void
live_held(const char *dir)
{
	const struct record accept = { .kind = RECORD_DECIDED, .decided = DECIDED_ACCEPT, .at = 1, .id = "ann" };
	struct queues *q = queue_spool_open((void *)dir);
	char id[DIGEST_NAME + 1];
	struct complaint why;
	struct entry *e;

	(void)store_one(q, QUEUE_MODERATION, hello, "staff@l.x", id);
	assert_int_equal(q->ops->take(q, QUEUE_MODERATION, id, &e, &why), 1);
	spool_step = stop;
	(void)q->ops->note(e, &accept, true, &why);
	(void)q->ops->move(&e, QUEUE_PENDING, &why);
	_exit(0);
}

/* It is decided or not, and in one queue; and the same again is no news. */
static void
stopped_while_deciding(void **state)
{
	static const struct {
		int step;
		enum queue_id queue;
		enum decided decided;
	} cases[] = { { 21, QUEUE_MODERATION, DECIDED_ACCEPT }, { 22, QUEUE_MODERATION, DECIDED_ACCEPT },
		      { 10, QUEUE_PENDING, DECIDED_ACCEPT }, { 99, QUEUE_PENDING, DECIDED_ACCEPT } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
		struct seen seen = { -1, 0 };
		struct complaint why;
		struct queues *q;
		struct entry *e;
		pid_t pid = fork();
		int status;

		stop_at = cases[i].step;
		if (pid == 0)
			live_held(dir);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(stop_at == 99 ? WIFEXITED(status) : WIFSIGNALED(status));
		q = queue_spool_open(dir);
		for (enum queue_id k = 0; k < QUEUE_COUNT; k++)
			assert_int_equal(q->ops->each(q, k, note_queue, &seen, &why), 0);
		same_number("queue", seen.queue, cases[i].queue);
		assert_int_equal(seen.entries, 1);
		assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED_BEFORE);
		assert_int_equal(store_one(q, QUEUE_MODERATION, hello, "staff@l.x", id), STORED_BEFORE);
		e = q->ops->claim(q, cases[i].queue);
		assert_non_null(e);
		same_number("decided", e->decided, cases[i].decided);
		q->ops->release(&e, 0);
		queues_close(&q);
		remove_temp_dir(dir);
	}
}

/* ---- syncs ---- */

/* What was synced, by the last part of its path; in place of the C library's. */
static char synced[1024];
static const char *failing;               /* what cannot be synced; NULL: nothing */
static useconds_t slowness;               /* how much longer each sync takes */

int
fdatasync(int fd)
{
	char link[32], path[256];
	const char *name;
	ssize_t n;

	(void)usleep(slowness);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
	if (slowness == 0 && strlen(synced) + strlen(name) + 2 < sizeof(synced))      /* one thread */
		(void)strcat(strcat(synced, " "), name);
	if (failing != NULL && strcmp(failing, name) == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* On a slow disk the message is synced by a thread of its own: with the same outcome. */
static void
a_slow_disk(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	const struct back_end b = { "spool", queue_spool_open, dir };
	struct queues *q;

	(void)state;
	slowness = 2000;
	queue_contract(&b);
	q = queue_spool_open(dir);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "first@l.x", id), STORED);
	failing = "message.eml";
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "second@l.x", id), STORE_FAILED);
	failing = NULL;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "second@l.x", id), STORED);
	slowness = 0;
	queues_close(&q);
	remove_temp_dir(dir);
}

/* 250 for a repeat means what it means for the first: that it is there, and lasts. */
static void
a_repeat_is_durable(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	struct entry *e;

	(void)state;
	failing = "pending";
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORE_FAILED);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORE_FAILED);
	failing = NULL;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED_BEFORE);
	synced[0] = '\0';
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED_BEFORE);
	same_text("repeat", strstr(synced, " pending"), " pending bounce outbound done");
	/* It may have moved on: a rename that nobody has synced. */
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_int_equal(q->ops->move(&e, QUEUE_OUTBOUND, &why), 0);
	q->ops->release(&e, 0);
	failing = "outbound";
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORE_FAILED);
	failing = NULL;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED_BEFORE);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* What a post with one list of one batch costs; the numbers of docs/spool.md. */
static void
syncs_of_a_post(void **state)
{
	const struct record intent = { .kind = RECORD_INTENT, .at = 1, .batch = 1, .count = 1 };
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], want[256];
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	struct entry *e;

	(void)state;
	synced[0] = '\0';
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_int_equal(q->ops->freeze_begin(e, &why), 0);
	assert_int_equal(q->ops->freeze_add(e, "ann@x.org", "ann@x.org", &why), 0);
	assert_int_equal(q->ops->freeze_finish(e, &why), 0);
	assert_int_equal(q->ops->move(&e, QUEUE_OUTBOUND, &why), 0);
	assert_int_equal(q->ops->note(e, &intent, true, &why), 0);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	(void)snprintf(want, sizeof(want), "%s", " pending recipients progress done");
	same_text("syncs", strstr(synced, " pending"), want);
	assert_non_null(strstr(synced, " message.eml envelope.json"));
	queues_close(&q);
	remove_temp_dir(dir);
}

/* ---- receipts ---- */

static void
append_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* An entry in outbound, and a batch of it that asks for a receipt. */
static struct entry *
ask_for_receipt(struct queues *q, const char *list, char id[DIGEST_NAME + 1])
{
	const struct record intent = { .kind = RECORD_INTENT, .batch = 1, .count = 1,
		                       .receipt = "abcdefghijklmnop" };
	struct complaint why;
	struct entry *e;

	assert_int_equal(store_one(q, QUEUE_OUTBOUND, hello, list, id), STORED);
	e = q->ops->claim(q, QUEUE_OUTBOUND);
	assert_int_equal(q->ops->note(e, &intent, true, &why), 0);
	return e;
}

/* What a crash left of one is no receipt, and does not spoil the next. */
static void
a_torn_receipt(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *path;
	struct queues *q = queue_spool_open(dir);
	struct entry *e = ask_for_receipt(q, "staff@l.x", id);
	struct complaint why;
	size_t receipts = 0;

	(void)state;
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_NOTED);
	path = mem_format("%s/outbound/%s/receipts", dir, id);
	append_text(path, "{\"batch\":1,\"receipt\":\"abcdefghi");
	assert_int_equal(q->ops->receipts(e, count_receipt, &receipts, &why), 0);
	assert_int_equal(receipts, 1);
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_NOTED);
	receipts = 0;
	assert_int_equal(q->ops->receipts(e, count_receipt, &receipts, &why), 0);
	assert_int_equal(receipts, 1);           /* the new one alone */
	q->ops->release(&e, 0);
	e = q->ops->claim(q, QUEUE_OUTBOUND);
	receipts = 0;
	assert_int_equal(q->ops->receipts(e, count_receipt, &receipts, &why), 0);
	assert_int_equal(receipts, 2);
	q->ops->release(&e, 0);
	e = q->ops->claim(q, QUEUE_OUTBOUND);
	/* Nothing is added to what a newer program wrote, and the MTA says it again. */
	assert_int_equal(unlink(path), 0);
	append_text(path, "{\"version\":2}\n");
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_FAILED);
	assert_int_equal(q->ops->receipts(e, count_receipt, &receipts, &why), -1);
	q->ops->release(&e, 0);
	free(path);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* A receipt that cannot be synced is not there; once the entry is done for good, nothing is written. */
static void
receipts_are_durable(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct entry *e = ask_for_receipt(q, "staff@l.x", id);
	struct complaint why;

	(void)state;
	failing = "receipts";
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_FAILED);
	failing = NULL;
	synced[0] = '\0';
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_NOTED);
	same_text("syncs", synced, " receipts");
	failing = "done";                 /* a loss of power may undo it */
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	failing = NULL;
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_NOTED);
	e = ask_for_receipt(q, "other@l.x", id);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	synced[0] = '\0';
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_LATE);
	same_text("syncs", synced, "");
	queues_close(&q);
	remove_temp_dir(dir);
}

/* However long the lines of progress are, and how far back the intent is. */
static void
a_receipt_of_long_ago(void **state)
{
	enum { MANY = 3000 };
	static uint32_t lines[20000];
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], token[32];
	struct queues *q = queue_spool_open(dir);
	struct entry *e = ask_for_receipt(q, "staff@l.x", id);
	struct complaint why;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		lines[i] = 2 * i;
	for (int64_t i = 2; i < MANY; i++) {
		const struct record r = { .kind = RECORD_INTENT, .batch = i, .receipt = token,
			                  .lines = i == 9 ? lines : NULL, .count = i == 9 ? 20000 : 1 };

		(void)snprintf(token, sizeof(token), "token%011lld", (long long)i);
		assert_int_equal(q->ops->note(e, &r, false, &why), 0);
	}
	for (int64_t i = 2; i < MANY; i += i == 9 || i == 10 ? 1 : 7) {
		(void)snprintf(token, sizeof(token), "token%011lld", (long long)i);
		assert_int_equal(q->ops->receipt(q, id, i, token, &why), RECEIPT_NOTED);
		assert_int_equal(q->ops->receipt(q, id, i + 1, token, &why), RECEIPT_UNKNOWN);
	}
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_NOTED);
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* What is known for good without it costs no write. */
static void
a_receipt_of_what_is_known(void **state)
{
	const struct record result = { .kind = RECORD_RESULT, .batch = 1, .code = 250 };
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct entry *e = ask_for_receipt(q, "staff@l.x", id);
	struct complaint why;

	(void)state;
	assert_int_equal(q->ops->note(e, &result, false, &why), 0);
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_NOTED);
	assert_int_equal(q->ops->sync(e, &why), 0);
	synced[0] = '\0';
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why), RECEIPT_LATE);
	assert_int_equal(q->ops->receipt(q, id, 1, "abcdefghijklmnoq", &why), RECEIPT_UNKNOWN);
	same_text("syncs", synced, "");
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

struct lane {
	struct entry *entry;
	int64_t batch;
	int result;
};

static void *
note_one(void *arg)
{
	struct lane *l = arg;
	const struct record r = { .kind = RECORD_INTENT, .batch = l->batch, .count = 1 };
	struct complaint why;

	l->result = l->entry->queues->ops->note(l->entry, &r, true, &why);
	return NULL;
}

/* Lanes share a sync where they can; one that fails is not made good by another. */
static void
lanes_that_sync(void **state)
{
	enum { LANES = 16 };
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct entry *e = ask_for_receipt(q, "staff@l.x", id);
	struct lane lanes[LANES];
	pthread_t threads[LANES];
	struct complaint why;
	struct tally t;

	(void)state;
	for (size_t i = 0; i < LANES; i++) {
		lanes[i] = (struct lane){ e, (int64_t)i + 2, -1 };
		assert_int_equal(pthread_create(&threads[i], NULL, note_one, &lanes[i]), 0);
	}
	for (size_t i = 0; i < LANES; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(lanes[i].result, 0);
	}
	assert_int_equal(q->ops->progress(e, 1, &t, &why), 0);
	assert_int_equal(t.batches, LANES + 1);
	tally_free(&t);
	synced[0] = '\0';
	assert_int_equal(q->ops->sync(e, &why), 0);
	same_text("nothing is new", synced, "");
	failing = "progress";
	note_one(&lanes[0]);
	assert_int_equal(lanes[0].result, -1);
	failing = NULL;
	note_one(&lanes[0]);
	assert_int_equal(lanes[0].result, -1);
	q->ops->release(&e, 0);
	e = q->ops->claim(q, QUEUE_OUTBOUND);
	lanes[0].entry = e;
	note_one(&lanes[0]);
	assert_int_equal(lanes[0].result, 0);
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* Two processes hear at the same time, while a third has the entry. */
static void
receipts_of_two_processes(void **state)
{
	enum { EACH = 50 };
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct entry *e = ask_for_receipt(q, "staff@l.x", id);
	struct complaint why;
	size_t receipts = 0;

	(void)state;
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			for (int k = 0; k < EACH; k++)
				if (q->ops->receipt(q, id, 1, "abcdefghijklmnop", &why) != RECEIPT_NOTED)
					_exit(1);
			_exit(0);
		}
	for (int i = 0; i < 2; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(q->ops->receipts(e, count_receipt, &receipts, &why), 0);
	assert_int_equal(receipts, 2 * EACH);
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

struct waiter {
	struct queues *queues;
	enum queue_id queue;
	atomic_bool over;
	pthread_t thread;
};

static void *
wait_long(void *arg)
{
	struct waiter *w = arg;

	w->queues->ops->wait(w->queues, w->queue, deadline_in(60000));
	w->over = true;
	return NULL;
}

/* It may not have begun to wait yet. */
static void
wake_until_over(struct waiter *w)
{
	const struct deadline by = deadline_in(10000);

	while (!w->over && !deadline_passed(by)) {
		w->queues->ops->wake(w->queues, w->queue);
		(void)usleep(1000);
	}
	assert_true(w->over);
	assert_int_equal(pthread_join(w->thread, NULL), 0);
}

/* Each queue wakes its own. */
static void
who_waits_is_woken(void **state)
{
	char *dir = make_temp_dir();
	const struct spool_config c = { .path = dir, .rescan = 60000 };
	struct complaint why;
	struct queues *q = spool_open(&c, &why);
	struct waiter one = { .queues = q, .queue = QUEUE_OUTBOUND },
	              other = { .queues = q, .queue = QUEUE_PENDING };

	(void)state;
	/* The first look reads the directory. */
	assert_null(q->ops->claim(q, QUEUE_OUTBOUND));
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(pthread_create(&one.thread, NULL, wait_long, &one), 0);
	assert_int_equal(pthread_create(&other.thread, NULL, wait_long, &other), 0);
	wake_until_over(&one);
	assert_false(other.over);
	wake_until_over(&other);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* ---- two processes ---- */

static const char *shared;
static int prepared;                      /* entries */

/* A long time after the last step 5, and before the first step 6, another process starts, and cleans up. */
static void
clean_meanwhile(int number)
{
	const struct spool_config c = { .path = (char *)shared, .rescan = 50 };
	char command[128];
	struct complaint why;
	struct queues *q;

	if (number != 5 || ++prepared < 2)
		return;
	spool_step = NULL;
	(void)snprintf(command, sizeof(command), "touch -d @0 %s/tmp/*", shared);
	assert_int_equal(system(command), 0);
	q = spool_open(&c, &why);
	assert_non_null(q);
	queues_close(&q);
}

static void
what_is_being_written_is_not_cleaned_away(void **state)
{
	char *dir = make_temp_dir();
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	const char *data;
	size_t length;

	(void)state;
	shared = dir;
	spool_step = clean_meanwhile;
	store_two(q, hello, "a@l.x", "b@l.x");
	for (int i = 0; i < 2; i++) {
		struct entry *e = q->ops->claim(q, QUEUE_PENDING);

		assert_non_null(e);
		assert_int_equal(q->ops->message(e, &data, &length, &why), 0);
		assert_int_equal(length, sizeof(hello) - 1);
		assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	}
	queues_close(&q);
	remove_temp_dir(dir);
}

/* ---- clocks ---- */

static void
a_clock_that_ran_ahead(void **state)
{
	enum { DAY = 86400000 };
	const struct schedule s = { 1000, 1000, (int64_t)5 * DAY };
	const int64_t years = (int64_t)3650 * DAY;
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	const struct spool_config c = { .path = dir, .rescan = 50, .longest = 60000 };
	struct record r = { .kind = RECORD_DEFER, .tries = 1 };
	struct complaint why;
	struct queues *q = spool_open(&c, &why);
	struct entry *e;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	clock_jump(years);
	e = q->ops->claim(q, QUEUE_PENDING);
	e->tries = 2;
	assert_false(queue_expired(e, &s));      /* a jump is not five days of trying */
	queue_defer(&e, &s, "x");
	/* Set right again: it is due after its second all the same. */
	clock_jump(-years);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	clock_shift(1001);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	assert_int_equal(e->spent, 900000);      /* what the jump counts */
	assert_int_equal(queue_spent(e, &s), 900000);
	e->spent = s.expire - 1000;
	assert_false(queue_expired(e, &s));
	queue_defer(&e, &s, "x");
	clock_shift(1001);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_true(queue_expired(e, &s));
	/* A time far away by a clock that was right. */
	r.at = clock_wall();
	r.until = r.at + years;
	assert_int_equal(q->ops->note(e, &r, true, &why), 0);
	q->ops->release(&e, r.until);
	queues_close(&q);
	q = spool_open(&c, &why);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	clock_shift(61000);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	q->ops->release(&e, 0);
	clock_shift(-61000 - 2 * 1001);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* ---- damage ---- */

static char *
entry_file(const char *dir, enum queue_id queue, const char *id, const char *name)
{
	return mem_format("%s/%s/%s/%s", dir, queue_word(queue), id, name);
}

static void
a_torn_record_is_cut_off(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *path;
	struct queues *q = queue_spool_open(dir);
	const struct record d = { .kind = RECORD_DEFER, .at = 1, .until = 5, .tries = 2, .text = "x" };
	struct complaint why;
	struct entry *e;
	struct tally t;
	struct stat st;
	FILE *f;
	off_t size;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_int_equal(q->ops->note(e, &d, true, &why), 0);
	q->ops->release(&e, 0);
	path = entry_file(dir, QUEUE_PENDING, id, "progress");
	assert_int_equal(stat(path, &st), 0);
	size = st.st_size;
	f = fopen(path, "a");
	(void)fputs("{\"batch\":1,\"fir", f);
	(void)fclose(f);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	assert_int_equal(e->tries, 2);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > size);          /* that work began */
	assert_int_equal(q->ops->progress(e, 0, &t, &why), 0);
	assert_int_equal(t.damaged, 0);
	tally_free(&t);
	q->ops->release(&e, 0);
	queues_close(&q);
	free(path);
	remove_temp_dir(dir);
}

/* ---- entries that end the process ---- */

/* Claims so many entries in a process that ends then. */
static void
end_at_work(char *dir, size_t claims, bool in_good_order)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct queues *q = queue_spool_open(dir);

		for (size_t i = 0; i < claims; i++)
			if (q->ops->claim(q, QUEUE_PENDING) == NULL)
				_exit(1);
		if (in_good_order)
			q->ops->leave(q);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
die_at_work(char *dir, size_t claims)
{
	end_at_work(dir, claims, false);
}

static void
an_entry_that_ends_its_process(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], other[DIGEST_NAME + 1];
	const struct record result = { .kind = RECORD_RESULT, .at = 1, .batch = 1, .code = 250 };
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	struct entry *e;
	size_t count;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	queues_close(&q);
	for (int i = 0; i < 5; i++)
		die_at_work(dir, 1);
	q = queue_spool_open(dir);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "dev@l.x", other), STORED);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	same_text("the one that is worked on", e->id, other);
	q->ops->release(&e, clock_wall() + 60000);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	/* An operator may try again, as often. */
	assert_int_equal(spool_release_held(dir, id, false, &count, &why), 0);
	assert_int_equal(count, 1);
	queues_close(&q);
	for (int i = 0; i < 4; i++)
		die_at_work(dir, 1);
	q = queue_spool_open(dir);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	same_text("the one that was let go", e->id, id);
	q->ops->release(&e, 0);
	/* That it was put off once is no success; … */
	queues_close(&q);
	die_at_work(dir, 1);
	q = queue_spool_open(dir);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(spool_release_held(dir, id, false, &count, &why), 0);
	queues_close(&q);
	for (int i = 0; i < 4; i++)
		die_at_work(dir, 1);
	/* … that a batch of it went is. */
	q = queue_spool_open(dir);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	assert_int_equal(q->ops->note(e, &result, false, &why), 0);
	q->ops->release(&e, 0);
	queues_close(&q);
	for (int i = 0; i < 4; i++)
		die_at_work(dir, 1);
	q = queue_spool_open(dir);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* Who was told to end, and could not wait for what was under way, has not died of it. */
static void
an_end_in_good_order_is_no_death(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	struct entry *e;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "dev@l.x", id), STORED);
	queues_close(&q);
	for (int i = 0; i < 6; i++)
		end_at_work(dir, 2, true);
	/* Nor is it where one has moved on since it began. */
	q = queue_spool_open(dir);
	for (int i = 0; i < 2; i++) {
		e = q->ops->claim(q, QUEUE_PENDING);
		assert_non_null(e);
		assert_int_equal(q->ops->move(&e, QUEUE_OUTBOUND, &why), 0);
		q->ops->leave(q);
		q->ops->release(&e, 0);
	}
	for (int i = 0; i < 2; i++) {
		e = q->ops->claim(q, QUEUE_OUTBOUND);
		assert_non_null(e);
		assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	}
	queues_close(&q);
	remove_temp_dir(dir);
}

/* Who only waits is not what a process dies of, and in no suspect's way. */
static void
an_entry_at_rest_is_no_cause(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct entry *e;
	int status;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "dev@l.x", id), STORED);
	queues_close(&q);
	die_at_work(dir, 2);
	for (int i = 0; i < 6; i++) {
		pid_t child = fork();

		if (child == 0) {
			q = queue_spool_open(dir);
			for (int k = 0; k < 2; k++) {
				e = q->ops->claim(q, QUEUE_PENDING);
				if (e == NULL)
					_exit(1);
				q->ops->rest(e);
			}
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	remove_temp_dir(dir);
}

static void
suspects_are_worked_on_one_at_a_time(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct entry *e, *fresh;
	struct complaint why;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "a@l.x", id), STORED);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "b@l.x", id), STORED);
	queues_close(&q);
	die_at_work(dir, 2);
	q = queue_spool_open(dir);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "c@l.x", id), STORED);
	fresh = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(fresh);
	same_text("one that nobody suspects", fresh->id, id);
	q->ops->release(&fresh, clock_wall() + 60000);
	clock_shift(101);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	clock_shift(101);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	q->ops->release(&e, 0);
	clock_shift(-202);
	queues_close(&q);
	remove_temp_dir(dir);
}

static void
unreadable_entries_are_left_alone(void **state)
{
	static const char *const wrong[] = { "", "{", "{\"version\":4}", "{\"version\":1}", "[]" };
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *path;
	struct queues *q = queue_spool_open(dir);

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	path = entry_file(dir, QUEUE_PENDING, id, "envelope.json");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		write_file(path, wrong[i]);
		assert_int_equal(q->ops->hurry(q, id), 1);
		assert_null(q->ops->claim(q, QUEUE_PENDING));
		assert_int_equal(access(path, F_OK), 0);
	}
	queues_close(&q);
	free(path);
	remove_temp_dir(dir);
}

static void
half_of_a_message_is_not_sent(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *path;
	struct queues *q = queue_spool_open(dir);
	const char *data;
	size_t length;
	struct complaint why;
	struct entry *e;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	path = entry_file(dir, QUEUE_PENDING, id, "message.eml");
	assert_int_equal(truncate(path, 3), 0);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	assert_int_equal(q->ops->message(e, &data, &length, &why), -1);
	assert_string_equal(why.text, "message.eml: 3 bytes of 26");
	q->ops->release(&e, 0);
	queues_close(&q);
	free(path);
	remove_temp_dir(dir);
}

static void
a_progress_of_a_newer_version(void **state)
{
	const struct record d = { .kind = RECORD_DEFER, .at = 1, .until = 5, .tries = 2, .text = "x" };
	const struct schedule s = { 1000, 60000, 3600000 };
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *path;
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	struct entry *e;
	struct stat st;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	path = entry_file(dir, QUEUE_PENDING, id, "progress");
	write_file(path, "{\"version\":2}\n");
	/* It is claimed, to be put off and reported in the end, and nothing is added to it. */
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	same_text("damage", e->damage, "progress: not of a version known to this program");
	assert_int_equal(q->ops->note(e, &d, true, &why), -1);
	queue_defer(&e, &s, "x");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 14);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	clock_shift(61000);
	e = q->ops->claim(q, QUEUE_PENDING);
	clock_shift(-61000);
	assert_non_null(e);
	q->ops->release(&e, 0);
	queues_close(&q);
	free(path);
	remove_temp_dir(dir);
}

static void
others_put_entries_there(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *junk = mem_format("%s/pending/README", dir);
	struct queues *q = queue_spool_open(dir), *other = queue_spool_open(dir);
	struct entry *e, *mine;
	struct complaint why;

	(void)state;
	write_file(junk, "not an entry\n");
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(store_one(other, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	q->ops->wait(q, QUEUE_PENDING, deadline_in(5000));
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_non_null(e);
	/* What one process has, the other has not. */
	mine = other->ops->claim(other, QUEUE_PENDING);
	assert_null(mine);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	clock_shift(10000);
	assert_null(other->ops->claim(other, QUEUE_PENDING));
	clock_shift(-10000);
	queues_close(&q);
	queues_close(&other);
	free(junk);
	remove_temp_dir(dir);
}

static void
a_second_publication_is_dropped(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *from, *to;
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	struct entry *e;

	(void)state;
	/*
	 * As if two intakes had both looked before either published: the same name in two queues.
	 */
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	from = mem_format("cp -r %s/pending/%s %s/done/%s", dir, id, dir, id);
	assert_int_equal(system(from), 0);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	to = mem_format("%s/pending/%s", dir, id);
	assert_int_equal(access(to, F_OK), -1);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_null(e);
	(void)why;
	queues_close(&q);
	free(from);
	free(to);
	remove_temp_dir(dir);
}

/* ---- a full disk ---- */

/* As if the disk had room for files of so many bytes. */
static void
limit_files(rlim_t bytes)
{
	struct rlimit l;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* A disk that is full from any byte on, and has room again: no record is torn or glued to another. */
static void
a_full_disk_under_progress(void **state)
{
	static const uint32_t three[] = { 3 };
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .at = 1, .batch = 1, .first = 0, .count = 3 },
		{ .kind = RECORD_LINE, .batch = 1, .line = 1, .code = 550, .text = "550 no" },
		{ .kind = RECORD_RESULT, .at = 2, .batch = 1, .code = 250 },
	};
	const struct record again = { .kind = RECORD_INTENT, .at = 3, .batch = 2, .count = 1, .lines = three };
	char *dir = make_temp_dir();
	struct queues *q = queue_spool_open(dir);

	(void)state;
	for (rlim_t room = 0; room < 160; room++) {
		char id[DIGEST_NAME + 1], list[32];
		struct complaint why;
		struct entry *e;
		struct tally t;
		size_t written = 0;

		(void)snprintf(list, sizeof(list), "l%d@l.x", (int)room);
		assert_int_equal(store_one(q, QUEUE_PENDING, hello, list, id), STORED);
		e = q->ops->claim(q, QUEUE_PENDING);
		assert_non_null(e);
		limit_files(room);
		for (size_t i = 0; i < 3 && written == i; i++)
			written += q->ops->note(e, &records[i], true, &why) == 0;
		limit_files(RLIM_INFINITY);
		assert_int_equal(q->ops->note(e, &again, true, &why), 0);
		q->ops->release(&e, 0);
		e = q->ops->claim(q, QUEUE_PENDING);
		assert_non_null(e);
		assert_null(e->damage);
		assert_int_equal(q->ops->progress(e, 4, &t, &why), 0);
		assert_int_equal(t.damaged, 0);
		assert_int_equal(t.lines[3], LINE_DOUBT);
		assert_true(written == 3 ? t.sent == 2 && t.refused == 1 : t.sent == 0);
		tally_free(&t);
		assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	}
	queues_close(&q);
	remove_temp_dir(dir);
}

static void
a_full_disk_under_the_recipients(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct distribution d;
	struct complaint why;
	struct entry *e;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	e = q->ops->claim(q, QUEUE_PENDING);
	for (rlim_t room = 0; room < 60; room++) {
		int rc;

		limit_files(room);
		assert_int_equal(q->ops->freeze_begin(e, &why), 0);
		assert_int_equal(q->ops->freeze_add(e, "ann@x.org", "ann@x.org", &why), 0);
		assert_int_equal(q->ops->freeze_add(e, "bob@x.org", "Bob@x.org", &why), 0);
		rc = q->ops->freeze_finish(e, &why);
		limit_files(RLIM_INFINITY);
		assert_int_equal(q->ops->recipients(e, &d, &why), rc == 0);
		assert_int_equal(d.count, rc == 0 ? 2 : 0);
		distribution_close(&d);
	}
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

static void
a_full_disk(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct complaint why;
	enum stored result = STORED;
	struct queues *q;
	struct draft *d;
	char block[4096];

	(void)state;
	if (mount("none", dir, "tmpfs", 0, "size=128k") < 0) {
		print_message("skipped: no right to mount a small file system\n");
		remove_temp_dir(dir);
		return;
	}
	q = queue_spool_open(dir);
	memset(block, 'x', sizeof(block));
	d = q->ops->draft(q, &result, &why);
	assert_non_null(d);
	for (int i = 0; i < 100 && result == STORED; i++)
		result = q->ops->write(d, block, sizeof(block), &why);
	assert_int_equal(result, STORE_FULL);
	assert_non_null(strstr(why.text, "No space left"));
	q->ops->discard(&d);
	/* Nothing is left of it, and there is room again. */
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	queues_close(&q);
	assert_int_equal(umount(dir), 0);
	remove_temp_dir(dir);
}

static void
a_disk_full_of_entries(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], text[64];
	enum stored result = STORED;
	struct complaint why;
	struct queues *q;
	struct seen seen = { -1, 0 };
	size_t stored = 0;

	(void)state;
	if (mount("none", dir, "tmpfs", 0, "size=64k,nr_inodes=60") < 0) {
		print_message("skipped: no right to mount a small file system\n");
		remove_temp_dir(dir);
		return;
	}
	q = queue_spool_open(dir);
	for (int i = 0; i < 100 && result == STORED; i++) {
		struct envelope e = envelope_for("staff@l.x", "post");
		struct commitment c = { .queue = QUEUE_PENDING, .envelope = &e };
		struct draft *d = q->ops->draft(q, &result, &why);
		int n = snprintf(text, sizeof(text), "Subject: %d\r\n\r\n", i);

		if (d != NULL) {
			result = q->ops->write(d, text, (size_t)n, &why);
			q->ops->commit(d, &c, 1, &why);
			result = c.result;
			q->ops->discard(&d);
		}
		stored += result == STORED;
		envelope_free(&e);
	}
	assert_int_equal(result, STORE_FULL);
	assert_true(stored > 3);
	assert_int_equal(q->ops->each(q, QUEUE_PENDING, note_queue, &seen, &why), 0);
	assert_int_equal(seen.entries, stored);
	(void)id;
	queues_close(&q);
	assert_int_equal(umount(dir), 0);
	remove_temp_dir(dir);
}

static void
an_operator_seizes_an_entry(void **state)
{
	char *dir = make_temp_dir();
	const struct spool_config config = { .path = dir, .read_only = true };
	struct queues *q = queue_spool_open(dir), *looking;
	char id[DIGEST_NAME + 1];
	struct complaint why;
	struct entry *e, *seized;
	bool exists;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_false(q->ops->held(e));
	assert_int_equal(spool_hold_entry(dir, id, &why), 1);
	assert_true(q->ops->held(e));
	looking = spool_open(&config, &why);
	assert_non_null(looking);
	assert_null(spool_seize(looking, id, deadline_in(0), &exists, &why));
	assert_true(exists);
	same_text("while it is worked on", why.text, "somebody still works on it");
	q->ops->release(&e, 0);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	seized = spool_seize(looking, id, deadline_in(0), &exists, &why);
	assert_non_null(seized);
	assert_int_equal(q->ops->move(&seized, QUEUE_DONE, &why), 0);
	/* What is done is held by nobody, and can be seized as well. */
	assert_int_equal(spool_hold_entry(dir, id, &why), 0);
	seized = spool_seize(looking, id, deadline_in(0), &exists, &why);
	assert_non_null(seized);
	assert_int_equal(seized->queue, QUEUE_DONE);
	assert_false(q->ops->held(seized));
	q->ops->release(&seized, 0);
	assert_null(spool_seize(looking, "aaaaaaaaaaaaaaaaaaaaaaaaaa", deadline_in(0), &exists, &why));
	assert_false(exists);
	queues_close(&looking);
	queues_close(&q);
	remove_temp_dir(dir);
}

static void
places_that_are_no_spool(void **state)
{
	struct spool_config c = { .path = (char *)"/proc/rollcall", .rescan = 1000 };
	char *dir = make_temp_dir(), *file = mem_format("%s/file", dir);
	struct complaint why;

	(void)state;
	assert_null(spool_open(&c, &why));
	assert_non_null(strstr(why.text, "cannot make the directory /proc/rollcall"));
	write_file(file, "");
	c.path = file;
	assert_null(spool_open(&c, &why));
	c.path = (char *)"/nonexistent/spool";
	c.read_only = true;
	assert_null(spool_open(&c, &why));
	same_text("read only", why.text,
	          "cannot open the directory /nonexistent/spool: No such file or directory");
	free(file);
	remove_temp_dir(dir);
}

/* ---- the clock ---- */

enum { JUMP = 720000000 };

static int64_t put_off;                   /* ms */

static int
note_while_the_clock_jumps(struct entry *e, const struct record *r, bool durable, struct complaint *why)
{
	(void)e, (void)r, (void)durable, (void)why;
	clock_shift(-JUMP);
	return 0;
}

static void
note_how_long(struct entry **entry, int64_t until)
{
	*entry = NULL;
	put_off = until - clock_wall();
}

static void
a_jump_while_a_deferral_is_written(void **state)
{
	const struct queue_ops ops = { .note = note_while_the_clock_jumps, .release = note_how_long };
	const struct schedule schedule = { .first = 60000, .most = 60000, .expire = 432000000 };
	struct queues q = { .ops = &ops };
	struct entry entry = { .queues = &q }, *e = &entry;

	(void)state;
	entry.since = clock_wall();
	queue_defer(&e, &schedule, "later");
	clock_shift(JUMP);
	assert_null(e);
	assert_in_range(put_off, 50000, 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contract_memory),
		cmocka_unit_test(contract_spool),
		cmocka_unit_test(stopped_at_every_step),
		cmocka_unit_test(stopped_while_deciding),
		cmocka_unit_test(a_torn_receipt),
		cmocka_unit_test(a_receipt_of_long_ago),
		cmocka_unit_test(a_receipt_of_what_is_known),
		cmocka_unit_test(lanes_that_sync),
		cmocka_unit_test(who_waits_is_woken),
		cmocka_unit_test(receipts_are_durable),
		cmocka_unit_test(receipts_of_two_processes),
		cmocka_unit_test(a_slow_disk),
		cmocka_unit_test(a_repeat_is_durable),
		cmocka_unit_test(syncs_of_a_post),
		cmocka_unit_test(what_is_being_written_is_not_cleaned_away),
		cmocka_unit_test(a_clock_that_ran_ahead),
		cmocka_unit_test(a_torn_record_is_cut_off),
		cmocka_unit_test(an_entry_that_ends_its_process),
		cmocka_unit_test(an_end_in_good_order_is_no_death),
		cmocka_unit_test(an_entry_at_rest_is_no_cause),
		cmocka_unit_test(suspects_are_worked_on_one_at_a_time),
		cmocka_unit_test(unreadable_entries_are_left_alone),
		cmocka_unit_test(half_of_a_message_is_not_sent),
		cmocka_unit_test(a_progress_of_a_newer_version),
		cmocka_unit_test(others_put_entries_there),
		cmocka_unit_test(a_full_disk_under_progress),
		cmocka_unit_test(a_full_disk_under_the_recipients),
		cmocka_unit_test(a_second_publication_is_dropped),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_disk_full_of_entries),
		cmocka_unit_test(an_operator_seizes_an_entry),
		cmocka_unit_test(places_that_are_no_spool),
		cmocka_unit_test(a_jump_while_a_deferral_is_written),
	};

	return RUN(tests);
}
