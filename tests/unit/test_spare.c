/* The spool: files of messages that are done, which are written again. */
#include "tests/unit/queue_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char longer[] = "Subject: hello\r\n\r\nHello, all of you.\r\n", shorter[] = "Subject: x\r\n\r\n";

/* How many plain files are below a directory of directories; the name of the last one in *path. */
static size_t
files_below(const char *dir, char **path)
{
	DIR *d = opendir(dir);
	size_t count = 0;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char *one = mem_format("%s/%s", dir, e->d_name);

		if (e->d_name[0] != '.' && e->d_type == DT_DIR) {
			count += files_below(one, path);
		} else if (e->d_type == DT_REG) {
			count++;
			free(*path);
			*path = mem_text(one);
		}
		free(one);
	}
	(void)closedir(d);
	return count;
}

/* Those that are kept to be written again. */
static size_t
spares(const char *dir)
{
	char *tmp = mem_format("%s/tmp", dir), *path = NULL;
	size_t count = files_below(tmp, &path);

	free(path);
	free(tmp);
	return count;
}

static ino_t
inode_of(const char *dir, const char *id)
{
	char *path = mem_format("%s/pending/%s/message.eml", dir, id);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(path);
	return st.st_ino;
}

/* The next one, whatever its name is where that is NULL. */
static void
finish(struct queues *q, const char *id)
{
	struct complaint why;
	struct entry *e = q->ops->claim(q, QUEUE_PENDING);

	assert_non_null(e);
	if (id != NULL)
		same_text("claimed", e->id, id);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
}

/* Takes what is there, and sees that it is this message and nothing else. */
static void
is_message(struct queues *q, const char *text)
{
	struct entry *e = q->ops->claim(q, QUEUE_PENDING);
	struct complaint why;
	const char *data;
	size_t length;

	assert_non_null(e);
	assert_int_equal(q->ops->message(e, &data, &length, &why), 0);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(data, text, length);
	q->ops->release(&e, 0);
}

static void
a_file_is_written_again(void **state)
{
	char *dir = make_temp_dir(), first[DIGEST_NAME + 1], id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	ino_t inode;

	(void)state;
	assert_int_equal(store_one(q, QUEUE_PENDING, longer, "staff@l.x", first), STORED);
	inode = inode_of(dir, first);
	assert_int_equal(spares(dir), 0);
	finish(q, first);
	assert_int_equal(spares(dir), 1);
	assert_int_equal(store_one(q, QUEUE_PENDING, shorter, "staff@l.x", id), STORED);
	assert_int_equal(inode_of(dir, id), inode);
	assert_int_equal(spares(dir), 0);
	is_message(q, shorter);
	/* What was done stays done, without its message. */
	assert_int_equal(store_one(q, QUEUE_PENDING, longer, "staff@l.x", id), STORED_BEFORE);
	assert_int_equal(spares(dir), 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* The last of the entries that have it gives it away. */
static void
a_shared_file_is_not(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);

	(void)state;
	store_two(q, longer, "a@l.x", "b@l.x");
	finish(q, NULL);
	assert_int_equal(spares(dir), 0);
	is_message(q, longer);
	finish(q, NULL);
	assert_int_equal(spares(dir), 1);
	assert_int_equal(store_one(q, QUEUE_PENDING, shorter, "a@l.x", id), STORED);
	is_message(q, shorter);
	queues_close(&q);
	remove_temp_dir(dir);
}

/* Nor one that is large, or has become somebody else's to read, or of a spool that is only looked at. */
static void
others_are_removed(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1], *path;
	const struct spool_config config = { .path = dir, .read_only = true };
	struct queues *q = queue_spool_open(dir), *looking;
	struct bytes large = { 0 };
	struct complaint why;
	struct entry *e;
	bool exists;

	(void)state;
	bytes_add_text(&large, shorter);
	while (large.length <= 65536)
		bytes_add_text(&large, "All of it.\r\n");
	assert_int_equal(store_one(q, QUEUE_PENDING, bytes_text(&large), "staff@l.x", id), STORED);
	finish(q, id);
	assert_int_equal(spares(dir), 0);
	assert_int_equal(store_one(q, QUEUE_PENDING, longer, "staff@l.x", id), STORED);
	path = mem_format("%s/pending/%s/message.eml", dir, id);
	assert_int_equal(chmod(path, 0644), 0);
	finish(q, id);
	assert_int_equal(spares(dir), 0);
	assert_int_equal(store_one(q, QUEUE_PENDING, shorter, "staff@l.x", id), STORED);
	assert_int_equal(spool_hold_entry(dir, id, &why), 1);
	looking = spool_open(&config, &why);
	e = spool_seize(looking, id, deadline_in(0), &exists, &why);
	assert_non_null(e);
	assert_int_equal(looking->ops->move(&e, QUEUE_DONE, &why), 0);
	assert_int_equal(spares(dir), 0);
	queues_close(&looking);
	queues_close(&q);
	bytes_free(&large);
	free(path);
	remove_temp_dir(dir);
}

/* However many posts are done at a time, and whoever removes them; nothing stays when the spool is closed. */
static void
there_are_not_too_many(void **state)
{
	enum { POSTS = 200, MOST = 128 };
	char *dir = make_temp_dir(), *tmp = mem_format("%s/tmp", dir), *path = NULL, id[DIGEST_NAME + 1], text[64];
	struct queues *q = queue_spool_open(dir);

	(void)state;
	for (int i = 0; i < POSTS; i++) {
		(void)snprintf(text, sizeof(text), "Subject: %d\r\n\r\n", i);
		assert_int_equal(store_one(q, QUEUE_PENDING, text, "staff@l.x", id), STORED);
	}
	for (int i = 0; i < POSTS; i++)
		finish(q, NULL);
	assert_int_equal(spares(dir), MOST);
	/* One that is gone is made. */
	while (files_below(tmp, &path) > 0)
		assert_int_equal(unlink(path), 0);
	assert_int_equal(store_one(q, QUEUE_PENDING, longer, "staff@l.x", id), STORED);
	is_message(q, longer);
	finish(q, id);
	assert_int_equal(spares(dir), 1);
	queues_close(&q);
	assert_int_equal(rmdir(tmp), 0);
	free(path);
	free(tmp);
	remove_temp_dir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_again),
		cmocka_unit_test(a_shared_file_is_not),
		cmocka_unit_test(others_are_removed),
		cmocka_unit_test(there_are_not_too_many),
	};

	return RUN(tests);
}
