/* No message twice through the same list, and none that has been on its way for ever. */
#include "base/mem.h"
#include "mail/trace.h"
#include "policies/policy.h"

#include <stdlib.h>

struct loop_config {
	int64_t hops;
};

static const struct setting settings[] = {
	{ .name = "hops", .kind = KIND_NUMBER, .offset = offsetof(struct loop_config, hops), .min = "5",
	  .max = "1000",
	  .help = "A message with more Received fields than this is in a loop. Without it limits.hops." },
	{ .kind = KIND_END },
};

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct loop_config *c = config;
	char *address = list_role_address(f->list->address, f->role);
	int64_t most = c->hops > 0 && c->hops < f->most_hops ? c->hops : f->most_hops;
	struct verdict v = verdict_pass();

	(void)by;                         /* cannot block */
	if ((int64_t)trace_hops(f->header, f->header_length) > most)
		v = verdict_reject(REPLY_LOOP, "too many Received fields");
	else if (trace_passed(f->header, f->header_length, address))
		v = verdict_reject(REPLY_LOOP, "has been through the list");
	free(address);
	return v;
}

const struct policy policy_loop = {
	.name = "loop",
	.summary = "No message twice through a list. Where it cannot be refused, such a message is dropped.",
	.needs = NEED_LIST,
	.always = true,
	.every_role = true,
	.quiet = true,
	.settings = settings,
	.config_size = sizeof(struct loop_config),
	.at = { [MOMENT_END] = at_end },
};
