/* No posts that go to too many others at the same time. */
#include "policies/policy.h"

#include <inttypes.h>

struct max_recipients_config {
	int64_t limit;
};

static const struct setting settings[] = {
	{ .name = "limit", .kind = KIND_NUMBER, .offset = offsetof(struct max_recipients_config, limit),
	  .fallback = "20", .min = "1", .max = "100000",
	  .help = "How many recipients a message may have, lists and people, where this list is one." },
	{ .kind = KIND_END },
};

static struct verdict
at_data(const void *config, const struct facts *f, struct deadline by)
{
	const struct max_recipients_config *c = config;

	(void)by;                         /* cannot block */
	if ((int64_t)f->recipients <= c->limit)
		return verdict_pass();
	return verdict_because(verdict_reject(REPLY_TOO_MANY_TO, ""),
	                       "%zu recipients, and the limit is %" PRId64, f->recipients, c->limit);
}

const struct policy policy_max_recipients = {
	.name = "max-recipients",
	.summary = "No posts that go to too many others at the same time.",
	.needs = NEED_ENVELOPE,
	.settings = settings,
	.config_size = sizeof(struct max_recipients_config),
	.at = { [MOMENT_DATA] = at_data },
};
