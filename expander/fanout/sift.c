/* A program between the members and the distribution list. */
#include "expander/fanout/sift.h"

#include "base/child.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINE_MOST = 320 };                 /* bytes of output for each address of input, and for some more */

static const int64_t memory = (int64_t)1 << 30;  /* that each of its processes may have */

/* The addresses that are left, in a file that has no name. -1 with a complaint. */
static int
write_input(const struct roster *r, struct complaint *why)
{
	int fd = memfd_create("rollcall-addresses", MFD_CLOEXEC);
	struct bytes text = { 0 };
	int rc = fd < 0 ? complain_errno(why, "cannot make its input") : 0;

	for (size_t i = 0; rc == 0 && i < r->count; i++) {
		if (r->people[r->order[i]].out == OUT_NOT)
			bytes_format(&text, "%s\n", roster_spelling(r, r->order[i]));
		if (text.length > 65536 || i + 1 == r->count) {
			rc = file_write(fd, text.data, text.length, "its input", why);
			bytes_clear(&text);
		}
	}
	bytes_free(&text);
	if (rc == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* What the program is told of post and list, as the program source's are. */
static void
describe(const struct preparing *p, const struct list *list, struct text_list *environment)
{
	text_list_take(environment, mem_text(CHILD_PATH));
	text_list_take(environment, mem_text("LC_ALL=C.UTF-8"));
	text_list_take(environment, mem_text("ROLLCALL_QUESTION=recipients"));
	text_list_take(environment, mem_format("ROLLCALL_ADDRESS=%s", list->address));
	occasion_describe(p->occasion, environment);
	text_list_end(environment);
}

/* The lines of a program, taken one by one. */
struct sifting {
	struct roster *roster;
	bool may_add;
	uint32_t *order;                  /* as printed */
	size_t count, room;
};

static int
take_line(struct sifting *s, const char *line, size_t length, struct complaint *why)
{
	struct roster *r = s->roster;
	struct address a;
	uint32_t number;
	bool known;

	if (address_parse(&a, line, length, why) < 0)
		return -1;
	known = roster_find_member(r, a.canonical, &number) && r->people[number].out == OUT_NOT;
	if (!known && !s->may_add) {
		(void)complain(why, "it names %s, which it did not get, and may add nobody", a.canonical);
		address_free(&a);
		return -1;
	}
	if (!known) {
		roster_add(r, a.canonical, address_to_send(a.canonical, a.spelling), 0);
		(void)roster_find(r, a.canonical, &number);
	}
	address_free(&a);
	if (r->people[number].marked)
		return 0;
	r->people[number].marked = true;
	if (s->count == s->room) {
		s->room = s->room == 0 ? 64 : s->room * 2;
		s->order = mem_resize(s->order, s->room * sizeof(*s->order));
	}
	s->order[s->count++] = number;
	return 0;
}

/* Everything that it prints, until it has ended well. */
static int
run(const char *path, const struct text_list *environment, const struct child_terms *terms,
    struct sifting *s, struct complaint *why)
{
	const char *const argv[] = { path, NULL };
	struct child *child = child_start(argv, (const char *const *)environment->items, terms, why);
	const char *line;
	size_t length;
	int more = child == NULL ? -1 : 1, rc = -1;

	while (more == 1) {
		more = child_line(child, &line, &length, why);
		if (more == 1 && take_line(s, line, length, why) < 0)
			more = -1;
	}
	if (more == 0)
		rc = child_end(&child, why) == 0 ? 0 : -1;
	child_kill(&child);
	return rc;
}

/* What was printed first, then those who are out: they are counted still. */
static void
reorder(struct sifting *s)
{
	struct roster *r = s->roster;

	s->order = mem_resize(s->order, (r->count + 1) * sizeof(*s->order));
	for (size_t i = 0; i < r->count; i++) {
		struct listed *one = &r->people[r->order[i]];

		if (!one->marked && one->out == OUT_NOT)
			one->out = OUT_PROGRAM;
		if (!one->marked)
			s->order[s->count++] = r->order[i];
		one->marked = false;
	}
	free(r->order);
	r->order = s->order;
	r->order_room = r->count;
	s->order = NULL;
}

int
sift(const struct preparing *p, const struct list *list, const char *const *style, struct roster *r,
     struct complaint *why)
{
	struct sifting s = { .roster = r, .may_add = strcmp(style[STYLE_PROGRAM_MAY_ADD], "yes") == 0 };
	struct text_list environment = { 0 };
	int64_t patience = 0;
	int input = write_input(r, why), rc = -1;

	(void)setting_parse_time(style[STYLE_PROGRAM_TIMEOUT], &patience);
	if (input >= 0) {
		const struct child_terms terms = {
			.memory = memory, .output = ((int64_t)r->count + 4096) * LINE_MOST,
			.by = deadline_earlier(p->by, deadline_in(patience)), .input = input
		};

		describe(p, list, &environment);
		rc = run(style[STYLE_PROGRAM], &environment, &terms, &s, why);
		(void)close(input);
	}
	if (rc == 0)
		reorder(&s);
	else
		(void)complain_within(why, "%s", style[STYLE_PROGRAM]);
	text_list_free(&environment);
	free(s.order);
	return rc;
}
