/*
 * rollcallctl trace: why somebody got a post, or did not. Who it went to is what was written down then; by
 * which groups he is a member is asked now.
 */
#include "base/mem.h"
#include "console/ctl.h"
#include "console/history.h"
#include "console/listing.h"
#include "expander/fanout/prepare.h"
#include "expander/settings.h"
#include "mail/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 600000 };

struct tracing {
	const struct ctl *ctl;
	const struct site *site;
	struct address member;
	char id[DIGEST_NAME + 1];
	/* Of the entry. */
	char *list, *sender, *queue_id, *message_id;
	int64_t size;
	struct text_list before;
	enum queue_id queue;
	bool owner, frozen, held, listed;
	size_t line, recipients;
	enum line_state state;
	int64_t until;
	char *reason;
	/* Of the directory, now. */
	struct js *via, *left_out;        /* arrays */
	const char *also;                 /* a list before it that he is on; borrowed */
	char *handed;                     /* a list within it, with a post of its own, that he is on */
	const char *out;                  /* why else a member would be left out; NULL: he would not */
	char *unsure;
	struct history history;
};

/* ---- what is written down ---- */

static void
find_line(struct tracing *t, const struct distribution *d)
{
	struct complaint unused;
	struct address a;

	for (size_t i = 0; i < d->count && !t->listed; i++) {
		size_t length;
		const char *text = distribution_address(d, i, &length);

		if (address_parse(&a, text, length, &unused) < 0)
			continue;
		t->listed = strcmp(a.canonical, t->member.canonical) == 0;
		t->line = i;
		address_free(&a);
	}
}

static void
see(void *arg, const struct entry_summary *sum)
{
	struct tracing *t = arg;
	const struct envelope *e = sum->envelope;

	if (strcmp(sum->id, t->id) != 0 || e == NULL || t->list != NULL)
		return;
	t->list = mem_text(e->list);
	t->sender = mem_text(e->sender);
	t->queue_id = mem_text(e->queue_id);
	t->message_id = mem_text(e->message_id);
	t->size = e->size;
	t->owner = strcmp(e->role, "owner") == 0;
	text_list_add_all(&t->before, &e->before);
	t->queue = sum->queue;
	t->held = sum->held;
	t->recipients = sum->recipients;
	t->frozen = sum->frozen != NULL;
	if (t->frozen)
		find_line(t, sum->frozen);
	if (sum->tally != NULL && t->listed) {
		t->state = sum->tally->lines[t->line];
		t->until = sum->tally->until;
	}
	t->reason = mem_text(sum->queue == QUEUE_MODERATION ? e->reason : sum->reason);
}

/* ---- what the directory says now ---- */

static bool
take(void *arg, const struct member *m)
{
	struct tracing *t = arg;

	if (strcmp(m->canonical, t->member.canonical) == 0)
		js_append(t->via, ctl_via(m->via));
	return true;
}

static void
take_omitted(void *arg, enum omission reason, const char *what, const struct via *via)
{
	struct tracing *t = arg;
	struct js *row = js_object();

	js_set_text(row, "what", what);
	js_set_text(row, "reason", omission_words[reason]);
	js_set(row, "via", ctl_via(via));
	js_append(t->left_out, row);
}

static enum found
find_list(const struct tracing *t, const char *list, struct target *target, struct complaint *why)
{
	const struct destination *d = site_destination(t->site, list);
	enum found found = FOUND_NO;

	*target = (struct target){ 0 };
	if (d != NULL)
		found = site_find(d, list, deadline_in(PATIENCE), target, why);
	if (found == FOUND_NO)
		(void)complain(why, "the list %s is not there any more", list);
	return found;
}

/* Asks who is on a list. */
static enum found
walk(struct tracing *t, const char *list, enum people whom, struct complaint *why)
{
	struct walk_report report;
	struct target target;
	enum found found = find_list(t, list, &target, why);

	if (found == FOUND_YES)
		found = source_each_member_told(target.destination->source, target.list, whom,
		                                deadline_in(PATIENCE), take, t, take_omitted, t, &report,
		                                why);
	target_drop(&target);
	return found;
}

/* The first of these lists that he is on; NULL: none, as far as they can be read. */
static const char *
first_of(struct tracing *t, const struct text_list *lists)
{
	struct js *via = t->via, *left_out = t->left_out;
	struct complaint unused;
	const char *first = NULL;

	t->left_out = js_array();
	for (size_t i = 0; i < lists->count && first == NULL; i++) {
		t->via = js_array();
		if (walk(t, lists->items[i], PEOPLE_MEMBERS, &unused) == FOUND_YES && js_count(t->via) > 0)
			first = lists->items[i];
		js_drop(&t->via);
	}
	js_drop(&t->left_out);
	t->via = via;
	t->left_out = left_out;
	return first;
}

