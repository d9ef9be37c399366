/* What is thought of a recipient. */
#include "base/mem.h"
#include "mail/stamp.h"
#include "milter/metrics.h"
#include "milter/state.h"
#include "policies/drain.h"

#include <string.h>

static void
count_recipient(struct verdict v, const struct target *t, int64_t began)
{
	metric_add(&milter_metrics[MILTER_RECIPIENTS], v.decision, v.reply,
	           t->list == NULL ? ROLE_COUNT : t->role, 1);
	metric_time(&milter_metrics[MILTER_RECIPIENT_SECONDS], clock_ticks_us() - began);
}

/* Whether another recipient will be asked the same later as those before: else it goes by itself. */
static bool
fits(struct session *s, const struct target *t)
{
	struct bytes later = { 0 };
	bool same = true;

	if (session_mixed(s) != MIXED_SPLIT)
		return true;
	if (t != NULL)
		chain_later(target_chain(t), t->list, t->role, &later);
	if (s->list_count + s->others > 0) {
		same = strcmp(bytes_text(&later), bytes_text(&s->later)) == 0;
	} else {
		bytes_clear(&s->later);
		bytes_add_text(&s->later, bytes_text(&later));
	}
	bytes_free(&later);
	return same;
}

/* A recipient and what is thought of it. `rule` is what decided, where no policy did. */
struct judged {
	struct target target;
	struct subject subject;
	struct verdict verdict;
	const char *rule;
};

static void
decide(struct judged *j, const char *rule, struct verdict v)
{
	j->rule = rule;
	j->verdict = v;
}

/* Asked once a message: all its recipients are treated alike. */
static bool
is_draining(struct session *s)
{
	if (!s->drain_known)
		s->draining = drain_is_on(s->service->site);
	s->drain_known = true;
	return s->draining;
}

/* A list: whether this message may go there. */
static void
judge_list(struct session *s, struct judged *j, struct deadline by)
{
	const struct facts facts = session_facts(s);
	const struct terms terms = { .moment = MOMENT_RCPT, .facts = &facts, .by = by,
		                     .around = session_wait, .arg = s->pacemaker };

	target_dispatch(&j->target, &facts, &s->doorway);
	if (s->announced > s->service->site->limits.message) {
		decide(j, "size", verdict_reject(REPLY_TOO_BIG, "SIZE= is above the limit"));
		return;
	}
	j->verdict = admit_rcpt(s->service->site, &j->target, &terms, &j->subject);
	if (!verdict_takes(&j->verdict))
		return;
	if (is_draining(s))
		decide(j, "drain", verdict_defer(REPLY_DRAINING, "draining"));
	else if (!fits(s, &j->target))
		decide(j, "mixed", verdict_defer(REPLY_SPLIT, "other recipients are checked otherwise"));
}

/*
 * A recipient in one of our domains: what it is, and whether this message may go there. A pass
 * without a list is for an address of others in a shared domain.
 */
static void
judge(struct session *s, const struct destination *d, const char *canonical, struct judged *j)
{
	struct deadline by = deadline_in(s->service->settings.deadline);
	struct complaint why = { "" };
	struct facts facts = session_facts(s);
	enum answered how = ANSWERED_MEMORY;
	enum found found;

	found = site_peek(d, canonical, false, &j->target);
	if (found == FOUND_UNSURE) {
		facts.source = d->source;
		chain_expect(d->chain, &facts);
		found = gates_find(s->service->gates, s->pacemaker, d, canonical, &j->target, &how, &why);
	}
	metric_add(&milter_metrics[MILTER_LOOKUPS], how, 0, 0, 1);
	if (found == FOUND_YES)
		judge_list(s, j, by);
	else if (found == FOUND_UNSURE)
		decide(j, "source", verdict_defer(REPLY_UNSURE, why.text));
	else if (!d->shared)
		decide(j, "source", verdict_reject(REPLY_NO_SUCH_LIST, "no list has this address"));
}

