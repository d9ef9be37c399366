/* What other programs give: member lists and exports of directories. */
#include "tests/fuzz/fuzz.h"

#include "base/ldif.h"
#include "base/mem.h"
#include "mail/member_list.h"

#include <stdlib.h>

struct seen {
	size_t lines;                     /* of the input */
	size_t last;                      /* where something was said to begin */
};

/* Everything lies within the input, in its order, and is an address or says why it is none. */
static void
take_member(void *arg, size_t line, const struct address *a, const char *why)
{
	struct seen *s = arg;

	MUST(line >= 1 && line <= s->lines && line >= s->last);
	MUST((a == NULL) == (why != NULL));
	if (a != NULL)
		MUST(strchr(a->canonical, '@') != NULL && strpbrk(a->spelling, "\r\n") == NULL);
	s->last = line;
}

static int
take_entry(void *arg, const struct ldif_entry *e, struct complaint *why)
{
	struct seen *s = arg;

	(void)why;
	MUST(e->dn != NULL && e->line >= 1 && e->line <= s->lines && e->line > s->last);
	for (size_t i = 0; i < e->count; i++)
		MUST(*e->values[i].name != '\0' && ldif_first(e, e->values[i].name) != NULL);
	s->last = e->line;
	return 0;
}

static size_t
count_lines(const char *text, size_t length)
{
	size_t lines = 1;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const columns[] = { NULL, "1", "3", "mail" };
	const size_t lines = count_lines((const char *)data, size);
	char *text = mem_copy(data, size);
	struct complaint why;

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		struct seen s = { lines, 0 };

		(void)member_list_read("f", text, size, columns[i], take_member, &s, &why);
	}
	(void)ldif_read("f", text, size, take_entry, &(struct seen){ lines, 0 }, &why);
	free(text);
	return 0;
}
