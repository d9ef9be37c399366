/* The order in which lists let one message go. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "expander/let_go.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static char *state_dir;

/* A held post to that list. */
static struct envelope
post(const char *list, const char *queue_id, const char *message_id)
{
	struct envelope e = { .list = mem_text(list), .role = mem_text("post"), .sender = mem_text("ann@x.example"),
		              .queue_id = mem_text(queue_id), .message_id = mem_text(message_id),
		              .verdict = mem_text("hold") };

	return e;
}

static void
let_go(struct envelope *e)
{
	struct complaint why = { "" };

	if (let_go_note(state_dir, e, &why) < 0)
		fail_msg("%s: %s", e->list, why.text);
}

/* The lists before this one, with blanks between. */
static char *
before(struct envelope *e)
{
	struct bytes text = { 0 };
	struct complaint why = { "" };

	if (let_go_before(state_dir, e, &why) < 0)
		fail_msg("%s: %s", e->list, why.text);
	for (size_t i = 0; i < e->before.count; i++)
		bytes_format(&text, "%s%s", i == 0 ? "" : " ", e->before.items[i]);
	return bytes_take(&text);
}

static void
same_before(struct envelope *e, const char *want)
{
	char *got = before(e);

	same_text(e->list, got, want);
	free(got);
}

static void
in_order(void **state)
{
	struct envelope a = post("a@x.example", "4bX1", "<1@x>"), b = post("b@x.example", "4bX1", "<1@x>"),
	                c = post("\"c d\"@x.example", "4bX1", "<1@x>");

	(void)state;
	same_before(&a, "");              /* nothing is written yet */
	let_go(&b);
	let_go(&a);
	let_go(&b);                       /* again, after a crash: it keeps its place */
	let_go(&c);
	text_list_add(&c.before, "b@x.example", 11);
	same_before(&b, "");
	same_before(&a, "b@x.example");
	same_before(&a, "b@x.example");
	same_before(&c, "b@x.example a@x.example");
	envelope_free(&a);
	envelope_free(&b);
	envelope_free(&c);
}

/* Of another message; of one that has no name; for another role; not held. */
static void
what_has_no_order(void **state)
{
	struct envelope first = post("a@x.example", "4bX2", "<2@x>"), others[] = {
		post("b@x.example", "4bX3", "<2@x>"), post("b@x.example", "4bX2", "<3@x>"),
		post("b@x.example", "4bX2", NULL),    post("b@x.example", NULL, "<2@x>"),
		post("b@x.example", "4bX2", "<2@x>"), post("b@x.example", "4bX2", "<2@x>"),
		post("b@x.example", "4bX2", "<2@x>"),
	};
	size_t count = sizeof(others) / sizeof(*others);

	(void)state;
	others[count - 3].verdict[0] = 'H';       /* some other word */
	others[count - 2].role[0] = 'P';
	mem_drop(&others[count - 1].verdict);
	let_go(&first);
	for (size_t i = 0; i < count; i++) {
		let_go(&others[i]);
		same_before(&others[i], "");
		envelope_free(&others[i]);
	}
	envelope_free(&first);
}

enum { LISTS = 8 };

static void *
race(void *envelope)
{
	let_go(envelope);
	return NULL;
}

/* All at once: of any two, exactly one comes before the other. */
static void
all_at_once(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct envelope posts[LISTS];
		pthread_t threads[LISTS];
		size_t pairs = 0;
		char id[24];

		(void)snprintf(id, sizeof(id), "round%d", round);
		for (size_t i = 0; i < LISTS; i++) {
			char *list = mem_format("l%zu@x.example", i);

			posts[i] = post(list, id, NULL);
			free(list);
		}
		for (size_t i = 0; i < LISTS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, race, &posts[i]), 0);
		for (size_t i = 0; i < LISTS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		for (size_t i = 0; i < LISTS; i++)
			free(before(&posts[i]));
		for (size_t i = 0; i < LISTS; i++)
			for (size_t k = 0; k < i; k++) {
				bool one = text_list_has(&posts[i].before, posts[k].list),
				     other = text_list_has(&posts[k].before, posts[i].list);

				assert_true(one != other);
				pairs++;
			}
		assert_int_equal(pairs, LISTS * (LISTS - 1) / 2);
		for (size_t i = 0; i < LISTS; i++)
			envelope_free(&posts[i]);
	}
}

/* The only file there is. */
static void
spoil(const char *text)
{
	char *path = mem_format("%s/let-go", state_dir);
	DIR *d = opendir(path);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		struct bytes bytes = { 0 };
		struct complaint why;

		if (*e->d_name == '.')
			continue;
		bytes_add_text(&bytes, text);
		assert_int_equal(file_replace(dirfd(d), e->d_name, &bytes, NULL, &why), 0);
		bytes_free(&bytes);
	}
	(void)closedir(d);
	free(path);
}

static void
damaged_and_forgotten(void **state)
{
	static const char *const texts[] = { "", "let-go 2\na@x.example\n", "let-go 1\na@x.exam" };
	struct envelope a = post("a@x.example", "4bX1", NULL);
	struct complaint why;
	char *path = mem_format("%s/let-go", state_dir);

	(void)state;
	let_go_sweep(state_dir, INT64_MAX);
	let_go(&a);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		spoil(texts[i]);
		assert_int_equal(let_go_note(state_dir, &a, &why), -1);
		assert_non_null(strstr(why.text, "makes no sense"));
		assert_int_equal(let_go_before(state_dir, &a, &why), -1);
		assert_non_null(strstr(why.text, "makes no sense"));
	}
	let_go_sweep(state_dir, 1000);    /* nothing is so old */
	assert_int_equal(let_go_note(state_dir, &a, &why), -1);
	let_go_sweep(state_dir, INT64_MAX);
	let_go(&a);
	same_before(&a, "");

	/* What cannot be written is no place. */
	let_go_sweep(state_dir, INT64_MAX);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(let_go_note(state_dir, &a, &why), -1);
	assert_int_equal(let_go_before(state_dir, &a, &why), -1);
	envelope_free(&a);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(what_has_no_order),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(damaged_and_forgotten),
	};

	state_dir = begin_in_dir();
	return end_in_dir(state_dir, RUN(tests));
}
