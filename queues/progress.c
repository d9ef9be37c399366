/* The progress file: its records. */
#include "queues/progress.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { PROGRESS_VERSION = 1 };

static const char *const decided_words[DECIDED_COUNT] = {
	[DECIDED_NOT] = "",           [DECIDED_ACCEPT] = "accept", [DECIDED_REJECT] = "reject",
	[DECIDED_DISCARD] = "discard", [DECIDED_EXPIRE] = "expire",
};

const char *
decided_word(enum decided d)
{
	return decided_words[d];
}

/* DECIDED_COUNT for none. */
static enum decided
decided_of(const char *word)
{
	enum decided d = DECIDED_ACCEPT;

	while (d < DECIDED_COUNT && strcmp(decided_words[d], word) != 0)
		d++;
	return d;
}

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
	} else if (r->kind == RECORD_DECIDED) {
		js_set_text(j, "decided", decided_word(r->decided));
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
	if (js_text(j, "decided") != NULL) {
		r->kind = RECORD_DECIDED;
		r->decided = decided_of(js_text(j, "decided"));
		return !damaged && r->decided != DECIDED_COUNT;
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
