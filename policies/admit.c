/* Rules that hold for every list. */
#include "policies/admit.h"

struct subject
admit_subject(const struct target *t)
{
	return (struct subject){ .chain = t->destination->chain, .list = t->list,
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

struct verdict
admit_rcpt(const struct site *site, const struct target *t, const struct terms *terms, struct subject *s)
{
	*s = admit_subject(t);
	s->verdict = judge_role(t->role, terms->facts->sender);
	if (s->verdict.decision == DECISION_PASS &&
	    inquiry_has(s->chain, MOMENT_RCPT, t->role, !terms->facts->session))
		inquiry_run(site->bulkheads, terms, s, 1);
	return s->verdict;
}

const char *
admit_decided_by(const struct subject *s)
{
	if (s->decided_by != NULL)
		return s->decided_by->policy->name;
	return s->verdict.decision == DECISION_PASS ? NULL : "role";
}
