/* Rules that hold for every list. */
#include "policies/admit.h"

struct subject
admit_subject(const struct target *t)
{
	return (struct subject){ .chain = target_chain(t), .list = t->list,
		                 .source = t->destination->source, .stale = t->stale,
		                 .recipient = t->recipient, .role = t->role,
		                 .verdict = verdict_pass() };
}

static struct verdict
judge_role(enum role role, const char *sender)
{
	if (!role_exists(role))
		return verdict_reject(REPLY_NO_SUCH_ROLE, "there is nobody behind this role");
	if (role == ROLE_BOUNCES && sender != NULL)
		return verdict_reject(REPLY_ONLY_REPORTS, "not from the null sender");
	if (role == ROLE_POST && sender == NULL)
		return verdict_reject(REPLY_NO_REPORTS, "from the null sender");
	return verdict_pass();
}

/* As the source says it of the list; its owners can be asked why. */
static struct verdict
judge_state(enum role role, const struct list *l)
{
	if (role != ROLE_POST || l->state == LIST_OPEN)
		return verdict_pass();
	if (l->state == LIST_CLOSED)
		return verdict_because(verdict_reject(REPLY_LIST_CLOSED, ""), "%s", l->state_reason);
	return verdict_because(verdict_defer(REPLY_LIST_PAUSED, ""), "%s", l->state_reason);
}

struct verdict
admit_rules(const struct target *t, const char *sender)
{
	struct verdict v = judge_role(t->role, sender);

	return v.decision == DECISION_PASS ? judge_state(t->role, t->list) : v;
}

struct verdict
admit_rcpt(const struct site *site, const struct target *t, const struct terms *terms, struct subject *s)
{
	*s = admit_subject(t);
	s->verdict = admit_rules(t, terms->facts->sender);
	if (s->verdict.decision == DECISION_PASS &&
	    chain_asks(s->chain, MOMENT_RCPT, t->role, facts_lacking(terms->facts)))
		inquiry_run(site->bulkheads, terms, s, 1);
	return s->verdict;
}

const char *
admit_decided_by(const struct subject *s)
{
	if (s->decided_by != NULL)
		return s->decided_by->policy->name;
	if (s->verdict.decision == DECISION_PASS)
		return NULL;
	return s->verdict.reply == REPLY_LIST_PAUSED || s->verdict.reply == REPLY_LIST_CLOSED ? "state"
	                                                                                     : "role";
}