/* Why a member is left out, as the expander finds that out. */
static enum found
ask_why(struct tracing *t, struct complaint *why)
{
	const struct occasion occasion = { .sender = t->sender, .queue_id = t->queue_id,
		                           .message_id = t->message_id, .size = t->size };
	const struct preparing p = { t->site, &occasion, &t->before, deadline_in(PATIENCE), NULL, false };
	struct walk_report report;
	struct target target;
	struct roster r;
	uint32_t number;
	enum found found = find_list(t, t->list, &target, why);

	roster_open(&r);
	if (found == FOUND_YES)
		found = prepare_members(&p, target.destination, target.list, t->list, &r, &report, why);
	if (found == FOUND_YES && roster_find_member(&r, t->member.canonical, &number)) {
		if (r.people[number].out != OUT_NOT)
			t->out = out_word((enum out)r.people[number].out);
	} else if (found == FOUND_YES) {
		t->handed = mem_text(first_of(t, &r.apart));
	}
	roster_close(&r);
	target_drop(&target);
	return found;
}

static void
ask_directory(struct tracing *t)
{
	enum found found;
	struct complaint why;

	t->via = js_array();
	t->left_out = js_array();
	found = walk(t, t->list, t->owner ? PEOPLE_OWNERS : PEOPLE_MEMBERS, &why);
	/* Members of the lists before it have it by those. */
	t->also = first_of(t, &t->before);
	if (found == FOUND_YES && t->frozen && !t->listed && !t->owner && t->also == NULL &&
	    js_count(t->via) > 0)
		found = ask_why(t, &why);
	if (found != FOUND_YES)
		t->unsure = mem_text(why.text);
}

/* ---- what it comes to ---- */

/* In a word, and as a status. */
static const char *
outcome(const struct tracing *t, int *status)
{
	bool done = t->queue == QUEUE_DONE;

	*status = CTL_NO;
	if (t->listed && t->state == LINE_SENT) {
		*status = CTL_YES;
		return "sent";
	}
	if (t->listed && t->state == LINE_REFUSED)
		return "refused";
	if (t->listed && t->state == LINE_RECALLED)
		return "recalled";
	if (t->frozen && !t->listed)
		return t->also != NULL || t->handed != NULL || t->out != NULL ? "left out" : "no recipient";
	if (done)
		return t->listed && t->state == LINE_DOUBT ? "in doubt" : "given up";
	*status = CTL_UNSURE;
	if (t->queue == QUEUE_MODERATION)
		return "in moderation";
	if (t->held)
		return "held";
	if (!t->frozen)
		return "not expanded yet";
	return t->state == LINE_DOUBT ? "in doubt" : t->until > clock_wall() ? "deferred" : "waiting";
}

static void
say_event(const struct js *e)
{
	const char *text = js_text(e, "text"), *id = js_text(e, "queue_id"), *mta = js_text(e, "mta");
	int64_t until = js_number(e, "until", 0);
	char date[DATE_SIZE];

	date_format(js_number(e, "at", 0), date);
	ctl_say("    %s  %s", js_number(e, "at", 0) == 0 ? "" : date, js_text(e, "event"));
	if (js_number(e, "batch", 0) != 0)
		ctl_say(", batch %lld", (long long)js_number(e, "batch", 0));
	if (mta != NULL)
		ctl_say(", to %s", mta);
	if (id != NULL)
		ctl_say(", as %s", id);
	date_format(until, date);
	if (until != 0)
		ctl_say(", until %s", date);
	if (text != NULL)
		ctl_say(": %s", text);
	else if (js_number(e, "code", 0) != 0)
		ctl_say(": %lld", (long long)js_number(e, "code", 0));
	(void)fputc('\n', stdout);
}