static void
keep_list(struct session *s, struct judged *j)
{
	struct target *t = &j->target;

	if (s->list_count == s->list_room) {
		s->list_room = s->list_room == 0 ? 4 : s->list_room * 2;
		s->outcomes = mem_resize(s->outcomes, s->list_room * sizeof(*s->outcomes));
		s->lists = mem_resize(s->lists, s->list_room * sizeof(*s->lists));
	}
	s->outcomes[s->list_count] = (struct outcome){ .voice.verdict = j->verdict,
		                                       .by = admit_decided_by(&j->subject) };
	s->stamp_size += STAMP_EACH + strlen(t->list->address);
	s->lists[s->list_count++] = *t;
	*t = (struct target){ 0 };
}

/* What cannot be said at RCPT is kept for the end. */
static struct verdict
put_aside(struct session *s, struct verdict v)
{
	if (v.reply == REPLY_NO_SUCH_LIST)
		s->unknown++;
	else
		s->refused = verdict_merge(s->refused, v);
	return verdict_pass();
}

/* A recipient in none of our domains; or one that nobody can say that of. */
static struct verdict
pass_by(struct session *s, const char *recipient, bool parsed, const char *queue_id)
{
	const char *rule = NULL;
	struct verdict v = verdict_pass();

	if (!parsed && site_is_named(s->service->site, recipient)) {
		rule = "syntax";
		v = verdict_reject(REPLY_BAD_RCPT, "no address, and it names a domain of lists");
	} else if (!fits(s, NULL)) {
		rule = "mixed";
		v = verdict_defer(REPLY_SPLIT, "other recipients are checked otherwise");
	}
	if (rule == NULL) {
		s->others++;
	} else {
		session_log(s, "rcpt", queue_id, recipient, NULL, v, NULL, rule, 0);
		count_recipient(v, &(struct target){ 0 }, clock_ticks_us());
	}
	return v;
}

/* One reading of a recipient. False where it is no list, and in no domain that has lists only. */
static bool
read_recipient(struct session *s, const struct address *a, const char *queue_id, struct verdict *v)
{
	const struct destination *d = site_destination(s->service->site, a->canonical);
	int64_t began = clock_ticks_us();
	struct judged j = { .verdict = verdict_pass() };
	bool decided;

	if (d == NULL)
		return false;
	judge(s, d, a->canonical, &j);
	*v = j.verdict;
	decided = v->decision != DECISION_PASS || j.target.list != NULL;
	if (v->decision == DECISION_REJECT && j.target.list != NULL && j.target.list->refusal != NULL)
		bytes_add_text(&s->names, j.target.list->refusal);
	if (decided)
		count_recipient(*v, &j.target, began);
	if (v->decision != DECISION_PASS)
		session_log(s, "rcpt", queue_id, a->canonical, &j.target, *v, &j.subject, j.rule, began);
	if (j.target.list != NULL && verdict_takes(v)) {
		keep_list(s, &j);
		*v = verdict_pass();
	}
	subject_free(&j.subject);
	target_drop(&j.target);
	return decided;
}

struct verdict
session_rcpt(struct session *s, const char *path, const char *resolved, const char *queue_id)
{
	struct address said = { 0 }, taken = { 0 };
	bool is_address = session_parse_said(path, &said), decided;
	struct verdict v = verdict_pass();

	bytes_clear(&s->names);
	decided = is_address && read_recipient(s, &said, queue_id, &v);
	if (!decided && session_parse_resolved(resolved, &taken)) {
		if (!is_address || strcmp(said.canonical, taken.canonical) != 0)
			decided = read_recipient(s, &taken, queue_id, &v);
		is_address = true;
	}
	if (!decided)
		v = pass_by(s, said.canonical != NULL ? said.canonical : path, is_address, queue_id);
	if (v.decision != DECISION_PASS && s->local)
		v = put_aside(s, v);
	address_free(&said);
	address_free(&taken);
	return v;
}
