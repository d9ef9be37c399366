/* Counting, and saying what was counted. */
#include "base/metric.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metric_page {
	const char *daemon;
	struct js *samples;
};

/* Upper ends of the buckets in microseconds, and as they are written in seconds. */
static const struct {
	int64_t up_to;
	const char *text;
} buckets[METRIC_BUCKETS] = {
	{ 100, "0.0001" },     { 500, "0.0005" },     { 1000, "0.001" },     { 2500, "0.0025" },
	{ 5000, "0.005" },     { 10000, "0.01" },     { 25000, "0.025" },    { 50000, "0.05" },
	{ 100000, "0.1" },     { 250000, "0.25" },    { 500000, "0.5" },     { 1000000, "1" },
	{ 2500000, "2.5" },    { 5000000, "5" },      { 10000000, "10" },    { 30000000, "30" },
	{ 60000000, "60" },    { 300000000, "300" },  { 600000000, "600" },
};

/* Behind the buckets: what is above all of them, and the sum. */
enum { ABOVE = METRIC_BUCKETS, SUM };

void
metric_time_of(const struct metric *m, size_t which, int64_t microseconds)
{
	metric_cell *cells = m->cells + which * (SUM + 1);
	size_t b = 0;

	while (b < METRIC_BUCKETS && microseconds > buckets[b].up_to)
		b++;
	(void)atomic_fetch_add_explicit(&cells[b], 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&cells[SUM], microseconds, memory_order_relaxed);
}

void
metric_time(const struct metric *m, int64_t microseconds)
{
	metric_time_of(m, 0, microseconds);
}

static int64_t
get(const struct metric *m, size_t cell)
{
	return atomic_load_explicit(&m->cells[cell], memory_order_relaxed);
}

/* ---- samples; a page takes the labels ---- */

static void
add_text(struct metric_page *p, const char *suffix, struct js *labels, const char *value)
{
	struct js *sample = js_object();

	js_set_text(sample, "suffix", suffix);
	js_set(sample, "labels", labels);
	js_set_text(sample, "value", value);
	js_append(p->samples, sample);
}

static void
add_number(struct metric_page *p, const char *suffix, struct js *labels, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	add_text(p, suffix, labels, text);
}

void
metric_sample(struct metric_page *p, const char *const *labels, double value)
{
	struct js *j = js_object();
	char text[40];

	for (; *labels != NULL; labels += 2)
		js_set_text(j, labels[0], labels[1]);
	(void)snprintf(text, sizeof(text), "%.15g", value);
	add_text(p, NULL, j, text);
}

void
metric_sample_of(struct metric_page *p, const char *name, const char *word, double value)
{
	metric_sample(p, (const char *const[]){ name, word, NULL }, value);
}

const char *
metric_daemon(const struct metric_page *p)
{
	return p->daemon;
}

/* Those that do not depend on what is counted. */
static struct js *
base_labels(const struct metric_page *p, const struct metric *m)
{
	struct js *labels = js_object();

	if (m->by_daemon)
		js_set_text(labels, "daemon", p->daemon);
	return labels;
}

/* Those of a histogram. */
static struct js *
time_labels(const struct metric_page *p, const struct metric *m, size_t which)
{
	struct js *labels = base_labels(p, m);

	if (m->labels[0].name != NULL)
		js_set_text(labels, m->labels[0].name, m->labels[0].word(which));
	return labels;
}

static void
add_times_of(struct metric_page *p, const struct metric *m, size_t which)
{
	size_t first = which * (SUM + 1);
	int64_t count = 0;
	char sum[40];

	for (size_t b = 0; b <= ABOVE; b++) {
		struct js *labels = time_labels(p, m, which);

		count += get(m, first + b);
		js_set_text(labels, "le", b == ABOVE ? "+Inf" : buckets[b].text);
		add_number(p, "_bucket", labels, count);
	}
	(void)snprintf(sum, sizeof(sum), "%" PRId64 ".%06" PRId64, get(m, first + SUM) / 1000000,
	               get(m, first + SUM) % 1000000);
	add_text(p, "_sum", time_labels(p, m, which), sum);
	add_number(p, "_count", time_labels(p, m, which), count);
}

/* Of one with a label, only those in which anything was ever counted. */
static void
add_times(struct metric_page *p, const struct metric *m)
{
	if (m->labels[0].name == NULL)
		add_times_of(p, m, 0);
	for (size_t i = 0; m->labels[0].name != NULL && i < m->labels[0].count; i++) {
		int64_t any = 0;

		for (size_t b = 0; b <= ABOVE; b++)
			any |= get(m, i * (SUM + 1) + b);
		if (any != 0)
			add_times_of(p, m, i);
	}
}

/* ---- cells; different ones may have the same words ---- */

enum { SMALL = 16 };                      /* so many cells are shown even where they are zero */

struct shown {
	char *words;                      /* of all labels, as one text */
	struct js *labels;
	int64_t value;
};

static struct js *
labels_of(const struct metric_page *p, const struct metric *m, size_t cell)
{
	struct js *labels = base_labels(p, m);

	for (size_t i = METRIC_LABELS; i-- > 0;) {
		const struct metric_label *l = &m->labels[i];
		const char *word;

		if (l->name == NULL)
			continue;
		word = l->word(cell % l->count);
		cell /= l->count;
		if (*word != '\0')
			js_set_text(labels, l->name, word);
	}
	return labels;
}

static void
add_cells(struct metric_page *p, const struct metric *m)
{
	struct shown *shown;
	size_t cells = 1, count = 0;

	for (size_t i = 0; i < METRIC_LABELS && m->labels[i].name != NULL; i++)
		cells *= m->labels[i].count;
	shown = mem_array(cells, sizeof(*shown));
	for (size_t cell = 0; cell < cells; cell++) {
		struct shown s = { .value = get(m, cell) };
		struct bytes words = { 0 };
		size_t same = 0;

		if (s.value == 0 && cells > SMALL)
			continue;
		s.labels = labels_of(p, m, cell);
		js_print(s.labels, false, &words);
		s.words = bytes_take(&words);
		while (same < count && strcmp(shown[same].words, s.words) != 0)
			same++;
		shown[same].value += s.value;
		if (same < count) {
			js_drop(&s.labels);
			free(s.words);
		} else {
			shown[count++] = s;
		}
	}
	for (size_t i = 0; i < count; i++) {
		add_number(p, NULL, shown[i].labels, shown[i].value);
		free(shown[i].words);
	}
	free(shown);
}

/* ---- families ---- */

void
metric_gather(struct js *answer, const char *daemon, const struct metric *rows)
{
	static const char *const types[] = { [METRIC_COUNTER] = "counter",
		                             [METRIC_GAUGE] = "gauge",
		                             [METRIC_TIMES] = "histogram" };
	struct js *all = (struct js *)js_get(answer, "metrics");

	if (all == NULL) {
		js_set(answer, "metrics", js_array());
		all = (struct js *)js_get(answer, "metrics");
	}
	for (const struct metric *m = rows; m->kind != METRIC_END; m++) {
		struct metric_page page = { daemon, js_array() };
		struct js *family = js_object();

		if (m->read != NULL)
			m->read(&page);
		else if (m->kind == METRIC_TIMES)
			add_times(&page, m);
		else
			add_cells(&page, m);
		js_set_text(family, "name", m->name);
		js_set_text(family, "help", m->help);
		js_set_text(family, "type", types[m->kind]);
		js_set(family, "samples", page.samples);
		js_append(all, family);
	}
}
