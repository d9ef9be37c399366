/*
 * Progress files: what is read of one and written again reads the same, and the sums of a tally are
 * those of its lines.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "queues/progress.h"

/* Records that were read, with copies of what they point to. */
struct records {
	struct record *items;
	size_t count;
};

static void
keep(void *arg, const struct record *r)
{
	struct records *all = arg;
	struct record copy = *r;

	if (r->kind == RECORD_DAMAGE)
		return;

	copy.text = mem_text(r->text);
	copy.id = mem_text(r->id);
	copy.receipt = mem_text(r->receipt);
	copy.mta = mem_text(r->mta);
	if (r->lines != NULL) {
		uint32_t *lines = mem_array(r->count, sizeof(*lines));

		for (size_t i = 0; i < r->count; i++)
			lines[i] = r->lines[i];
		copy.lines = lines;
	}
	all->items = mem_resize(all->items, (all->count + 1) * sizeof(*all->items));
	all->items[all->count++] = copy;
}

static void
records_free(struct records *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free((char *)all->items[i].text);
		free((char *)all->items[i].id);
		free((char *)all->items[i].receipt);
		free((char *)all->items[i].mta);
		free((uint32_t *)all->items[i].lines);
	}
	free(all->items);
}

static void
check_record(const struct record *r)
{
	if (r->kind == RECORD_DEFER)
		MUST(r->until >= 0 && r->tries >= 0);
	else if (r->kind == RECORD_DECIDED)
		MUST(r->decided > DECIDED_NOT && r->decided < DECIDED_COUNT);
	else
		MUST(r->kind == RECORD_BEGIN ? r->text != NULL : r->batch >= 1);
	if (r->kind == RECORD_RECALL)
		MUST(r->lines != NULL || r->count == 0);
	if (r->kind == RECORD_INTENT && r->lines == NULL)
		MUST(r->first <= UINT32_MAX && r->count <= UINT32_MAX);
	if (r->kind == RECORD_LINE)
		MUST(r->line <= UINT32_MAX);
	if (r->kind == RECORD_LINE || r->kind == RECORD_RESULT)
		MUST(r->code >= 0 && r->code <= 999);
}

static bool
same_lines(const struct record *a, const struct record *b)
{
	if (a->count != b->count || (a->lines == NULL) != (b->lines == NULL))
		return false;
	if (a->lines == NULL)
		return a->first == b->first;
	return a->count == 0 || memcmp(a->lines, b->lines, a->count * sizeof(*a->lines)) == 0;
}

/* The same, in what a record of this kind has. */
static bool
same_record(const struct record *a, const struct record *b)
{
	if (a->kind != b->kind || !same_texts(a->text, b->text) || !same_texts(a->id, b->id) ||
	    !same_texts(a->receipt, b->receipt) || !same_texts(a->mta, b->mta))
		return false;
	switch (a->kind) {
	case RECORD_BEGIN:
		return a->at == b->at;
	case RECORD_INTENT:
		return a->at == b->at && a->batch == b->batch && same_lines(a, b);
	case RECORD_LINE:
		return a->batch == b->batch && a->line == b->line && a->code == b->code;
	case RECORD_RESULT:
		return a->at == b->at && a->batch == b->batch && a->code == b->code && a->held == b->held &&
		       (a->held == 0 || a->spent == b->spent);
	case RECORD_RECALL:
		return a->at == b->at && a->batch == b->batch && same_lines(a, b);
	case RECORD_DEFER:
		return a->at == b->at && a->until == b->until && a->tries == b->tries &&
		       a->spent == b->spent && a->held == b->held;
	case RECORD_DECIDED:
		return a->at == b->at && a->decided == b->decided;
	case RECORD_DAMAGE:
		break;
	}
	return false;
}

static void
write_again(const struct records *all)
{
	struct bytes file = { 0 };
	struct records again = { 0 };
	struct complaint why;

	progress_head(&file);
	for (size_t i = 0; i < all->count; i++)
		progress_print(&all->items[i], &file);
	MUST(progress_read(file.data, file.length, keep, &again, &why) == (ptrdiff_t)file.length);
	MUST(again.count == all->count);
	for (size_t i = 0; i < all->count; i++)
		MUST(same_record(&all->items[i], &again.items[i]));
	records_free(&again);
	bytes_free(&file);
}

static void
check_tally(struct slice file, size_t count, ptrdiff_t whole)
{
	size_t sums[LINE_RECALLED + 1] = { 0 };
	struct complaint why;
	struct tally t;

	MUST(tally_read(&t, count, file.at, file.length, &why) == whole);
	if (whole < 0) {
		MUST(t.lines == NULL && t.reason == NULL && t.refusals == NULL);
		return;
	}
	MUST(t.count == count);
	for (size_t i = 0; i < count; i++) {
		MUST(t.lines[i] <= LINE_RECALLED);
		sums[t.lines[i]]++;
	}
	MUST(sums[LINE_WAITING] == t.waiting && sums[LINE_DOUBT] == t.doubt);
	MUST(sums[LINE_SENT] == t.sent && sums[LINE_REFUSED] == t.refused);
	MUST(sums[LINE_RECALLED] == t.recalled);
	MUST(t.refusal_count >= t.refused);
	for (size_t i = 0; i < t.refusal_count; i++)
		MUST(t.refusals[i].line < count && t.refusals[i].code / 100 == 5);
	tally_free(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t counts[] = { 0, 1, 5, 70 };
	const struct slice file = { (const char *)data, size };
	struct records all = { 0 };
	struct complaint why = { "" };
	ptrdiff_t whole = progress_read(file.at, file.length, keep, &all, &why);

	MUST(whole >= 0 || why.text[0] != '\0');
	MUST(whole <= (ptrdiff_t)size && (whole <= 0 || data[whole - 1] == '\n'));
	/* Nothing is a torn line but the last. */
	MUST(whole < 0 || memchr(data + whole, '\n', size - (size_t)whole) == NULL);
	for (size_t i = 0; i < all.count; i++)
		check_record(&all.items[i]);
	write_again(&all);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		check_tally(file, counts[i], whole);
	records_free(&all);
	return 0;
}
