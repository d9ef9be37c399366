/* What all lists of a message think of it together. */
#include "base/mem.h"
#include "milter/metrics.h"
#include "milter/state.h"

#include <stdlib.h>
#include <string.h>

static struct voice
voice_of(const struct subject *subject, struct verdict fault, enum moment moment)
{
	const struct policy *p = subject->decided_by == NULL ? NULL : subject->decided_by->policy;

	if (fault.decision != DECISION_PASS)
		return (struct voice){ .verdict = fault, .repeats = true };
	return (struct voice){
		.verdict = subject->verdict,
		.quiet = p != NULL && p->quiet,
		.repeats = p != NULL && moment == MOMENT_END &&
		           !(p->needs & (NEED_SESSION | NEED_ENVELOPE)),
	};
}

/* The lists that refuse, for the reply to a message that is not theirs alone. */
static void
name_lists(struct session *s, const struct voice *voices, enum decision decision)
{
	enum { ENOUGH = 300 };
	size_t more = 0;

	bytes_clear(&s->names);
	if (s->list_count + s->others < 2)
		return;
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

/* Asks all lists, and makes one verdict of what they say. */
static struct verdict
ask_lists(struct session *s, enum moment moment, struct verdict fault, int64_t wait, const char *queue_id)
{
	struct voice *voices = mem_array(s->list_count + s->unknown, sizeof(*voices));
	struct subject *subjects = mem_array(s->list_count, sizeof(*subjects));
	const struct facts facts = session_facts(s);
	const struct terms terms = { .moment = moment, .facts = &facts, .by = deadline_in(wait),
		                     .around = session_wait, .arg = s->pacemaker };
	struct verdict all;

	for (size_t i = 0; i < s->list_count; i++)
		subjects[i] = admit_subject(&s->lists[i]);
	if (fault.decision == DECISION_PASS)
		inquiry_run(s->service->site->bulkheads, &terms, subjects, s->list_count);
	for (size_t i = 0; i < s->list_count; i++) {
		voices[i] = voice_of(&subjects[i], fault, moment);
		if (moment == MOMENT_END || voices[i].verdict.decision != DECISION_PASS)
			session_log(s, moment == MOMENT_END ? "end" : "data", queue_id, NULL, &s->lists[i],
			            voices[i].verdict, &subjects[i],
			            fault.decision != DECISION_PASS ? "content" : NULL, 0);
		subject_free(&subjects[i]);
	}
	for (size_t i = 0; i < s->unknown; i++)
		voices[s->list_count + i] = (struct voice){
			.verdict = verdict_reject(REPLY_NO_SUCH_LIST, ""), .repeats = true };
	all = verdict_of_all(session_mixed(s), voices, s->list_count + s->unknown, s->others);
	name_lists(s, voices, all.decision);
	free(subjects);
	free(voices);
	return all;
}

void
session_prepare(struct session *s)
{
	if (s->prepared)
		return;
	s->prepared = true;
	for (size_t i = 0; i < s->list_count; i++)
		if (chain_needs(s->lists[i].destination->chain, NEED_FILE, s->lists[i].role))
			message_keep(&s->message, &s->service->site->limits,
			             s->service->site->state);
}

struct verdict
session_data(struct session *s, const char *queue_id)
{
	bool asks = false;

	s->past_data = true;
	for (size_t i = 0; i < s->list_count; i++)
		asks |= chain_asks(s->lists[i].destination->chain, MOMENT_DATA, s->lists[i].role, false);
	if (!asks || s->refused.decision != DECISION_PASS)
		return verdict_pass();
	return ask_lists(s, MOMENT_DATA, verdict_pass(), s->service->settings.deadline, queue_id);
}

/* The message goes on. A list that refuses it quietly is dropped behind the MTA, and counts as well. */
static void
count_posts(const struct session *s)
{
	struct facts facts = session_facts(s);

	for (size_t i = 0; i < s->list_count; i++) {
		facts.list = s->lists[i].list;
		facts.recipient = s->lists[i].recipient;
		facts.role = s->lists[i].role;
		chain_accepted(s->lists[i].destination->chain, &facts);
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
	if (all.decision == DECISION_PASS)
		all = ask_lists(s, MOMENT_END, message_fault(&s->message, &s->service->site->limits),
		                s->service->settings.content_deadline, queue_id);
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
