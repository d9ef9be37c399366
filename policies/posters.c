/*
 * Who may post: the rules of the configuration, and before them those that the list's own entry has.
 * Closed unless one of them opens it: without a word to the contrary only people get through whose
 * source knows them, and who have proven who they are. What denies goes before what allows.
 *
 * Whom a posting is from is what was proven: the login; or, of a client in the site's networks, the
 * reverse-path that it vouches for. What a stranger says of himself counts only where the site wants
 * that, but always against him.
 */
#include "base/mem.h"
#include "mail/address.h"
#include "policies/posters.h"
#include "sources/ldap_query.h"

#include <stdlib.h>
#include <string.h>

static const char *const by_words[] = { [BY_PROVEN] = "proven", [BY_ENVELOPE] = "envelope",
	                                [BY_FROM] = "from", NULL };

#define FIELD(f) offsetof(struct posters_config, f)

static const struct setting settings[] = {
	{ .name = "allow", .kind = KIND_TEXTS, .offset = FIELD(allow), .fallback = "known",
	  .help = "Who may post: known (people whom the source knows, proven by a SASL login or a client in "
	          "the site's networks); members, owners, moderators; an address; a domain, with a dot "
	          "before it for all below it as well; list: and the address of another list, for its "
	          "members; dn: and the DN of a person; group: and the DN of a group; filter: and a filter "
	          "that a person's entry matches; login: and a SASL login; authenticated (any SASL "
	          "login); networks (any client in the site's networks); anyone; nobody. What a list's own "
	          "entry says goes before this." },
	{ .name = "deny", .kind = KIND_TEXTS, .offset = FIELD(deny),
	  .help = "Who may not, in the same words. It goes before all that allows, also in an entry." },
	{ .name = "by", .kind = KIND_WORD, .offset = FIELD(by), .fallback = "proven", .words = by_words,
	  .help = "Whom a posting is judged by that nobody has proven to be from somebody: proven (by "
	          "nobody: it fails); envelope (the sender of the envelope); from (the address in From, at "
	          "the end of the message). The last two can be forged by anybody." },
	{ .name = "login-domain", .kind = KIND_TEXT, .offset = FIELD(login_domain), .check = domain_check,
	  .help = "The domain of logins without one, for sources that know people by their address "
	          "alone." },
	{ .kind = KIND_END },
};

/* What stands behind a prefix. */
static int
check_value(const struct poster *p, struct complaint *why)
{
	if (p->kind == POSTER_FILTER)
		return query_check_filter(p->value, why);
	if ((p->kind == POSTER_PERSON || p->kind == POSTER_GROUP) && strchr(p->value, '=') == NULL)
		return complain(why, "\"%s\" is no DN", p->value);
	return 0;
}

int
posters_read(struct posters_config *c, enum poster_effect effect, const char *name,
             const struct text_list *texts, const struct node *block, struct complaint *why)
{
	struct poster_list *rules = &c->rules;
	const struct node *at = block == NULL ? NULL : node_child(block, name);

	for (size_t i = 0; i < texts->count; i++) {
		char *origin = mem_format("%s: %s", name, texts->items[i]);
		struct complaint what;
		int rc = posters_parse(rules, effect, texts->items[i], origin, &what);

		if (rc == 0)
			rc = check_value(&rules->items[rules->count - 1], &what);

		free(origin);
		if (rc < 0) {
			posters_free(rules);
			return node_complain(at == NULL ? block : at, why, "%s: %s", name, what.text);
		}
	}
	return 0;
}

static int
check(void *config, const struct node *block, struct complaint *why)
{
	struct posters_config *c = config;

	if (posters_read(c, POSTER_ALLOW, "allow", &c->allow, block, why) < 0)
		return -1;
	return posters_read(c, POSTER_DENY, "deny", &c->deny, block, why);
}

void
posters_close(void *config)
{
	posters_free(&((struct posters_config *)config)->rules);
}

/* ---- when ---- */

static bool
asks(const void *config, enum moment moment)
{
	return moment == MOMENT_RCPT || ((const struct posters_config *)config)->by == BY_FROM;
}

static bool
at_once(const void *config, const struct facts *f, enum moment moment, struct verdict *v)
{
	return posters_decide(config, f, moment, true, (struct deadline){ 0 }, v);
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	struct verdict v;

	(void)posters_decide(config, f, MOMENT_RCPT, false, by, &v);
	return v;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	struct verdict v;

	(void)posters_decide(config, f, MOMENT_END, false, by, &v);
	return v;
}

const struct policy policy_posters = {
	.name = "posters",
	.summary = "Who may post to the lists.",
	.needs = NEED_SESSION | NEED_LIST,
	.resource = RESOURCE_DIRECTORY,
	.always = true,
	.settings = settings,
	.config_size = sizeof(struct posters_config),
	.check = check,
	.close = posters_close,
	.asks = asks,
	.at = { [MOMENT_RCPT] = at_rcpt, [MOMENT_END] = at_end },
	.at_once = at_once,
	.expect = posters_expect,
	.describe = posters_describe,
};
