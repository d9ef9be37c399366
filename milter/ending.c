/* What all lists of a message think of it together, and what the expander is told of that. */
#include "base/log.h"
#include "base/mem.h"
#include "milter/metrics.h"
#include "milter/state.h"
#include "policies/stamps.h"

#include <stdlib.h>
#include <string.h>

/* The answer of one list. The fault is what is wrong with the message for all. */
static struct outcome
outcome_of(const struct subject *subject, struct verdict fault)
{
	const struct policy *p = subject->decided_by == NULL ? NULL : subject->decided_by->policy;

	if (fault.decision != DECISION_PASS)
		return (struct outcome){ { .verdict = fault }, "content" };
	return (struct outcome){ { .verdict = subject->verdict, .quiet = p != NULL && p->quiet },
		                 p == NULL ? NULL : p->name };
}

/* The lists that refuse, for the reply to a message that is not theirs alone. */
static void
name_lists(struct session *s, const struct voice *voices, enum decision decision)
{
	enum { ENOUGH = 300 };
	size_t more = 0;

	bytes_clear(&s->names);
	if (s->list_count + s->others < 2) {
		if (s->list_count == 1 && voices[0].verdict.decision == decision &&
		    decision == DECISION_REJECT && s->lists[0].list->refusal != NULL)
			bytes_add_text(&s->names, s->lists[0].list->refusal);
		return;
	}
	for (size_t i = 0; i < s->list_count; i++) {
		const char *address = s->lists[i].list->address;

		if (voices[i].verdict.decision != decision)
			continue;
		if (s->names.length + strlen(address) > ENOUGH)
			more++;
		else
			bytes_format(&s->names, "%s%s", s->names.length == 0 ? "" : ", ", address);
	}
	if (more > 0)
		bytes_format(&s->names, " and %zu more", more);
}

/* What was said earlier counts as well: a list that held the message, holds it still. */
static void
add_outcome(struct outcome *o, struct outcome now)
{
	struct verdict joined = verdict_join(o->voice.verdict, now.voice.verdict);

	if (o->by == NULL || joined.decision != o->voice.verdict.decision)
		*o = now;
	o->voice.verdict = joined;
}

/* Asks those that have not refused it so far. */
static void
ask_lists(struct session *s, enum moment moment, struct verdict fault, int64_t wait, const char *queue_id)
{
	struct subject *subjects = mem_array(s->list_count, sizeof(*subjects)), *next = subjects;
	const struct facts facts = session_facts(s);
	const struct terms terms = { .moment = moment, .facts = &facts, .by = deadline_in(wait),
		                     .around = session_wait, .arg = s->pacemaker };
	size_t count = 0;

	for (size_t i = 0; i < s->list_count; i++)
		if (verdict_takes(&s->outcomes[i].voice.verdict))
			subjects[count++] = admit_subject(&s->lists[i]);
	if (fault.decision == DECISION_PASS)
		inquiry_run(s->service->site->bulkheads, &terms, subjects, count);
	for (size_t i = 0; i < s->list_count; i++) {
		struct outcome *o = &s->outcomes[i];

		if (!verdict_takes(&o->voice.verdict))
			continue;
		add_outcome(o, outcome_of(next, fault));
		if (moment == MOMENT_END || o->by != NULL)
			session_log(s, moment == MOMENT_END ? "end" : "data", queue_id, NULL, &s->lists[i],
			            o->voice.verdict, next, o->by, 0);
		subject_free(next++);
	}
	free(subjects);
}

/* One verdict of what the lists say, and of the recipients that are none. */
static struct verdict
verdict_on_all(struct session *s)
{
	struct voice *voices = mem_array(s->list_count + s->unknown, sizeof(*voices));
	struct verdict all;

	for (size_t i = 0; i < s->list_count; i++)
		voices[i] = s->outcomes[i].voice;
	for (size_t i = 0; i < s->unknown; i++)
		voices[s->list_count + i].verdict = verdict_reject(REPLY_NO_SUCH_LIST, "");
	all = verdict_of_all(session_mixed(s), voices, s->list_count + s->unknown, s->others);
	name_lists(s, voices, all.decision);
	free(voices);
	return all;
}

