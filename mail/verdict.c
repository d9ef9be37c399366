/* Verdicts and their merge. */
#include "mail/verdict.h"

struct verdict
verdict_pass(void)
{
	return (struct verdict){ DECISION_PASS, REPLY_NONE, "" };
}

struct verdict
verdict_reject(enum reply_id reply, const char *reason)
{
	return (struct verdict){ DECISION_REJECT, reply, reason };
}

struct verdict
verdict_defer(enum reply_id reply, const char *reason)
{
	return (struct verdict){ DECISION_DEFER, reply, reason };
}

struct verdict
verdict_merge(struct verdict first, struct verdict second)
{
	return second.decision > first.decision ? second : first;
}

const char *
decision_word(enum decision d)
{
	static const char *const words[] = { "pass", "defer", "reject" };

	return words[d];
}