static void
say(const struct tracing *t, const char *word)
{
	ctl_say("%s, %s, for %s: %s", t->member.spelling, t->id, t->list, word);
	if (t->listed)
		ctl_say("; line %zu of %zu", t->line, t->recipients);
	if (t->also != NULL && !t->listed)
		ctl_say(": the message came for %s as well, which he is on", t->also);
	else if (t->handed != NULL)
		ctl_say(": %s, which he is on, has a post of its own", t->handed);
	else if (t->reason != NULL && *t->reason != '\0' && t->state != LINE_SENT)
		ctl_say(": %s", t->reason);
	(void)fputc('\n', stdout);
	for (size_t i = 0; i < js_count(t->history.events); i++)
		say_event(js_at(t->history.events, i));
	for (size_t i = 0; i < js_count(t->history.log); i++) {
		ctl_say("    %s", js_string_at(t->history.log, i));
		(void)fputc('\n', stdout);
	}
	if (t->unsure != NULL)
		ctl_say("now: %s", t->unsure);
	else
		(void)printf(js_count(t->via) > 0 ? "now a member by: " : "now no member");
	for (size_t i = 0; t->unsure == NULL && i < js_count(t->via); i++) {
		(void)fputs(i == 0 ? "" : "; ", stdout);
		ctl_say_via(js_at(t->via, i));
	}
	(void)fputc('\n', stdout);
	if (t->out != NULL) {
		ctl_say("    but %s", t->out);
		(void)fputc('\n', stdout);
	}
	for (size_t i = 0; js_count(t->via) == 0 && i < js_count(t->left_out); i++) {
		const struct js *row = js_at(t->left_out, i);

		ctl_say("    left out now: %s, ", js_text(row, "what"));
		ctl_say_via(js_get(row, "via"));
		ctl_say(": %s", js_text(row, "reason"));
		(void)fputc('\n', stdout);
	}
}

static void
print_json(const struct tracing *t, const char *word)
{
	struct js *j = js_object(), *now = js_object();

	js_set_text(j, "id", t->id);
	js_set_text(j, "list", t->list);
	js_set_text(j, "member", t->member.spelling);
	js_set_text(j, "queue", queue_word(t->queue));
	js_set_text(j, "outcome", word);
	if (t->listed)
		js_set_number(j, "line", (int64_t)t->line);
	js_set_number(j, "recipients", (int64_t)t->recipients);
	js_set_text(j, "also", t->also);
	js_set_text(j, "handed", t->handed);
	js_set_text(j, "reason", t->reason);
	js_set(j, "events", js_hold(t->history.events));
	js_set(j, "log", js_hold(t->history.log));
	js_set(now, "via", js_hold(t->via));
	js_set(now, "left_out", js_hold(t->left_out));
	js_set_text(now, "why", t->out);
	js_set_text(now, "error", t->unsure);
	js_set(j, "now", now);
	ctl_print(&j);
}

static int
trace_found(struct tracing *t, const char *log)
{
	struct complaint why;
	const char *word;
	char *path = site_spool(t->site);
	int status = CTL_YES;

	if (t->listed && history_read(&t->history, path, t->id, t->line, &why) < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	else if (log != NULL && history_search(&t->history, log, t->member.canonical, &why) < 0)
		(void)ctl_fail(CTL_FAILED, "%s", why.text);    /* the rest is worth telling */
	free(path);
	if (status != CTL_YES)
		return status;
	ask_directory(t);
	word = outcome(t, &status);
	if (t->ctl->json)
		print_json(t, word);
	else
		say(t, word);
	return status;
}

static int
trace(const struct ctl *c, const struct site *s, const char *log)
{
	struct tracing t = { .ctl = c, .site = s, .history = history_new() };
	struct complaint why;
	int status;

	if (address_parse(&t.member, c->argv[1], strlen(c->argv[1]), &why) < 0)
		status = ctl_fail(CTL_USAGE, "%s", why.text);
	else
		status = listing_find(s, c->argv[0], true, t.id);
	if (status == CTL_YES && listing_each(s, QUEUE_MODERATION, QUEUE_DONE, see, &t, &why) < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	else if (status == CTL_YES && t.list == NULL)
		status = ctl_fail(CTL_FAILED, "%s cannot be read", t.id);
	else if (status == CTL_YES)
		status = trace_found(&t, log);
	history_free(&t.history);
	js_drop(&t.via);
	js_drop(&t.left_out);
	text_list_free(&t.before);
	address_free(&t.member);
	free(t.unsure);
	free(t.handed);
	free(t.reason);
	free(t.message_id);
	free(t.queue_id);
	free(t.sender);
	free(t.list);
	return status;
}

static int
run(const struct ctl *c)
{
	struct outbound_settings outbound = { 0 };
	int status = CTL_CONFIG;
	struct site *s;

	if (c->argc != 2)
		return CTL_USAGE;
	s = ctl_site_outbound(c, &outbound);
	if (s != NULL)
		status = trace(c, s, outbound.mail_log);
	site_drop(&s);
	setting_free(outbound_setting_rows, &outbound);
	return status;
}

const struct command command_trace = {
	"trace", "POST MEMBER", "why a member got a post, or did not", run,
};
