/* Nobody may post: the end of a way that some senders take. */
#include "policies/policy.h"

static const struct setting settings[] = { { .kind = KIND_END } };

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	(void)config, (void)f, (void)by;  /* cannot block */
	return verdict_reject(REPLY_MAY_NOT_POST, "nobody may post this way");
}

const struct policy policy_reject = {
	.name = "reject",
	.summary = "Nobody may post: for blocks of\n.Ic senders .",
	.settings = settings,
	.at = { [MOMENT_RCPT] = at_rcpt },
};
