/* No automatic replies: a list must never get them, whoever they are from. */
#include "mail/automatic.h"
#include "policies/policy.h"

struct auto_submitted_config {
	bool generated;
};

static const struct setting settings[] = {
	{ .name = "generated", .kind = KIND_FLAG,
	  .offset = offsetof(struct auto_submitted_config, generated), .fallback = "yes",
	  .help = "Whether messages are taken that a program made unasked, as cron and ticket systems "
	          "do (Auto-Submitted: auto-generated)." },
	{ .kind = KIND_END },
};

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct auto_submitted_config *c = config;
	const char *field = automatic_reply(f->header, f->header_length);

	(void)by;                         /* cannot block */
	if (field == NULL && !c->generated && automatic_any(f->header, f->header_length))
		field = "Auto-Submitted";
	return field == NULL ? verdict_pass() : verdict_reject(REPLY_AUTOMATIC, field);
}

const struct policy policy_auto_submitted = {
	.name = "auto-submitted",
	.summary = "No automatic replies. Where it cannot be refused, such a message is dropped.",
	.always = true,
	.quiet = true,
	.settings = settings,
	.config_size = sizeof(struct auto_submitted_config),
	.at = { [MOMENT_END] = at_end },
};
