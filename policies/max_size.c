/* No posts above a size. What the client announces is believed at first, and looked at later. */
#include "policies/policy.h"

#include <inttypes.h>

struct max_size_config {
	int64_t limit;
};

static const struct setting settings[] = {
	{ .name = "limit", .kind = KIND_SIZE, .offset = offsetof(struct max_size_config, limit),
	  .fallback = "10M", .min = "1k", .max = "2G",
	  .help = "The largest post, header and all. limits.message holds as well." },
	{ .kind = KIND_END },
};

static struct verdict
judge(const struct max_size_config *c, int64_t size, const char *what)
{
	if (size <= c->limit)
		return verdict_pass();
	return verdict_because(verdict_reject(REPLY_TOO_BIG, ""),
	                       "%s%" PRId64 " bytes, and the limit is %" PRId64, what, size, c->limit);
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	(void)by;                         /* cannot block */
	return judge(config, f->announced, "SIZE=: ");
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	(void)by;
	return judge(config, f->size, "");
}

const struct policy policy_max_size = {
	.name = "max-size",
	.summary = "No posts above a size.",
	.settings = settings,
	.config_size = sizeof(struct max_size_config),
	.at = { [MOMENT_RCPT] = at_rcpt, [MOMENT_END] = at_end },
};
