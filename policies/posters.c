/*
 * Who may post. Closed unless the site opens it: without a word to the contrary only clients that
 * have authenticated, or are in the site's own networks, get through.
 */
#include "policies/policy.h"

#include <stddef.h>

enum { ALLOW_ANYONE, ALLOW_AUTHENTICATED, ALLOW_NETWORKS, ALLOW_COUNT };

static const char *const words[] = { "anyone", "authenticated", "networks", NULL };

struct posters_config {
	struct text_list allow;
	bool allowed[ALLOW_COUNT];
};

static const struct setting settings[] = {
	{ .name = "allow", .kind = KIND_TEXTS, .offset = offsetof(struct posters_config, allow),
	  .fallback = "authenticated, networks",
	  .help = "Who may post: anyone; authenticated (clients with a SASL login); networks (clients "
	          "in the site's networks)." },
	{ .kind = KIND_END },
};

static int
check(void *config, const struct node *at, struct complaint *why)
{
	struct posters_config *c = config;

	for (size_t i = 0; i < c->allow.count; i++) {
		const char *near = text_nearest(c->allow.items[i], words);
		bool known = false;

		for (size_t w = 0; w < ALLOW_COUNT; w++)
			if (text_same(words[w], c->allow.items[i]))
				c->allowed[w] = known = true;
		if (!known)
			return node_complain(at, why,
			                     "posters: \"%s\" is not one of anyone, authenticated, "
			                     "networks%s%s%s",
			                     c->allow.items[i], near == NULL ? "" : "; did you mean \"",
			                     near == NULL ? "" : near, near == NULL ? "" : "\"?");
	}
	return 0;
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct patience p)
{
	const struct posters_config *c = config;

	(void)p;                          /* cannot block */
	if (c->allowed[ALLOW_ANYONE])
		return verdict_pass();
	if (c->allowed[ALLOW_AUTHENTICATED] && f->login != NULL)
		return verdict_pass();
	if (c->allowed[ALLOW_NETWORKS] && f->trusted)
		return verdict_pass();
	return verdict_reject(REPLY_MAY_NOT_POST, "neither authenticated nor in a trusted network");
}

const struct policy policy_posters = {
	.name = "posters",
	.summary = "Who may post to the lists.",
	.needs = NEED_SESSION,
	.always = true,
	.settings = settings,
	.config_size = sizeof(struct posters_config),
	.check = check,
	.at = { [MOMENT_RCPT] = at_rcpt },
};
