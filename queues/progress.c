/* The progress file: records, and what they come to. */
#include "queues/progress.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRESS_VERSION = 1 };

static void
add_line(struct bytes *out, struct js **j)
{
	js_print(*j, false, out);
	bytes_add_char(out, '\n');
	js_drop(j);
}

void
progress_head(struct bytes *out)
{
	struct js *j = js_object();

	js_set_number(j, "version", PROGRESS_VERSION);
	add_line(out, &j);
}

static void
print_lines(const struct record *r, const char *key, struct js *j)
{
	struct js *lines = js_array();

	for (size_t i = 0; i < r->count; i++)
		js_append(lines, js_integer(r->lines[i]));
	js_set(j, key, lines);
}

static void
print_intent(const struct record *r, struct js *j)
{
	if (r->lines == NULL) {
		js_set_number(j, "first", (int64_t)r->first);
		js_set_number(j, "count", (int64_t)r->count);
	} else {
		print_lines(r, "lines", j);
	}
}

void
progress_print(const struct record *r, struct bytes *out)
{
	struct js *j = js_object();

	if (r->kind == RECORD_BEGIN) {
		js_set_text(j, "begin", r->text);
	} else if (r->kind == RECORD_DEFER) {
		js_set_number(j, "defer", r->until);
		js_set_number(j, "tries", r->tries);
	} else {
		js_set_number(j, "batch", r->batch);
	}
	if (r->kind != RECORD_LINE)
		js_set_number(j, "at", r->at);
	if (r->kind == RECORD_INTENT)
		print_intent(r, j);
	if (r->kind == RECORD_RECALL)
		print_lines(r, "recalled", j);
	if (r->kind == RECORD_LINE)
		js_set_number(j, "line", (int64_t)r->line);
	if (r->kind == RECORD_LINE || r->kind == RECORD_RESULT)
		js_set_number(j, "code", r->code);
	if ((r->kind == RECORD_RESULT || r->kind == RECORD_DEFER) && r->held != 0)
		js_set_number(j, "held", r->held);
	js_set_text(j, "receipt", r->receipt);
	js_set_text(j, "mta", r->mta);
	if (r->spent >= 0 && (r->kind == RECORD_DEFER || (r->kind == RECORD_RESULT && r->held != 0)))
		js_set_number(j, "spent", r->spent);
	js_set_text(j, "id", r->id);
	if (r->kind != RECORD_BEGIN)
		js_set_text(j, "text", r->text);
	add_line(out, &j);
}

/* A number from `least`, which stands for a missing one, to `most`; another makes it a damaged line. */
static int64_t
number(const struct js *j, const char *key, int64_t least, int64_t most, bool *damaged)
{
	const struct js *value = js_get(j, key);
	int64_t n = js_number(j, key, least);

	*damaged = *damaged || n < least || n > most || (value != NULL && !js_is_integer(value));
	return n;
}

/* A list of lines, which is to be freed. */
static uint32_t *
parse_list(const struct js *list, struct record *r, bool *damaged)
{
	uint32_t *lines;

	r->count = js_count(list);
	lines = mem_array(r->count, sizeof(*lines));
	for (size_t i = 0; i < r->count; i++) {
		int64_t line = js_integer_at(list, i);

		*damaged = *damaged || !js_is_integer(js_at(list, i)) || line < 0 || line > UINT32_MAX;
		lines[i] = (uint32_t)line;
	}
	r->lines = lines;
	return lines;
}

/* The lines of an intent: a range, or a list. */
static uint32_t *
parse_lines(const struct js *j, struct record *r, bool *damaged)
{
	const struct js *list = js_get(j, "lines");

	if (js_is_array(list))
		return parse_list(list, r, damaged);
	r->first = (size_t)number(j, "first", 0, UINT32_MAX, damaged);
	r->count = (size_t)number(j, "count", 0, UINT32_MAX, damaged);
	return NULL;
}

