/* A valid DKIM signature, where the MTA verifies none. */
#include "mail/dmarc.h"
#include "policies/verified.h"

#include <stdlib.h>
#include <string.h>

struct dkim_config {
	bool aligned;
	int64_t strict;
};

static const char *const alignments[] = { "relaxed", "strict", NULL };

static const struct setting settings[] = {
	{ .name = "aligned", .kind = KIND_FLAG, .offset = offsetof(struct dkim_config, aligned),
	  .fallback = "yes",
	  .help = "Whether it must be a signature of From's domain: one of another says nothing about who "
	          "wrote the message." },
	{ .name = "alignment", .kind = KIND_WORD, .offset = offsetof(struct dkim_config, strict),
	  .fallback = "relaxed", .words = alignments,
	  .help = "Whether it must be of that very domain, or of any domain of the same organisation." },
	{ .kind = KIND_END },
};

/* Whether one of the domains is what is asked for. */
static bool
suits(const struct dkim_config *c, const struct text_list *domains, const char *author)
{
	return c->aligned ? verified_aligned(domains, author, c->strict != 0) : domains->count > 0;
}

static struct verdict
judge(const struct dkim_config *c, const struct verified *v, const char *author)
{
	if (suits(c, &v->holds, author))
		return verdict_pass();
	if (suits(c, &v->unsure, author))
		return verdict_defer(REPLY_LATER, v->why);
	if (c->aligned && v->holds.count > 0)
		return verdict_because(verdict_reject(REPLY_NOT_THE_AUTHORS, ""), "the signature is of %s",
		                       v->holds.items[0]);
	return verdict_reject(c->aligned ? REPLY_NOT_THE_AUTHORS : REPLY_UNSIGNED, v->none);
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct dkim_config *c = config;
	char *author = NULL;
	struct complaint why;
	struct verified v = { 0 };
	struct verdict verdict;

	if (c->aligned && (author = dmarc_author(f->header, f->header_length, &why)) == NULL)
		return verdict_reject(REPLY_NOT_THE_AUTHORS, why.text);
	if (verified_read(&v, f, by, &why) < 0)
		verdict = verdict_defer(REPLY_LATER, why.text);
	else
		verdict = judge(c, &v, author);
	verified_free(&v);
	free(author);
	return verdict;
}

const struct policy policy_dkim = {
	.name = "dkim",
	.summary = "The post must have a valid DKIM signature.",
	.needs = NEED_SESSION | NEED_FILE,
	.resource = RESOURCE_DNS,
	.settings = settings,
	.config_size = sizeof(struct dkim_config),
	.at = { [MOMENT_END] = at_end },
};
