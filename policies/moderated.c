/*
 * Posts are held, unless they are from somebody who needs no moderation. A sender's address can be written
 * by anybody: it counts only where the client has proven that it is one of the house.
 */
#include "base/mem.h"
#include "mail/address.h"
#include "policies/policy.h"

#include <stdlib.h>
#include <string.h>

struct moderated_config {
	struct text_list bypass;
};

/* Words with a meaning of their own; anything else without an @ is a login. */
static const char authenticated[] = "authenticated", networks[] = "networks";

static const struct setting settings[] = {
	{ .name = "bypass", .kind = KIND_TEXTS, .offset = offsetof(struct moderated_config, bypass),
	  .help = "Whose posts are not held: a SASL login; an address, or a domain with an @ before it, of "
	          "senders who have a login or are in the site's networks; authenticated (clients with a "
	          "login); networks (clients in the site's networks)." },
	{ .kind = KIND_END },
};

/* Addresses and domains in the form that they are compared in. */
static int
check(void *config, const struct node *at, struct complaint *why)
{
	struct moderated_config *c = config;

	for (size_t i = 0; i < c->bypass.count; i++) {
		char **item = &c->bypass.items[i], *canonical = NULL;
		struct complaint what;
		struct address a = { 0 };

		if (strchr(*item, '@') == NULL)
			continue;
		if (**item == '@') {
			char *domain = domain_canonical(*item + 1, strlen(*item + 1), &what);

			canonical = domain == NULL ? NULL : mem_format("@%s", domain);
			free(domain);
		} else if (address_parse(&a, *item, strlen(*item), &what) == 0) {
			canonical = mem_text(a.canonical);
		}
		address_free(&a);
		if (canonical == NULL)
			return node_complain(node_child(at, "bypass"), why, "bypass: \"%s\": %s", *item,
			                     what.text);
		free(*item);
		*item = canonical;
	}
	return 0;
}

/* Whether one of them is the poster. */
static bool
is_poster(const char *item, const struct facts *f)
{
	bool proven = f->login != NULL || f->trusted;
	const char *domain = f->sender == NULL ? NULL : strrchr(f->sender, '@');

	if (strcmp(item, authenticated) == 0)
		return f->login != NULL;
	if (strcmp(item, networks) == 0)
		return f->trusted;
	if (*item == '@')
		return proven && domain != NULL && strcmp(domain, item) == 0;
	if (f->login != NULL && strcmp(item, f->login) == 0)
		return true;
	return proven && f->sender != NULL && strcmp(item, f->sender) == 0;
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct patience p)
{
	const struct moderated_config *c = config;

	(void)p;                          /* cannot block */
	for (size_t i = 0; i < c->bypass.count; i++)
		if (is_poster(c->bypass.items[i], f))
			return verdict_pass();
	return verdict_reject(REPLY_MAY_NOT_POST, "");
}

const struct policy policy_moderated = {
	.name = "moderated",
	.summary = "Posts are held, but of some.",
	.needs = NEED_SESSION,
	.holds = true,
	.settings = settings,
	.config_size = sizeof(struct moderated_config),
	.check = check,
	.at = { [MOMENT_RCPT] = at_rcpt },
};
