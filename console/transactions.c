/* Transactions of an entry. */
#include "console/transactions.h"

#include "base/mem.h"

#include <stdlib.h>

static struct transaction *
find(const struct transactions *t, int64_t batch)
{
	for (size_t i = t->count; i > 0; i--)     /* results come soon */
		if (t->all[i - 1].batch == batch)
			return &t->all[i - 1];
	return NULL;
}

static void
add(struct transactions *t, const struct record *r)
{
	/* Doubled in size at each power of two. */
	if ((t->count & (t->count - 1)) == 0)
		t->all = mem_resize(t->all, (t->count == 0 ? 1 : t->count * 2) * sizeof(*t->all));
	t->all[t->count++] = (struct transaction){ .batch = r->batch, .mta = mem_text(r->mta) };
	for (size_t i = 0; i < r->count && (r->lines != NULL || r->first + i < t->lines); i++) {
		size_t line = r->lines == NULL ? r->first + i : r->lines[i];

		if (line < t->lines)
			t->last[line] = (uint32_t)t->count;
	}
}

static void
visit(void *arg, const struct record *r)
{
	struct transactions *t = arg;
	struct transaction *one;

	if (r->kind == RECORD_INTENT)
		add(t, r);
	if (r->kind != RECORD_RESULT || r->code / 100 != 2)
		return;
	one = find(t, r->batch);
	if (one == NULL || one->taken)
		return;
	one->taken = true;
	one->id = mem_text(r->id);
}

int
transactions_read(struct transactions *t, struct queues *queues, const char *id, size_t lines,
                  struct complaint *why)
{
	*t = (struct transactions){ .last = mem_array(lines, sizeof(*t->last)), .lines = lines };
	return spool_history(queues, id, visit, t, why) < 0 ? -1 : 0;
}

void
transactions_free(struct transactions *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->all[i].mta);
		free(t->all[i].id);
	}
	free(t->all);
	free(t->last);
	*t = (struct transactions){ 0 };
}
