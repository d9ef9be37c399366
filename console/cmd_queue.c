/* rollcallctl queue: what is in the queues. */
#include "console/ctl.h"
#include "console/listing.h"
#include "policies/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	struct js *array;                 /* for --json, or NULL */
	size_t counts[QUEUE_COUNT];
	size_t kept;                      /* bounces that nobody is named for */
	size_t held;
};

static void
print_line(const struct entry_summary *sum)
{
	static const struct tally nothing;
	const struct tally *t = sum->tally == NULL ? &nothing : sum->tally;
	char age[24] = "?", next[24] = "";

	if (sum->envelope != NULL)
		listing_age(clock_wall() - sum->envelope->arrived, age, sizeof(age));
	if (t->until > clock_wall())
		listing_age(t->until - clock_wall(), next, sizeof(next));
	ctl_say("%s  %-8s %5s  %s", sum->id, queue_word(sum->queue), age,
	        sum->envelope == NULL ? "(cannot be read)" : sum->envelope->list);
	if (sum->envelope != NULL && strcmp(sum->envelope->role, "post") != 0)
		ctl_say(" (%s)", sum->envelope->role);
	if (sum->recipients > 0)
		(void)printf("  %zu of %zu sent", t->sent, sum->recipients);
	if (t->refused > 0)
		(void)printf(", %zu refused", t->refused);
	if (sum->held)
		(void)printf("  held");
	(void)fputc('\n', stdout);
	if (sum->reason != NULL && *sum->reason != '\0') {
		ctl_say("        %s%s%s", sum->reason, *next == '\0' ? "" : "; again in ", next);
		(void)fputc('\n', stdout);
	}
}

static void
add_json(struct js *array, const struct entry_summary *sum)
{
	struct js *j = js_object();

	js_set_text(j, "id", sum->id);
	js_set_text(j, "queue", queue_word(sum->queue));
	if (sum->envelope != NULL) {
		js_set_text(j, "list", sum->envelope->list);
		js_set_text(j, "role", sum->envelope->role);
		js_set_text(j, "sender", sum->envelope->sender);
		js_set_text(j, "queue_id", sum->envelope->queue_id);
		js_set_text(j, "message_id", sum->envelope->message_id);
		js_set_number(j, "size", sum->envelope->size);
		js_set_number(j, "arrived", sum->envelope->arrived);
	}
	js_set_number(j, "recipients", (int64_t)sum->recipients);
	if (sum->tally != NULL) {
		js_set_number(j, "sent", (int64_t)sum->tally->sent);
		js_set_number(j, "refused", (int64_t)sum->tally->refused);
		js_set_number(j, "waiting", (int64_t)(sum->tally->waiting + sum->tally->doubt));
		js_set_number(j, "tries", sum->tally->tries);
		js_set_number(j, "until", sum->tally->until);
	}
	js_set_text(j, "reason", sum->reason);
	js_set_flag(j, "held", sum->held);
	js_append(array, j);
}

static void
see(void *arg, const struct entry_summary *sum)
{
	struct listing *l = arg;

	l->counts[sum->queue]++;
	l->kept += listing_state(sum) == ENTRY_KEPT;
	l->held += sum->held;
	if (l->array != NULL)
		add_json(l->array, sum);
	else
		print_line(sum);
}

static void
print_counts(struct listing *l, const struct site *s)
{
	struct js *j, *counts;

	if (l->array == NULL) {
		(void)printf("pending %zu, outbound %zu, bounce %zu (%zu kept), done %zu\n",
		             l->counts[QUEUE_PENDING], l->counts[QUEUE_OUTBOUND],
		             l->counts[QUEUE_BOUNCE], l->kept, l->counts[QUEUE_DONE]);
		return;
	}
	j = js_object();
	counts = js_object();
	for (enum queue_id q = QUEUE_PENDING; q < QUEUE_COUNT; q++)
		js_set_number(counts, queue_word(q), (int64_t)l->counts[q]);
	js_set_number(counts, "kept", (int64_t)l->kept);
	js_set_number(counts, "held", (int64_t)l->held);
	js_set(j, "counts", counts);
	js_set_flag(j, "draining", drain_since(s) != 0);
	js_set(j, "entries", l->array);
	l->array = NULL;
	ctl_print(&j);
}

/* What nobody should forget. */
static void
print_states(const struct listing *l, const struct site *s)
{
	int64_t since = drain_since(s);
	char age[24];

	if (l->array != NULL)
		return;
	if (l->held > 0)
		(void)printf("%zu entries are held: the spool was restored, and they may have been sent "
		             "already, or the expander ended each time that it worked on them, or by an "
		             "operator; rollcallctl release or discard\n", l->held);
	if (since == 0)
		return;
	listing_age(clock_wall() - since, age, sizeof(age));
	(void)printf("draining for %s: new mail is put off; rollcallctl resume ends it\n", age);
}

static int
list(const struct ctl *c, const struct site *s)
{
	struct listing l = { .array = c->json ? js_array() : NULL };
	struct queue_count all[QUEUE_COUNT];
	struct complaint why;
	int status = CTL_YES;

	/* What is done may be many, and is counted without being read. */
	if (listing_each(s, QUEUE_PENDING, QUEUE_OUTBOUND, see, &l, &why) < 0 ||
	    listing_count(s, all, &why) < 0) {
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	} else {
		l.counts[QUEUE_DONE] = all[QUEUE_DONE].entries;
		print_states(&l, s);
		print_counts(&l, s);
	}
	js_drop(&l.array);
	return status;
}

static int
run(const struct ctl *c)
{
	return ctl_on_site(c, 0, list);
}

const struct command command_queue = { "queue", "", "what is in the queues, and why", run };
