/*
 * Posts are held, unless they are proven to be from somebody who needs no moderation. Who that is is said
 * and judged as by `posters`.
 */
#include "mail/address.h"
#include "policies/posters.h"

static const struct setting settings[] = {
	{ .name = "bypass", .kind = KIND_TEXTS, .offset = offsetof(struct posters_config, allow),
	  .help = "Whose posts are not held, in the words of posters.allow. Who it is must be proven, by a "
	          "SASL login or by a client in the site's networks." },
	{ .name = "login-domain", .kind = KIND_TEXT, .offset = offsetof(struct posters_config, login_domain),
	  .check = domain_check,
	  .help = "The domain of logins without one, for sources that know people by their address "
	          "alone." },
	{ .kind = KIND_END },
};

static int
check(void *config, const struct node *block, struct complaint *why)
{
	struct posters_config *c = config;

	return posters_read(c, POSTER_ALLOW, "bypass", &c->allow, block, why);
}

static bool
at_once(const void *config, const struct facts *f, enum moment moment, struct verdict *v)
{
	(void)moment;
	return posters_any(config, f, true, (struct deadline){ 0 }, v);
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	struct verdict v;

	(void)posters_any(config, f, false, by, &v);
	return v;
}

const struct policy policy_moderated = {
	.name = "moderated",
	.summary = "Posts are held, but of some.",
	.needs = NEED_SESSION | NEED_LIST,
	.resource = RESOURCE_DIRECTORY,
	.holds = true,
	.settings = settings,
	.config_size = sizeof(struct posters_config),
	.check = check,
	.close = posters_close,
	.at = { [MOMENT_RCPT] = at_rcpt },
	.at_once = at_once,
	.expect = posters_expect,
};
