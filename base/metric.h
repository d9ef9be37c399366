/*
 * What a daemon counts, for whoever watches it: counters, gauges and histograms of durations. A
 * metric is a row, with its name and what it means, in a table of the program that counts; counting
 * is one relaxed addition to a cell of it, from any thread and without a lock.
 *
 * Names and types are those of Prometheus. `rollcallctl metrics` prints its text format from what
 * metric_gather() says.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/json.h"

#include <stdatomic.h>

enum metric_kind { METRIC_END, METRIC_COUNTER, METRIC_GAUGE, METRIC_TIMES };

enum { METRIC_LABELS = 3, METRIC_BUCKETS = 19 };

/* A label whose values are numbered. An empty word leaves the label out. */
struct metric_label {
	const char *name;
	size_t count;
	const char *(*word)(size_t);
};

typedef _Atomic int64_t metric_cell;

/* Where samples are put together. */
struct metric_page;

struct metric {
	const char *name;
	enum metric_kind kind;
	const char *help;                 /* a sentence for the manual and the scraper */
	struct metric_label labels[METRIC_LABELS];      /* the first without a name ends them */
	bool by_daemon;                   /* a label "daemon" besides: several programs count it */
	metric_cell *cells;               /* METRIC_CELLS() of the product of their counts … */
	void (*read)(struct metric_page *);             /* … or NULL, and this gives the samples */
};

/* Cells for a row at file scope; those of a METRIC_TIMES, which has one label or none. */
#define METRIC_CELLS(count) ((metric_cell[count]){ 0 })
#define METRIC_TIME_CELLS METRIC_TIMES_OF(1)
#define METRIC_TIMES_OF(count) METRIC_CELLS((count) * (METRIC_BUCKETS + 2))

/* One value of each label, as far as there are any. A gauge goes down by a negative number. */
static inline void
metric_add(const struct metric *m, size_t a, size_t b, size_t c, int64_t by)
{
	size_t at = a;

	if (m->labels[1].name != NULL)
		at = at * m->labels[1].count + b;
	if (m->labels[2].name != NULL)
		at = at * m->labels[2].count + c;
	(void)atomic_fetch_add_explicit(&m->cells[at], by, memory_order_relaxed);
}

/* The same for a metric without labels. */
static inline void
metric_count(const struct metric *m, int64_t by)
{
	metric_add(m, 0, 0, 0, by);
}

/* A duration in microseconds, into a METRIC_TIMES; and into one with a label. */
void metric_time(const struct metric *, int64_t microseconds);
void metric_time_of(const struct metric *, size_t which, int64_t microseconds);

/*
 * Puts the rows (ended by METRIC_END) into the array "metrics" of an answer: a family each, with
 * "name", "help", "type" and "samples", whose values are texts. Samples with the same labels are
 * added up. `daemon` is for rows that are the same for several programs. Any thread.
 */
void metric_gather(struct js *answer, const char *daemon, const struct metric *rows);

/* For `read`: a sample with these labels, each a name and a word, ended by NULL. */
void metric_sample(struct metric_page *, const char *const *labels, double value);

/* The same with one label. */
void metric_sample_of(struct metric_page *, const char *name, const char *word, double value);

/* The program that is asked. */
const char *metric_daemon(const struct metric_page *);

/* What the kernel knows about this process. */
extern const struct metric process_metrics[];

#endif
