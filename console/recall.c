/* Recalling what an MTA has in its queue. */
#include "console/recall.h"

#include "base/child.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	MOST_AT_ONCE = 500,               /* ids on one command line */
	PATIENCE = 900000                 /* ms: deliveries that are under way are waited for */
};
#define MEMORY ((int64_t)1 << 30)
#define OUTPUT ((int64_t)1 << 28)

bool
recall_is_id(const char *id)
{
	static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return *id != '\0' && strlen(id) < 64 && id[strspn(id, known)] == '\0';
}

static int
read_lines(struct child *child, void (*see)(void *, const char *, const char *), void *arg,
           struct complaint *why)
{
	const char *line;
	size_t length;
	int rc;

	while ((rc = child_line(child, &line, &length, why)) == 1) {
		char *text = mem_copy(line, length), *address = strchr(text, ' ');

		if (address == NULL) {
			rc = complain(why, "outbound.recall prints \"%s\", not an id and an address", text);
			free(text);
			break;
		}
		*address++ = '\0';
		see(arg, text, address);
		free(text);
	}
	return rc;
}

static int
run_once(const struct text_list *program, const char *word, const char *mta, char *const *ids, size_t count,
         void (*see)(void *, const char *, const char *), void *arg, struct complaint *why)
{
	const struct child_terms terms = { .memory = MEMORY, .output = OUTPUT, .by = deadline_in(PATIENCE),
		                           .input = -1 };
	char *name = mem_format("ROLLCALL_MTA=%s", mta == NULL ? "" : mta);
	const char *environment[] = { CHILD_PATH, name, NULL };
	const char **argv = mem_array(program->count + count + 2, sizeof(*argv));
	struct complaint ended;
	struct child *child;
	size_t n = 0;
	int rc = -1;

	for (size_t i = 0; i < program->count; i++)
		argv[n++] = program->items[i];
	argv[n++] = word;
	for (size_t i = 0; i < count; i++)
		argv[n++] = ids[i];
	child = child_start(argv, environment, &terms, why);
	if (child != NULL) {
		rc = read_lines(child, see, arg, why);
		if (rc < 0)
			child_kill(&child);
		else if (child_end(&child, &ended) != 0)
			rc = complain(why, "outbound.recall: %s", ended.text);
	}
	free(argv);
	free(name);
	return rc;
}

int
recall_run(const struct text_list *program, const char *word, const char *mta, const struct text_list *ids,
           void (*see)(void *, const char *, const char *), void *arg, struct complaint *why)
{
	int rc = 0;

	for (size_t at = 0; at < ids->count && rc == 0; at += MOST_AT_ONCE) {
		size_t left = ids->count - at;

		rc = run_once(program, word, mta, ids->items + at, left < MOST_AT_ONCE ? left : MOST_AT_ONCE,
		              see, arg, why);
	}
	return rc;
}