void
session_prepare(struct session *s)
{
	if (s->prepared)
		return;
	s->prepared = true;
	for (size_t i = 0; i < s->list_count; i++) {
		const struct chain *c = target_chain(&s->lists[i]);

		if (chain_needs(c, NEED_FILE, s->lists[i].role))
			message_keep(&s->message, &s->service->site->limits, s->service->site->state);
		if (chain_needs(c, NEED_BODY, s->lists[i].role))
			message_keep_beginning(&s->message);
	}
}

struct verdict
session_data(struct session *s, const char *queue_id)
{
	bool asks = false;

	s->past_data = true;
	for (size_t i = 0; i < s->list_count; i++)
		asks |= chain_asks(target_chain(&s->lists[i]), MOMENT_DATA, s->lists[i].role, 0);
	if (!asks || s->refused.decision != DECISION_PASS)
		return verdict_pass();
	ask_lists(s, MOMENT_DATA, verdict_pass(), s->service->settings.deadline, queue_id);
	return verdict_on_all(s);
}

/* The message goes on. A list that refuses it quietly is dropped behind the MTA, and counts as well. */
static void
count_posts(const struct session *s)
{
	struct facts facts = session_facts(s);

	for (size_t i = 0; i < s->list_count; i++) {
		const struct voice *v = &s->outcomes[i].voice;

		if (!verdict_takes(&v->verdict) && !v->quiet)
			continue;
		facts.list = s->lists[i].list;
		facts.recipient = s->lists[i].recipient;
		facts.role = s->lists[i].role;
		chain_accepted(target_chain(&s->lists[i]), &facts);
	}
}

struct verdict
session_end(struct session *s, const char *queue_id)
{
	struct verdict all = s->past_data ? verdict_pass() : session_data(s, queue_id);

	if (s->refused.decision != DECISION_PASS)
		return s->refused;
	session_prepare(s);
	message_complete(&s->message);
	if (all.decision == DECISION_PASS && session_has_lists(s)) {
		ask_lists(s, MOMENT_END, message_fault(&s->message, &s->service->site->limits),
		          s->service->settings.content_deadline, queue_id);
		all = verdict_on_all(s);
	}
	if (!session_has_lists(s))        /* its content was looked at for stamps only */
		return all;
	if (all.decision == DECISION_PASS)
		count_posts(s);
	metric_add(&milter_metrics[MILTER_MESSAGES], all.decision, all.reply, 0, 1);
	return all;
}

const char *
session_names(const struct session *s)
{
	return bytes_text(&s->names);
}

size_t
session_stamps(const struct session *s)
{
	return s->stamps;
}

/* What the expander is to know. */
static void
fill_stamp(struct session *s, const char *queue_id, struct stamp *stamp)
{
	*stamp = (struct stamp){
		.time = clock_wall(), .queue_id = mem_text(queue_id), .sender = mem_text(s->sender),
		.client = mem_text(s->client), .login = mem_text(s->login),
		.port = mem_text(s->doorway.port), .port_name = mem_text(s->doorway.name),
		.trusted = s->trusted, .encrypted = s->encrypted, .announced = s->announced,
		.recipients = (int64_t)(s->list_count + s->others + s->unknown),
	};
	stamp_digest(bytes_text(&s->message.header), s->message.header.length, stamp->digest);
	for (size_t i = 0; i < s->list_count; i++) {
		const struct outcome *o = &s->outcomes[i];

		stamp_add(stamp, s->lists[i].list->address, s->lists[i].role, &o->voice.verdict,
		          o->voice.quiet, o->by);
	}
}

bool
session_stamp(struct session *s, const char *queue_id, struct bytes *value)
{
	struct stamp stamp;
	bool fits;

	if (s->list_count == 0)
		return false;
	fill_stamp(s, queue_id, &stamp);
	fits = stamps_seal(s->service->keys, &stamp, value);
	if (!fits)
		log_say(LEVEL_WARN, "stamp", "%s: to too many lists for a stamp",
		        queue_id == NULL ? "-" : queue_id);
	stamp_free(&stamp);
	return fits;
}
