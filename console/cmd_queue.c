/* rollcallctl queue: what is in the queues, now or until they are empty. */
#include "console/ctl.h"
#include "console/listing.h"
#include "expander/fanout/paces.h"
#include "policies/drain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_AGAIN = 1000 };               /* ms, with --follow */

struct listing {
	struct js *array;                 /* for --json, or NULL */
	size_t counts[QUEUE_COUNT];
	size_t kept;                      /* bounces that nobody is named for */
	size_t held;
	struct bytes said;                /* the lines, before they are shown */
};

/* As ctl_say(), to be shown with the others. */
static void __attribute__((format(printf, 2, 3)))
add(struct listing *l, const char *format, ...)
{
	va_list args;
	char *made;

	va_start(args, format);
	if (vasprintf(&made, format, args) >= 0) {
		bytes_add_printable(&l->said, made, "");
		free(made);
	}
	va_end(args);
}

/* How far it is, and how fast it goes. */
static void
add_pace(struct listing *l, const struct entry_summary *sum, const struct tally *t)
{
	struct pace_report p = listing_pace(sum, clock_wall());
	char left[24];

	add(l, "  %zu of %zu sent", t->sent, sum->recipients);
	if (t->refused > 0)
		add(l, ", %zu refused", t->refused);
	if (p.deferred > 0)
		add(l, ", %zu deferred", p.deferred);
	if (t->recalled > 0)
		add(l, ", %zu recalled", t->recalled);
	if (p.left < 0)
		return;
	listing_age(p.left, left, sizeof(left));
	add(l, "  %lld/min, %s left", (long long)p.rate, left);
}

/* "900", "12k", "3M": bytes. */
static void
print_size(int64_t bytes, char *text, size_t size)
{
	static const char units[][2] = { "", "k", "M", "G" };
	size_t unit = 0;

	for (; bytes >= 1024 && unit < 3; unit++)
		bytes = (bytes + 512) / 1024;
	(void)snprintf(text, size, "%lld%.1s", (long long)bytes, units[unit]);
}

static void
add_line(struct listing *l, const struct entry_summary *sum)
{
	static const struct tally nothing;
	const struct tally *t = sum->tally == NULL ? &nothing : sum->tally;
	char age[24] = "?", size[24] = "?", next[24] = "";

	if (sum->envelope != NULL) {
		listing_age(clock_wall() - sum->envelope->arrived, age, sizeof(age));
		print_size(sum->envelope->size, size, sizeof(size));
	}
	if (t->until > clock_wall())
		listing_age(t->until - clock_wall(), next, sizeof(next));
	add(l, "%s  %-10s %5s %5s  %s", sum->id, queue_word(sum->queue), age, size,
	    sum->envelope == NULL ? "(cannot be read)" : sum->envelope->list);
	if (sum->envelope != NULL && strcmp(sum->envelope->role, "post") != 0)
		add(l, " (%s)", sum->envelope->role);
	if (sum->recipients > 0)
		add_pace(l, sum, t);
	if (sum->held)
		add(l, "  held");
	bytes_add_char(&l->said, '\n');
	if (sum->reason != NULL && *sum->reason != '\0') {
		add(l, "        %s%s%s", sum->reason, *next == '\0' ? "" : "; again in ", next);
		bytes_add_char(&l->said, '\n');
	}
}

static void
add_json(struct js *array, const struct entry_summary *sum)
{
	struct pace_report p = listing_pace(sum, clock_wall());
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
		js_set_number(j, "deferred", (int64_t)p.deferred);
		js_set_number(j, "recalled", (int64_t)sum->tally->recalled);
		js_set_number(j, "per_minute", p.rate);
		if (p.left >= 0)
			js_set_number(j, "end", clock_wall() + p.left);
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
		add_line(l, sum);
}

static void
print_counts(struct listing *l, const struct site *s)
{
	struct js *j, *counts;

	if (l->array == NULL) {
		add(l, "pending %zu, outbound %zu, bounce %zu (%zu kept), moderation %zu, done %zu",
		    l->counts[QUEUE_PENDING], l->counts[QUEUE_OUTBOUND], l->counts[QUEUE_BOUNCE], l->kept,
		    l->counts[QUEUE_MODERATION], l->counts[QUEUE_DONE]);
		bytes_add_char(&l->said, '\n');
		return;
	}
	j = js_object();
	counts = js_object();
	for (enum queue_id q = 0; q < QUEUE_COUNT; q++)
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
add_states(struct listing *l, const struct site *s)
{
	int64_t since = drain_since(s);
	struct complaint why;
	struct paces *paces;
	char age[24];

	if (l->array != NULL)
		return;
	if (l->held > 0) {
		add(l, "%zu %s held: the spool was restored, and %s may have been sent "
		             "already, or the expander ended each time that it worked on %s, or by an "
		             "operator; rollcallctl release or discard", l->held,
		    l->held == 1 ? "entry is" : "entries are", l->held == 1 ? "it" : "they",
		    l->held == 1 ? "it" : "them");
		bytes_add_char(&l->said, '\n');
	}
	paces = paces_open(s->state, &why);
	if (paces == NULL || paces->count > 0) {
		add(l, "%s", paces == NULL ? why.text
		                           : "rates are set by rollcallctl pace, which shows them");
		bytes_add_char(&l->said, '\n');
	}
	paces_close(&paces);
	if (since == 0)
		return;
	listing_age(clock_wall() - since, age, sizeof(age));
	add(l, "draining for %s: new mail is put off; rollcallctl resume ends it", age);
	bytes_add_char(&l->said, '\n');
}

/* Looks once; what there is to show is added up. */
static int
look(struct listing *l, const struct site *s)
{
	struct queue_count all[QUEUE_COUNT];
	struct complaint why;

	/* What is done may be many, and is counted without being read. */
	if (listing_each(s, QUEUE_MODERATION, QUEUE_OUTBOUND, see, l, &why) < 0 ||
	    listing_count(s, all, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	l->counts[QUEUE_DONE] = all[QUEUE_DONE].entries;
	add_states(l, s);
	print_counts(l, s);
	return CTL_YES;
}

static int
list(const struct ctl *c, const struct site *s)
{
	struct listing l = { .array = c->json ? js_array() : NULL };
	int status = look(&l, s);

	(void)fputs(bytes_text(&l.said), stdout);
	js_drop(&l.array);
	bytes_free(&l.said);
	return status;
}

/* Shows the queues until nothing is in them but what nobody is named for: on a terminal in place. */
static int
follow(const struct ctl *c, const struct site *s)
{
	bool in_place = isatty(STDOUT_FILENO) != 0, busy = true;
	int status = CTL_YES;

	(void)c;
	while (busy && status == CTL_YES) {
		struct listing l = { 0 };

		status = look(&l, s);
		(void)printf("%s%s", in_place ? "\033[H\033[J" : "", bytes_text(&l.said));
		(void)fflush(stdout);
		busy = l.counts[QUEUE_PENDING] + l.counts[QUEUE_OUTBOUND] + l.counts[QUEUE_BOUNCE] > l.kept;
		bytes_free(&l.said);
		if (busy && (ferror(stdout) || usleep(LOOK_AGAIN * 1000) < 0))
			status = CTL_FAILED;
	}
	return status;
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool following = ctl_option(&c, "--follow");

	if (following && c.json)
		return CTL_USAGE;
	return ctl_on_site(&c, 0, following ? follow : list);
}

const struct command command_queue = { "queue", "[--follow]", "what is in the queues, and why", run };
