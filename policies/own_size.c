/* No posts above the size that the list itself sets in its source. What the client announces counts, too. */
#include "policies/policy.h"

#include <inttypes.h>

/* There is nothing to set but what failing means. */
static const struct setting settings[] = {
	{ .kind = KIND_END },
};

static struct verdict
judge(const struct list *l, int64_t size, const char *what)
{
	if (l->max_size == 0 || size <= l->max_size)
		return verdict_pass();
	return verdict_because(verdict_reject(REPLY_TOO_BIG, ""),
	                       "%s%" PRId64 " bytes, and the list takes %" PRId64, what, size,
	                       l->max_size);
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	(void)config, (void)by;           /* cannot block */
	return judge(f->list, f->announced, "SIZE=: ");
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	(void)config, (void)by;
	return judge(f->list, f->size, "");
}

static bool
concerns(const struct list *l)
{
	return l->max_size > 0;
}

const struct policy policy_own_size = {
	.name = "own-size",
	.summary = "No posts above the size that the list itself sets in its source.",
	.needs = NEED_LIST,
	.always = true,
	.settings = settings,
	.concerns = concerns,
	.at = { [MOMENT_RCPT] = at_rcpt, [MOMENT_END] = at_end },
};
