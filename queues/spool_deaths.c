/*
 * Entries that end the process that works on them: for want of memory, by a damaged disk under a mapped
 * file, by a bug. The progress file says that work began; where it does so again and again and does not say
 * what came of it, the entry is held, so that the others get on. It may have been another that was worked
 * on at the same time: so those that are suspect are worked on one at a time.
 */
#include "queues/spool.h"

#include "base/log.h"

enum { MOST_DEATHS = 5 };                 /* an operator in a hurry may kill some */

/* Whether it is this one's turn. */
static bool
may_begin(struct spool *s, struct spool_entry *e)
{
	monitor_enter(&s->monitor);
	e->suspect = e->deaths > 0 && !s->suspecting;
	s->suspecting = s->suspecting || e->suspect;
	monitor_leave(&s->monitor);
	return e->deaths == 0 || e->suspect;
}

/* An operator who lets it go has as many tries again. */
static bool
hold(struct spool *s, struct spool_entry *e)
{
	struct complaint reason, why;
	const struct record r = { .kind = RECORD_DEFER, .at = clock_wall(), .tries = e->entry.tries,
		                  .spent = -1, .held = 1, .text = reason.text };

	(void)complain(&reason, "held: the expander ended %zu times while it was working on it", e->deaths);
	if (spool_hold(s, e->entry.id, &why) < 0) {
		log_say(LEVEL_ERROR, "spool", "%s: %s", e->entry.id, why.text);
		return false;
	}
	(void)spool_note(&e->entry, &r, false, &why);
	log_say(LEVEL_ERROR, "spool", "%s, for %s, is %s; rollcallctl release lets it go", e->entry.id,
	        e->entry.envelope.list, reason.text);
	return true;
}

enum begun
spool_begin(struct spool *s, struct spool_entry *e)
{
	const struct record r = { .kind = RECORD_BEGIN, .at = clock_wall(),
		                  .text = queue_word(e->entry.queue) };
	struct complaint unused;

	if (e->deaths >= MOST_DEATHS && hold(s, e))
		return BEGIN_HELD;
	if (!may_begin(s, e))
		return BEGIN_LATER;
	if (e->deaths > 0)
		log_say(LEVEL_WARN, "spool", "%s: the expander ended while it was working on it (%zu of %d "
		        "times)", e->entry.id, e->deaths, (int)MOST_DEATHS);
	/* Where there is no room for it, only a death is not counted. */
	e->begun = spool_note(&e->entry, &r, false, &unused) == 0;
	monitor_enter(&s->monitor);
	e->after = s->at_work;
	if (e->after != NULL)
		e->after->before = e;
	s->at_work = e;
	monitor_leave(&s->monitor);
	return BEGUN;
}

/* Says that it is due then, where it says no more than that work began. */
static void
note_end(struct spool_entry *e, int64_t until)
{
	const struct record r = { .kind = RECORD_DEFER, .at = clock_wall(), .until = until,
		                  .tries = e->entry.tries, .spent = -1 };
	struct complaint unused;
	bool begun;

	monitor_enter(&e->appending);
	begun = e->begun;
	monitor_leave(&e->appending);
	if (begun)
		(void)spool_note(&e->entry, &r, false, &unused);
}

/* Others that are suspect have their turn. */
void
spool_rest(struct entry *entry)
{
	struct spool *s = (struct spool *)entry->queues;
	struct spool_entry *e = (struct spool_entry *)entry;

	note_end(e, 0);
	monitor_enter(&s->monitor);
	s->suspecting = s->suspecting && !e->suspect;
	e->suspect = false;
	monitor_leave(&s->monitor);
}

void
spool_end(struct spool *s, struct spool_entry *e, int64_t until)
{
	note_end(e, until);
	monitor_enter(&s->monitor);
	*(e->before == NULL ? &s->at_work : &e->before->after) = e->after;
	if (e->after != NULL)
		e->after->before = e->before;
	s->suspecting = s->suspecting && !e->suspect;
	monitor_leave(&s->monitor);
}

void
spool_moved(struct spool_entry *e)
{
	monitor_enter(&e->appending);
	e->begun = false;
	monitor_leave(&e->appending);
}

/* Who is told to end and cannot wait for those who work has not died of what they work on. */
void
spool_leave(struct queues *queues)
{
	struct spool *s = (struct spool *)queues;

	monitor_enter(&s->monitor);
	for (struct spool_entry *e = s->at_work; e != NULL; e = e->after)
		note_end(e, 0);
	monitor_leave(&s->monitor);
}
