/*
 * Which entry is next. Each process remembers what it has seen in a queue and when that is due; the
 * directory is read again now and then for what other processes put there.
 */
#include "queues/spool.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void
line_up_init(struct line_up *l)
{
	*l = (struct line_up){ .known = map_open(), .scanned = INT64_MIN / 2 };
	bell_init(&l->due);
}

static void
free_waiting(void *unused, void *value)
{
	(void)unused;
	free(value);
}

void
line_up_free(struct line_up *l)
{
	if (l->known == NULL)
		return;
	map_each(l->known, free_waiting, NULL);
	map_close(&l->known);
	bell_destroy(&l->due);
	free(l->heap);
}

/* ---- the heap ---- */

static void
put(struct line_up *l, size_t place, struct waiting *w)
{
	l->heap[place] = w;
	w->place = place;
}

static bool
is_before(const struct waiting *a, const struct waiting *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void
sift(struct line_up *l, size_t place)
{
	struct waiting *w = l->heap[place];

	while (place > 0 && is_before(w, l->heap[(place - 1) / 2])) {
		put(l, place, l->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	for (;;) {
		size_t child = place * 2 + 1;

		if (child + 1 < l->count && is_before(l->heap[child + 1], l->heap[child]))
			child++;
		if (child >= l->count || !is_before(l->heap[child], w))
			break;
		put(l, place, l->heap[child]);
		place = child;
	}
	put(l, place, w);
}

static void
push(struct line_up *l, struct waiting *w)
{
	if (l->count == l->capacity) {
		l->capacity = l->capacity == 0 ? 64 : l->capacity * 2;
		l->heap = mem_resize(l->heap, l->capacity * sizeof(*l->heap));
	}
	w->order = l->orders++;
	put(l, l->count++, w);
	sift(l, w->place);
}

static void
take_out(struct line_up *l, struct waiting *w)
{
	size_t place = w->place;
	struct waiting *last = l->heap[--l->count];

	if (last != w) {
		put(l, place, last);
		sift(l, place);
	}
}

/* ---- what is known; all of this under the lock ---- */

static struct waiting *
add(struct line_up *l, const char *id, int64_t due)
{
	struct waiting *w = map_get(l->known, id, strlen(id));

	if (w != NULL)
		return w;
	w = mem_new(sizeof(*w));
	memcpy(w->id, id, sizeof(w->id));
	w->due = due;
	(void)map_put(l->known, id, strlen(id), w);
	push(l, w);
	return w;
}

static void
drop(struct line_up *l, const char *id)
{
	struct waiting *w = map_remove(l->known, id, strlen(id));

	if (w == NULL)
		return;
	if (!w->claimed)
		take_out(l, w);
	free(w);
}

void
spool_arrived(struct spool *s, enum queue_id queue, const char *id)
{
	monitor_enter(&s->monitor);
	(void)add(&s->line_ups[queue], id, 0);
	bell_ring_one(&s->line_ups[queue].due);
	monitor_leave(&s->monitor);
}

void
spool_keep(struct spool *s, enum queue_id queue, const char *id)
{
	struct line_up *l = &s->line_ups[queue];
	struct waiting *w;

	monitor_enter(&s->monitor);
	w = add(l, id, 0);
	if (!w->claimed)
		take_out(l, w);
	w->claimed = true;
	monitor_leave(&s->monitor);
}

void
spool_gone(struct spool *s, enum queue_id queue, const char *id)
{
	monitor_enter(&s->monitor);
	drop(&s->line_ups[queue], id);
	monitor_leave(&s->monitor);
}

void
spool_put_back(struct spool *s, enum queue_id queue, const char *id, int64_t wait)
{
	struct line_up *l = &s->line_ups[queue];
	int64_t longest = s->config.longest, due;
	struct waiting *w;

	due = wait <= 0 ? 0 : clock_ticks() + (longest != 0 && wait > longest ? longest : wait);

	monitor_enter(&s->monitor);
	w = add(l, id, due);
	if (w->claimed) {
		w->claimed = false;
		w->due = due;
		push(l, w);
	} else {
		w->due = due;
		sift(l, w->place);
	}
	/* A time all are to know: one of them may be busy then. */
	if (due == 0)
		bell_ring_one(&l->due);
	else
		bell_ring(&l->due);
	monitor_leave(&s->monitor);
}

static void
collect_unseen(void *arg, void *value)
{
	struct waiting *w = value;

	if (!w->seen && !w->claimed)
		text_list_add(arg, w->id, strlen(w->id));
	w->seen = false;
}

static void
see_name(void *arg, const char *name)
{
	add(arg, name, 0)->seen = true;
}

/*
 * Reads the directory: adds what is new, forgets what others took. Under the lock: it is one
 * readdir.
 */
static void
scan(struct spool *s, enum queue_id queue)
{
	struct line_up *l = &s->line_ups[queue];
	struct text_list unseen = { 0 };
	struct complaint why;

	l->scanned = clock_ticks();
	if (spool_each_name(s, queue, see_name, l, &why) < 0) {
		log_say(LEVEL_ERROR, "spool", "%s", why.text);
		return;
	}
	map_each(l->known, collect_unseen, &unseen);
	for (size_t i = 0; i < unseen.count; i++)
		drop(l, unseen.items[i]);
	text_list_free(&unseen);
}

static void
scan_if_time(struct spool *s, enum queue_id queue)
{
	if (clock_ticks() - s->line_ups[queue].scanned >= s->config.rescan)
		scan(s, queue);
}

bool
spool_next(struct spool *s, enum queue_id queue, char id[DIGEST_NAME + 1], bool *hurried)
{
	struct line_up *l = &s->line_ups[queue];
	struct waiting *w = NULL;

	monitor_enter(&s->monitor);
	scan_if_time(s, queue);
	if (l->count > 0 && l->heap[0]->due <= clock_ticks()) {
		w = l->heap[0];
		take_out(l, w);
		w->claimed = true;
		*hurried = w->hurried;
		w->hurried = false;
		memcpy(id, w->id, sizeof(w->id));
	}
	monitor_leave(&s->monitor);
	return w != NULL;
}

void
spool_wait(struct queues *queues, enum queue_id queue, struct deadline by)
{
	struct spool *s = (struct spool *)queues;
	struct line_up *l = &s->line_ups[queue];
	uint64_t wakes;
	bool more = true;

	monitor_enter(&s->monitor);
	wakes = l->wakes;
	while (more && wakes == l->wakes) {
		int64_t due = l->count > 0 ? l->heap[0]->due - clock_ticks() : INT64_MAX;
		int64_t rescan = l->scanned + s->config.rescan - clock_ticks();

		if (due <= 0 || rescan <= 0)
			break;
		more = bell_wait_until(&l->due, &s->monitor,
		                       deadline_earlier(by, deadline_in(due < rescan ? due : rescan)));
		if (!more && !deadline_passed(by))
			more = true;
	}
	monitor_leave(&s->monitor);
}

void
spool_wake(struct queues *queues, enum queue_id queue)
{
	struct spool *s = (struct spool *)queues;
	struct line_up *l = &s->line_ups[queue];

	monitor_enter(&s->monitor);
	l->wakes++;
	bell_ring(&l->due);
	monitor_leave(&s->monitor);
}

struct hurry {
	const char *id;
	struct text_list ids;
};

static void
collect_waiting(void *arg, void *value)
{
	struct hurry *h = arg;
	struct waiting *w = value;

	if (!w->claimed && (h->id == NULL || strcmp(h->id, w->id) == 0))
		text_list_add(&h->ids, w->id, strlen(w->id));
}

size_t
spool_hurry(struct queues *queues, const char *id)
{
	struct spool *s = (struct spool *)queues;
	size_t count = 0;

	monitor_enter(&s->monitor);
	for (enum queue_id q = 0; q < QUEUE_DONE; q++) {
		struct line_up *l = &s->line_ups[q];
		struct hurry h = { .id = id };

		scan(s, q);
		map_each(l->known, collect_waiting, &h);
		for (size_t i = 0; i < h.ids.count; i++) {
			struct waiting *w = map_get(l->known, h.ids.items[i], strlen(h.ids.items[i]));

			w->due = 0;
			w->hurried = true;
			sift(l, w->place);
		}
		count += h.ids.count;
		text_list_free(&h.ids);
		bell_ring(&l->due);
	}
	monitor_leave(&s->monitor);
	return count;
}
