/* rollcallctl drain, rollcallctl resume: take nothing more and finish what was taken; and again. */
#include "base/setting.h"
#include "console/ctl.h"
#include "console/daemons.h"
#include "console/listing.h"
#include "policies/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PATIENCE = 600000,                /* ms: longer than most things take that are under way */
	LOOK_FIRST = 50, LOOK_MOST = 1000 /* ms between two looks */
};

/* What is still to be done at one moment. */
struct rest {
	bool running;                     /* an expander */
	size_t receiving;                 /* sessions that were let in before */
	size_t queues[QUEUE_COUNT], states[ENTRY_STATES];
	int64_t next;                     /* the earliest try of a deferred entry */
	struct js *entries;               /* of them, for --json */
};

static void
see(void *arg, const struct entry_summary *sum)
{
	struct rest *r = arg;
	enum entry_state state = listing_state(sum);

	r->states[state]++;
	if (state == ENTRY_KEPT)
		return;
	r->queues[sum->queue]++;
	if (state == ENTRY_DEFERRED && (r->next == 0 || sum->tally->until < r->next))
		r->next = sum->tally->until;
	js_append(r->entries, js_string(sum->id));
}

static void
ask_expander(const struct site *s, struct rest *r)
{
	struct js *answer = NULL;
	struct complaint unused;

	r->running = daemon_ask(s, "expander", "status", &answer, &unused) == 0;
	r->receiving = (size_t)js_number(answer, "receiving", 0);
	js_drop(&answer);
}

/*
 * First who is coming in, then what is there: a post is met in one or the other. Only a report that
 * is made while this looks may be missed, with the post that it is about; so two looks in a row
 * have to say the same.
 */
static int
look(const struct site *s, struct rest *r, struct complaint *why)
{
	js_drop(&r->entries);
	*r = (struct rest){ .entries = js_array() };
	ask_expander(s, r);
	return listing_each(s, QUEUE_PENDING, QUEUE_OUTBOUND, see, r, why);
}

static size_t
left(const struct rest *r)
{
	return r->states[ENTRY_WORK] + r->states[ENTRY_DEFERRED] + r->states[ENTRY_HELD] +
	       r->states[ENTRY_UNREADABLE];
}

