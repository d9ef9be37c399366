/* What the records of a progress file come to. */
#include "queues/progress.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
tally_set(struct tally *t, size_t line, enum line_state state)
{
	size_t *sums[] = { [LINE_WAITING] = &t->waiting, [LINE_DOUBT] = &t->doubt,
		           [LINE_SENT] = &t->sent, [LINE_REFUSED] = &t->refused,
		           [LINE_RECALLED] = &t->recalled };

	if (line >= t->count)
		return;
	--*sums[t->lines[line]];
	t->lines[line] = (uint8_t)state;
	++*sums[state];
}

void
tally_refuse(struct tally *t, size_t line, int code, const char *text)
{
	if (line >= t->count)
		return;
	tally_set(t, line, LINE_REFUSED);
	/* Doubled in size at each power of two. */
	if ((t->refusal_count & (t->refusal_count - 1)) == 0)
		t->refusals = mem_resize(t->refusals, (t->refusal_count == 0 ? 1 : t->refusal_count * 2) *
		                                              sizeof(*t->refusals));
	t->refusals[t->refusal_count++] =
		(struct refusal){ (uint32_t)line, code, mem_text(text == NULL ? "" : text) };
}

size_t
open_batch_line(const struct open_batch *b, size_t i)
{
	return b->lines == NULL ? b->first + i : b->lines[i];
}

void
tally_open(struct tally *t, const struct record *intent)
{
	struct open_batch *b = mem_new(sizeof(*b));

	b->batch = intent->batch;
	b->receipt = mem_text(intent->receipt);
	b->mta = mem_text(intent->mta);
	b->first = intent->first;
	b->count = intent->count < t->count ? intent->count : t->count;
	if (intent->lines != NULL) {
		b->lines = mem_array(b->count, sizeof(*b->lines));
		if (b->count > 0)
			memcpy(b->lines, intent->lines, b->count * sizeof(*b->lines));
	}
	b->next = t->open;
	t->open = b;
}

/* An intent: whatever became of these lines before, they are in doubt now. */
static void
begin_batch(struct tally *t, const struct record *r)
{
	tally_open(t, r);
	for (size_t i = 0; i < t->open->count; i++) {
		tally_set(t, open_batch_line(t->open, i), LINE_DOUBT);
		if (open_batch_line(t->open, i) < t->count)
			t->late[open_batch_line(t->open, i)] = 0;
	}
}

static void
put_line_off(struct tally *t, size_t line)
{
	tally_set(t, line, LINE_WAITING);
	if (line < t->count)
		t->late[line] = 1;
}

static void
free_batch(struct open_batch *b)
{
	free(b->lines);
	free(b->receipt);
	free(b->mta);
	free(b);
}

void
tally_forget(struct tally *t, const struct open_batch *batch)
{
	struct open_batch **at = &t->open, *b;

	while (*at != batch)
		at = &(*at)->next;
	b = *at;
	*at = b->next;
	free_batch(b);
}

/* The result of a batch: lines that were refused by themselves keep their state. */
static void
close_batch(struct tally *t, const struct record *r)
{
	const struct open_batch *b = t->open;

	while (b != NULL && b->batch != r->batch)
		b = b->next;
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->count; i++) {
		size_t line = open_batch_line(b, i);

		if (line >= t->count || t->lines[line] != LINE_DOUBT)
			continue;
		t->late[line] = r->code / 100 == 4;
		if (r->code / 100 == 5)
			tally_refuse(t, line, r->code, r->text);
		else
			tally_set(t, line, r->code / 100 == 2 ? LINE_SENT : LINE_WAITING);
	}
	tally_forget(t, b);
}

/* What was open is in doubt for good: some word on it may be missing. */
static void
leave_open(struct tally *t)
{
	while (t->open != NULL) {
		struct open_batch *b = t->open;

		t->open = b->next;
		free_batch(b);
	}
}

/* The first one holds. What waited for it waits no more. */
static void
decide(struct tally *t, const struct record *r)
{
	if (t->decided != DECIDED_NOT)
		return;
	t->until = 0;
	t->decided = r->decided;
	t->decided_at = r->at;
	t->decided_by = mem_text(r->id);
	t->decided_why = mem_text(r->text);
}

static void
put_entry_off(struct tally *t, const struct record *r)
{
	t->until = r->until;
	t->put_off = r->at;
	t->tries = r->tries;
	if (r->held != 0)
		t->deaths = 0;
	if (r->spent >= 0) {
		t->spent = r->spent;
		t->since = r->at;
	}
}

static void
apply(void *arg, const struct record *r)
{
	struct tally *t = arg;

	if (r->kind == RECORD_DAMAGE) {
		t->damaged = r->line;
		leave_open(t);
		return;
	}
	if (r->at > t->last)
		t->last = r->at;
	if (r->batch > t->batches)
		t->batches = r->batch;
	if (r->kind == RECORD_DEFER || r->kind == RECORD_RESULT || r->kind == RECORD_DECIDED)
		t->begun_in[0] = '\0';
	if (r->text != NULL && r->kind != RECORD_BEGIN && r->kind != RECORD_DECIDED && r->code / 100 != 2) {
		free(t->reason);
		t->reason = mem_text(r->text);
	}
	switch (r->kind) {
	case RECORD_BEGIN:
		if (r->text == NULL)
			break;
		t->deaths += strcmp(t->begun_in, r->text) == 0;
		(void)snprintf(t->begun_in, sizeof(t->begun_in), "%s", r->text);
		break;
	case RECORD_INTENT:
		t->until = 0;
		if (t->first == 0)
			t->first = r->at;
		begin_batch(t, r);
		break;
	case RECORD_LINE:
		if (r->code / 100 == 5)
			tally_refuse(t, r->line, r->code, r->text);
		else
			put_line_off(t, r->line);
		break;
	case RECORD_RECALL:
		for (size_t i = 0; i < r->count; i++)
			tally_set(t, r->lines[i], LINE_RECALLED);
		break;
	case RECORD_RESULT:
		if (r->held != 0 && t->held < 0)
			t->held = r->spent;
		if (r->code / 100 == 2) {
			t->held = -1;
			t->deaths = 0;
		}
		close_batch(t, r);
		break;
	case RECORD_DEFER:
		put_entry_off(t, r);
		break;
	case RECORD_DECIDED:
		decide(t, r);
		break;
	case RECORD_DAMAGE:
		break;
	}
}

ptrdiff_t
tally_read(struct tally *t, size_t count, const char *text, size_t length, struct complaint *why)
{
	ptrdiff_t whole;

	*t = (struct tally){ .lines = mem_array(count, 1), .late = mem_array(count, 1),
		             .count = count, .waiting = count, .held = -1 };
	whole = progress_read(text, length, apply, t, why);
	if (whole < 0)
		tally_free(t);
	return whole;
}

void
tally_free(struct tally *t)
{
	for (size_t i = 0; i < t->refusal_count; i++)
		free(t->refusals[i].text);
	leave_open(t);
	free(t->refusals);
	free(t->lines);
	free(t->late);
	free(t->reason);
	free(t->decided_by);
	free(t->decided_why);
	*t = (struct tally){ 0 };
}