/* Reads one line into a record; *lines_r is to be freed. False where it is none. */
static bool
parse_record(const struct js *j, struct record *r, uint32_t **lines_r)
{
	bool damaged = false;

	*r = (struct record){ .at = js_number(j, "at", 0),
		              .batch = number(j, "batch", 0, UINT32_MAX, &damaged),
		              .code = (int)number(j, "code", -1, 999, &damaged),
		              .held = (int)number(j, "held", 0, 999, &damaged),
		              .text = js_text(j, "text"),
		              .id = js_text(j, "id"),
		              .receipt = js_text(j, "receipt"),
		              .mta = js_text(j, "mta"),
		              .until = js_number(j, "defer", -1),
		              .tries = number(j, "tries", 0, UINT32_MAX, &damaged),
		              .spent = number(j, "spent", -1, INT64_MAX, &damaged) };
	*lines_r = NULL;
	if (js_text(j, "begin") != NULL) {
		r->kind = RECORD_BEGIN;
		r->text = js_text(j, "begin");
		return !damaged;
	}
	if (r->until >= 0) {
		r->kind = RECORD_DEFER;
		return !damaged;
	}
	if (r->batch < 1)
		return false;
	if (js_is_array(js_get(j, "recalled"))) {
		r->kind = RECORD_RECALL;
		*lines_r = parse_list(js_get(j, "recalled"), r, &damaged);
		return !damaged;
	}
	if (js_get(j, "line") != NULL) {
		r->kind = RECORD_LINE;
		r->line = (size_t)number(j, "line", 0, UINT32_MAX, &damaged);
		return !damaged && r->code >= 0;
	}
	if (r->code >= 0) {
		r->kind = RECORD_RESULT;
		return !damaged;
	}
	r->kind = RECORD_INTENT;
	*lines_r = parse_lines(j, r, &damaged);
	return !damaged;
}

/* The first line, where it says a version. */
static int
check_version(const struct js *j, struct complaint *why)
{
	if (js_number(j, "version", 0) == PROGRESS_VERSION)
		return 0;
	return complain(why, "progress: not of a version known to this program");
}

/* One whole line. -1 with a complaint. */
static int
read_line(const char *line, size_t length, size_t number, void (*visit)(void *, const struct record *),
          void *arg, struct complaint *why)
{
	struct complaint damage = { "no record known to this program" };
	struct js *j = js_parse(line, length, &damage);
	uint32_t *lines = NULL;
	struct record r;
	int rc = 0;

	if (j != NULL && number == 1 && js_get(j, "version") != NULL) {
		rc = check_version(j, why);
	} else if (j == NULL || !parse_record(j, &r, &lines)) {
		visit(arg, &(struct record){ .kind = RECORD_DAMAGE, .line = number, .text = damage.text });
	} else {
		if (number == 1)                  /* its head is missing: what else is? */
			visit(arg, &(struct record){ .kind = RECORD_DAMAGE, .line = number,
			                             .text = "the version is missing" });
		visit(arg, &r);
	}
	free(lines);
	js_drop(&j);
	return rc;
}

ptrdiff_t
progress_read(const char *text, size_t length, void (*visit)(void *, const struct record *),
              void *arg, struct complaint *why)
{
	size_t at = 0, number = 0;

	while (at < length) {
		const char *lf = memchr(text + at, '\n', length - at);
		size_t line;

		if (lf == NULL)
			break;
		line = (size_t)(lf - (text + at));
		if (read_line(text + at, line, ++number, visit, arg, why) < 0)
			return -1;
		at += line + 1;
	}
	return (ptrdiff_t)at;
}

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

static size_t
line_of(const struct open_batch *b, size_t i)
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
		tally_set(t, line_of(t->open, i), LINE_DOUBT);
		if (line_of(t->open, i) < t->count)
			t->late[line_of(t->open, i)] = 0;
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
		size_t line = line_of(b, i);

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
	if (r->kind == RECORD_DEFER || r->kind == RECORD_RESULT)
		t->begun_in[0] = '\0';
	if (r->text != NULL && r->kind != RECORD_BEGIN && r->code / 100 != 2) {
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
	*t = (struct tally){ 0 };
}