static void
print_rest(const struct rest *r, const char *before)
{
	(void)printf("%spending %zu, outbound %zu, bounce %zu", before, r->queues[QUEUE_PENDING],
	             r->queues[QUEUE_OUTBOUND], r->queues[QUEUE_BOUNCE]);
	if (r->states[ENTRY_DEFERRED] > 0)
		(void)printf(", %zu of them wait for a retry", r->states[ENTRY_DEFERRED]);
	if (r->states[ENTRY_HELD] > 0)
		(void)printf(", %zu of them are held", r->states[ENTRY_HELD]);
	if (r->states[ENTRY_UNREADABLE] > 0)
		(void)printf(", %zu of them cannot be read", r->states[ENTRY_UNREADABLE]);
	if (r->receiving > 0)
		(void)printf("; %zu coming in", r->receiving);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

static bool
same_rest(const struct rest *a, const struct rest *b)
{
	return a->receiving == b->receiving && memcmp(a->queues, b->queues, sizeof(a->queues)) == 0 &&
	       memcmp(a->states, b->states, sizeof(a->states)) == 0;
}

static void
pause_ms(int64_t milliseconds)
{
	const struct timespec t = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/*
 * Looks again and again until nothing is left, or nothing that would be done before long: without
 * `patient` deferred entries are not waited for. Says so when something changes.
 */
static int
await(const struct ctl *c, const struct site *s, struct deadline by, bool patient, struct rest *now,
      struct complaint *why)
{
	struct rest before = { 0 };
	int64_t every = LOOK_FIRST;
	bool quiet = false;

	for (;;) {
		bool idle;

		if (look(s, now, why) < 0)
			return -1;
		idle = now->receiving == 0 && now->states[ENTRY_WORK] == 0 &&
		       (!patient || left(now) == 0);
		if ((idle && quiet) || !now->running || deadline_passed(by))
			return 0;
		if (!c->json && !idle && !same_rest(&before, now))
			print_rest(now, "");
		quiet = idle;
		before = *now;
		before.entries = NULL;
		pause_ms(every < deadline_left(by) ? every : deadline_left(by));
		every = every * 2 < LOOK_MOST && !idle ? every * 2 : every;
	}
}

static int
report(const struct ctl *c, struct rest *r)
{
	bool drained = left(r) == 0 && r->receiving == 0;
	struct js *j, *counts;
	char next[24];

	if (c->json) {
		j = js_object();
		counts = js_object();
		for (enum queue_id q = QUEUE_PENDING; q < QUEUE_DONE; q++)
			js_set_number(counts, queue_word(q), (int64_t)r->queues[q]);
		js_set_flag(j, "drained", drained);
		js_set_flag(j, "running", r->running);
		js_set_number(j, "receiving", (int64_t)r->receiving);
		js_set(j, "left", counts);
		js_set_number(j, "deferred", (int64_t)r->states[ENTRY_DEFERRED]);
		js_set_number(j, "held", (int64_t)r->states[ENTRY_HELD]);
		js_set_number(j, "unreadable", (int64_t)r->states[ENTRY_UNREADABLE]);
		js_set_number(j, "kept", (int64_t)r->states[ENTRY_KEPT]);
		js_set_number(j, "next", r->next);
		js_set(j, "entries", r->entries);
		r->entries = NULL;
		ctl_print(&j);
		return drained ? CTL_YES : CTL_UNSURE;
	}
	if (drained) {
		(void)printf("drained: nothing is left to do%s\n",
		             r->states[ENTRY_KEPT] > 0 ? "; bounces are kept for want of an address" : "");
		return CTL_YES;
	}
	print_rest(r, r->running ? "left: " : "left, and no expander runs: ");
	if (r->next > clock_wall()) {
		listing_age(r->next - clock_wall(), next, sizeof(next));
		(void)printf("the next retry is in %s; rollcallctl queue tells why\n", next);
	}
	return CTL_UNSURE;
}

static int
drain(const struct ctl *c, const struct site *s, int64_t wait, bool patient)
{
	struct rest r = { 0 };
	struct complaint why;
	struct js *answer = NULL;
	int status;

	if (drain_begin(s, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	/* It sees for itself; the question only makes it say so in its log now. */
	(void)daemon_ask(s, "milter", "status", &answer, &why);
	js_drop(&answer);
	if (await(c, s, deadline_in(wait), patient, &r, &why) < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	else
		status = report(c, &r);
	js_drop(&r.entries);
	return status;
}

static int
run_drain(const struct ctl *given)
{
	struct ctl c = *given;
	const char *text = ctl_value(&c, "--wait");
	int64_t wait = PATIENCE;
	struct site *s;
	int status;

	if (c.argc != 0 || (text != NULL && setting_parse_time(text, &wait) < 0))
		return CTL_USAGE;
	s = ctl_site(&c);
	if (s == NULL)
		return CTL_CONFIG;
	status = drain(&c, s, wait, text != NULL);
	site_drop(&s);
	return status;
}

static int
resume(const struct ctl *c, const struct site *s)
{
	bool draining = drain_since(s) != 0;
	struct complaint why;

	if (drain_end(s, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	for (size_t i = 0; daemons[i] != NULL; i++) {
		struct js *answer = NULL;

		(void)daemon_ask(s, daemons[i], "status", &answer, &why);
		js_drop(&answer);
	}
	if (c->json) {
		struct js *j = js_object();

		js_set_flag(j, "drained", draining);
		ctl_print(&j);
	} else {
		(void)printf(draining ? "new mail is taken again\n" : "there was no drain to end\n");
	}
	return CTL_YES;
}

static int
run_resume(const struct ctl *c)
{
	return ctl_on_site(c, 0, resume);
}

const struct command command_drain = {
	"drain", "[--wait TIME]", "takes no new mail, and finishes what was taken", run_drain,
};
const struct command command_resume = { "resume", "", "ends a drain", run_resume };
