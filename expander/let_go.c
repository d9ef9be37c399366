/* The order of lists that let a message go, in files. */
#include "expander/let_go.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/list.h"
#include "mail/verdict.h"
#include "policies/moments.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST = 1 << 20 };

static const char head[] = "let-go 1\n";

static char *
directory(const char *state)
{
	return mem_format("%s/let-go", state);
}

/* The same for all entries of a message. False for a post that is known by no name, or was not held. */
static bool
name_of(const struct envelope *e, char name[DIGEST_NAME + 1])
{
	char *key;

	if (e->queue_id == NULL || strcmp(e->role, role_word(ROLE_POST)) != 0 || e->verdict == NULL ||
	    strcmp(e->verdict, decision_word(DECISION_HOLD)) != 0)
		return false;
	key = mem_format("%s\n%s\n%s", e->queue_id, e->message_id == NULL ? "" : e->message_id, e->sender);
	digest_of(key, strlen(key), name);
	free(key);
	return true;
}

/* What is written of a message: below the head an address a line. 1, 0: nothing; -1 with a complaint. */
static int
read_order(int dir, const char *name, struct bytes *text, struct complaint *why)
{
	int rc = file_read(dir, name, LARGEST, text, why);

	if (rc == 1 && (strncmp(bytes_text(text), head, strlen(head)) != 0 ||
	                text->data[text->length - 1] != '\n'))
		rc = complain(why, "let-go/%s makes no sense", name);
	return rc;
}

/* The lists above this one, or with `list` NULL all. Whether it is there. */
static bool
lists_above(const struct bytes *text, const char *list, struct text_list *above)
{
	const char *line = bytes_text(text) + strlen(head), *end;

	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		size_t length = (size_t)(end - line);

		if (text_same_n(line, length, list))
			return true;
		text_list_add(above, line, length);
	}
	return false;
}

/* The directory, which nobody else writes until it is closed. */
static int
lock_directory(const char *path, struct complaint *why)
{
	return file_make_dirs(path, 0700, why) < 0 ? -1 : file_lock_dir(path, why);
}

static int
add_list(int dir, const char *name, const char *list, struct complaint *why)
{
	struct text_list unused = { 0 };
	struct bytes text = { 0 };
	int rc = read_order(dir, name, &text, why);

	if (rc == 0)
		bytes_add_text(&text, head);
	if (rc >= 0 && !lists_above(&text, list, &unused)) {
		bytes_format(&text, "%s\n", list);
		rc = file_replace(dir, name, &text, NULL, why);
	}
	text_list_free(&unused);
	bytes_free(&text);
	return rc < 0 ? -1 : 0;
}

int
let_go_note(const char *state, const struct envelope *e, struct complaint *why)
{
	char name[DIGEST_NAME + 1], *path;
	int dir, rc;

	if (!name_of(e, name))
		return 0;
	path = directory(state);
	dir = lock_directory(path, why);
	rc = dir < 0 ? -1 : add_list(dir, name, e->list, why);
	if (dir >= 0)
		(void)close(dir);
	free(path);
	return rc;
}

int
let_go_before(const char *state, struct envelope *e, struct complaint *why)
{
	struct text_list above = { 0 };
	struct bytes text = { 0 };
	char name[DIGEST_NAME + 1], *path;
	int rc;

	if (!name_of(e, name))
		return 0;
	path = mem_format("%s/let-go/%s", state, name);
	rc = read_order(AT_FDCWD, path, &text, why);
	if (rc == 1 && lists_above(&text, e->list, &above))
		for (size_t i = 0; i < above.count; i++)
			text_list_add_once(&e->before, above.items[i]);
	text_list_free(&above);
	bytes_free(&text);
	free(path);
	return rc < 0 ? -1 : 0;
}

void
let_go_sweep(const char *state, int64_t before)
{
	char *path = directory(state);
	struct complaint unused;
	int dir = lock_directory(path, &unused);

	if (dir >= 0) {
		moments_sweep(path, before);
		(void)close(dir);
	}
	free(path);
}
