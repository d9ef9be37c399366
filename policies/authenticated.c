/* Who posts must have proven who that is; for lists whose posters are chosen by other marks. */
#include "policies/policy.h"

#include <string.h>

enum { BY_LOGIN, BY_NETWORKS, BY_COUNT };

static const char *const words[] = { "login", "networks", NULL };

struct authenticated_config {
	struct text_list by;
};

static int
check_word(const char *text, struct complaint *why)
{
	const char *near = text_nearest(text, words);

	for (size_t i = 0; i < BY_COUNT; i++)
		if (strcmp(words[i], text) == 0)
			return 0;
	return complain(why, "\"%s\" is not one of login, networks%s%s%s", text,
	                near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
	                near == NULL ? "" : "\"?");
}

static const struct setting settings[] = {
	{ .name = "by", .kind = KIND_TEXTS, .offset = offsetof(struct authenticated_config, by),
	  .fallback = "login, networks", .min = "1", .check = check_word,
	  .help = "What proves it: login (a SASL login); networks (the client is in the site's networks)." },
	{ .kind = KIND_END },
};

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct patience p)
{
	const struct authenticated_config *c = config;

	(void)p;                          /* cannot block */
	if (f->login != NULL && text_list_has(&c->by, words[BY_LOGIN]))
		return verdict_pass();
	if (f->trusted && text_list_has(&c->by, words[BY_NETWORKS]))
		return verdict_pass();
	return verdict_reject(REPLY_NEED_PROOF, "nothing proves who the poster is");
}

const struct policy policy_authenticated = {
	.name = "authenticated",
	.summary = "The poster must have proven who that is.",
	.needs = NEED_SESSION,
	.settings = settings,
	.config_size = sizeof(struct authenticated_config),
	.at = { [MOMENT_RCPT] = at_rcpt },
};
