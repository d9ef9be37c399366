/*
 * Answers as it is told to, after a time: for faults that a test wants, for measurements, and to see
 * what a site's configuration makes of them.
 */
#include "policies/policy.h"

#include <poll.h>

struct fail_config {
	int64_t answer, at, after;
};

enum { SAY_PASS, SAY_FAIL, SAY_UNSURE };

static const char *const answers[] = { "pass", "fail", "unsure", NULL };
static const char *const moments[] = { "rcpt", "data", "end", NULL };

static const struct setting settings[] = {
	{ .name = "answer", .kind = KIND_WORD, .offset = offsetof(struct fail_config, answer),
	  .fallback = "fail", .words = answers, .help = "What it says." },
	{ .name = "at", .kind = KIND_WORD, .offset = offsetof(struct fail_config, at),
	  .fallback = "rcpt", .words = moments,
	  .help = "When: at RCPT, at DATA, or at the end of the message." },
	{ .name = "after", .kind = KIND_TIME, .offset = offsetof(struct fail_config, after),
	  .fallback = "0s", .max = "1h", .help = "How long it takes." },
	{ .kind = KIND_END },
};

static bool
asks(const void *config, enum moment moment)
{
	return ((const struct fail_config *)config)->at == (int64_t)moment;
}

static struct verdict
at_any(const void *config, const struct facts *f, struct deadline by)
{
	const struct fail_config *c = config;
	struct pollfd cancelled = { .fd = by.cancelled, .events = POLLIN };
	int64_t left = deadline_left(by), wait = c->after < left ? c->after : left;

	(void)f;
	if (poll(&cancelled, 1, (int)wait) != 0 || wait < c->after)
		return verdict_defer(REPLY_LATER, "it took too long");
	if (c->answer == SAY_PASS)
		return verdict_pass();
	return c->answer == SAY_FAIL ? verdict_reject(REPLY_MAY_NOT_POST, "told to fail")
	                             : verdict_defer(REPLY_LATER, "told to be unsure");
}

const struct policy policy_fail = {
	.name = "fail",
	.summary = "Answers as it is told to, after a time: to see what becomes of that.",
	.needs = NEED_SESSION,
	.resource = RESOURCE_FAIL,
	.repeats = true,
	.settings = settings,
	.config_size = sizeof(struct fail_config),
	.asks = asks,
	.at = { at_any, at_any, at_any },
};
