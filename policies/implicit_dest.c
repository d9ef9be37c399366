/* The post must name the list: one that was sent to it blindly is spam, as a rule. */
#include "base/mem.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/mailboxes.h"
#include "policies/policy.h"

#include <stdlib.h>
#include <string.h>

struct implicit_dest_config {
	struct text_list also;
};

static const struct setting settings[] = {
	{ .name = "also", .kind = KIND_TEXTS, .offset = offsetof(struct implicit_dest_config, also),
	  .help = "Addresses that count as the list: an alias elsewhere that leads to it." },
	{ .kind = KIND_END },
};

/* The addresses in their canonical form. */
static int
check(void *config, const struct node *block, struct complaint *why)
{
	struct implicit_dest_config *c = config;
	struct complaint what;

	for (size_t i = 0; i < c->also.count; i++) {
		char **item = &c->also.items[i], *canonical = address_canonical(*item, &what);

		if (canonical == NULL)
			return node_complain(node_child(block, "also"), why, "also: %s", what.text);
		free(*item);
		*item = canonical;
	}
	return 0;
}

static bool
names_any(const struct field *f, const struct facts *facts, const struct text_list *also)
{
	if (mailboxes_have(f, facts->list->address) || mailboxes_have(f, facts->recipient))
		return true;
	for (size_t i = 0; i < also->count; i++)
		if (mailboxes_have(f, also->items[i]))
			return true;
	return false;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	static const char *const names[] = { "To", "Cc", "Resent-To", "Resent-Cc" };
	const struct implicit_dest_config *c = config;
	struct field field;
	size_t at = 0;

	(void)by;                         /* cannot block */
	while (header_next(f->header, f->header_length, &at, &field))
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (field_is(&field, names[i]) && names_any(&field, f, &c->also))
				return verdict_pass();
	return verdict_reject(REPLY_NOT_NAMED, "named neither in To nor in Cc");
}

const struct policy policy_implicit_dest = {
	.name = "implicit-dest",
	.summary = "The post must name the list in To or Cc.",
	.needs = NEED_LIST,
	.settings = settings,
	.config_size = sizeof(struct implicit_dest_config),
	.check = check,
	.at = { [MOMENT_END] = at_end },
};
