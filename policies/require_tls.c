/* The post must have come over an encrypted connection. */
#include "policies/policy.h"

struct require_tls_config {
	bool networks;
};

static const struct setting settings[] = {
	{ .name = "networks", .kind = KIND_FLAG, .offset = offsetof(struct require_tls_config, networks),
	  .fallback = "yes",
	  .help = "Whether clients in the site's networks, and programs on the MTA's host, may post "
	          "without." },
	{ .kind = KIND_END },
};

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	const struct require_tls_config *c = config;

	(void)by;                         /* cannot block */
	if (f->encrypted || (c->networks && f->trusted))
		return verdict_pass();
	return verdict_reject(REPLY_NEED_TLS, "the connection is not encrypted");
}

const struct policy policy_require_tls = {
	.name = "require-tls",
	.summary = "The post must come over an encrypted connection.",
	.needs = NEED_SESSION,
	.settings = settings,
	.config_size = sizeof(struct require_tls_config),
	.at = { [MOMENT_RCPT] = at_rcpt },
};
