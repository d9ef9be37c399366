/*
 * What From's domain wishes for mail that nothing proves to be its own (RFC 7489), where the MTA does not
 * see to it. Proven it is by a DKIM signature alone: SPF is about the client, and known to the MTA.
 */
#include "mail/address.h"
#include "policies/from_policy.h"
#include "policies/verified.h"

#include <stdlib.h>
#include <string.h>

struct dmarc_config {
	struct text_list deny;
	bool forwards;
	struct text_list lists, authors;  /* of which that is said; empty: of all */
};

static const char *const words[] = { "quarantine", "reject", NULL };

static int
check_wish(const char *text, struct complaint *why)
{
	return setting_check_word(text, words, "quarantine, reject", why);
}

static const struct setting settings[] = {
	{ .name = "deny", .kind = KIND_TEXTS, .offset = offsetof(struct dmarc_config, deny),
	  .fallback = "reject, quarantine", .min = "1", .check = check_wish,
	  .help = "What a domain must wish for mail that is not proven to be its own: reject, quarantine." },
	{ .name = "forwards", .kind = KIND_FLAG, .offset = offsetof(struct dmarc_config, forwards),
	  .fallback = "yes",
	  .help = "Whether the lists send posts on so that signatures still hold. With no, signed posts "
	          "of such domains fail as well, since members' providers would refuse them …" },
	{ .name = "lists", .kind = KIND_TEXTS, .offset = offsetof(struct dmarc_config, lists),
	  .check = address_check, .help = "… if they are for one of these lists; without it for any …" },
	{ .name = "authors", .kind = KIND_TEXTS, .offset = offsetof(struct dmarc_config, authors),
	  .check = domain_check,
	  .help = "… and From is in one of these domains or below; without it in any." },
	{ .kind = KIND_END },
};

static struct verdict
forbid(const struct from_policy *policy, const char *author, const char *why)
{
	return verdict_because(verdict_reject(REPLY_DMARC, ""), "%s wishes %s, and %s", author,
	                       dmarc_word(policy->wish), why);
}

/* The domain wishes that for mail that is not its own: is this? */
static struct verdict
look_at_signatures(const struct from_policy *policy, const char *author, const struct facts *f,
                   struct deadline by)
{
	struct verdict verdict;
	struct verified v;
	struct complaint why;

	if (verified_read(&v, f, by, &why) < 0)
		verdict = verdict_defer(REPLY_LATER, why.text);
	else if (verified_aligned(&v.holds, author, policy->strict))
		verdict = verdict_pass();
	else if (verified_aligned(&v.unsure, author, policy->strict))
		verdict = verdict_defer(REPLY_LATER, v.why);
	else
		verdict = forbid(policy, author,
		                 v.holds.count > 0 ? "the signature is of another domain" : v.none);
	verified_free(&v);
	return verdict;
}

/* Whether posts of that author cannot be sent on by the list. */
static bool
is_stopped(const struct dmarc_config *c, const struct facts *f, const char *author)
{
	bool here = c->lists.count == 0, whose = c->authors.count == 0;

	for (size_t i = 0; i < c->lists.count && !here; i++)
		here = f->list != NULL && text_same(c->lists.items[i], f->list->address);
	for (size_t i = 0; i < c->authors.count && !whose; i++) {
		const char *one = c->authors.items[i];

		whose = domain_is_within(author, one, strlen(one));
	}
	return !c->forwards && here && whose;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct dmarc_config *c = config;
	struct verdict verdict = verdict_pass();
	struct from_policy policy;
	struct complaint why;
	char *author = dmarc_author(f->header, f->header_length, &why);

	/* Whose wish would it be? Whoever shows several authors may show a forged one. */
	if (author == NULL)
		return verdict_reject(REPLY_DMARC, why.text);
	if (f->resolver == NULL)
		verdict = verdict_defer(REPLY_LATER, "the DNS cannot be asked");
	else
		switch (from_policy_find(f->resolver, author, by, &policy, &why)) {
		case FOUND_UNSURE:
			verdict = verdict_defer(REPLY_LATER, why.text);
			break;
		case FOUND_NO:
			break;
		case FOUND_YES:
			if (!text_list_has(&c->deny, dmarc_word(policy.wish)))
				break;
			verdict = is_stopped(c, f, author)
			                  ? forbid(&policy, author, "the list changes what it sends on")
			                  : look_at_signatures(&policy, author, f, by);
			break;
		}
	free(author);
	return verdict;
}

const struct policy policy_dmarc = {
	.name = "dmarc",
	.summary = "The post must be what From's domain asks for by DMARC.",
	.needs = NEED_SESSION | NEED_FILE | NEED_LIST,
	.resource = RESOURCE_DNS,
	.settings = settings,
	.config_size = sizeof(struct dmarc_config),
	.at = { [MOMENT_END] = at_end },
};
