/* What a post may have in it: MIME types and file names of all its parts, also of messages within. */
#include "base/mem.h"
#include "mail/mime.h"
#include "policies/policy.h"

#include <fnmatch.h>
#include <string.h>

struct content_type_config {
	struct text_list allow, deny, names;
	int64_t depth, parts;
};

static int
check_type(const char *text, struct complaint *why)
{
	const char *slash = strchr(text, '/');

	if (slash == NULL || slash == text || slash[1] == '\0' || strpbrk(text, " \t;[\\") != NULL)
		return complain(why, "\"%s\" is not written type/subtype, with * for any", text);
	return 0;
}

static const struct setting settings[] = {
	{ .name = "allow", .kind = KIND_TEXTS, .offset = offsetof(struct content_type_config, allow),
	  .check = check_type,
	  .help = "Types that parts may have, as image/*; multipart/* and message/rfc822 need not be named, "
	          "since what is in them is looked at. By default all." },
	{ .name = "deny", .kind = KIND_TEXTS, .offset = offsetof(struct content_type_config, deny),
	  .check = check_type, .help = "Types that no part may have; goes before allow." },
	{ .name = "deny-names", .kind = KIND_TEXTS, .offset = offsetof(struct content_type_config, names),
	  .help = "Names that no file may have, as *.exe; case is ignored." },
	{ .name = "depth", .kind = KIND_NUMBER, .offset = offsetof(struct content_type_config, depth),
	  .fallback = "20", .min = "1", .max = "100", .help = "How deep parts may lie within each other." },
	{ .name = "parts", .kind = KIND_NUMBER, .offset = offsetof(struct content_type_config, parts),
	  .fallback = "1000", .min = "1", .max = "100000", .help = "How many parts there may be." },
	{ .kind = KIND_END },
};

static int
check(void *config, const struct node *block, struct complaint *why)
{
	const struct content_type_config *c = config;

	if (c->allow.count + c->deny.count + c->names.count == 0)
		return node_complain(block, why, "one of allow, deny and deny-names has to say what fails");
	return 0;
}

struct seen {
	const struct content_type_config *config;
	struct verdict verdict;
};

static const char *
matching(const struct text_list *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (fnmatch(patterns->items[i], text, FNM_CASEFOLD | FNM_NOESCAPE) == 0)
			return patterns->items[i];
	return NULL;
}

/* False where it fails: nothing further can be worse. */
static bool
see(void *arg, const struct mime_part *p)
{
	struct seen *s = arg;
	const struct content_type_config *c = s->config;
	const struct verdict fails = verdict_reject(REPLY_CONTENT, "");

	if (matching(&c->deny, p->type) != NULL)
		s->verdict = verdict_because(fails, "%s is denied", p->type);
	else if (p->leaf && c->allow.count > 0 && matching(&c->allow, p->type) == NULL)
		s->verdict = verdict_because(fails, "%s is not allowed", p->type);
	else if (p->name != NULL && matching(&c->names, p->name) != NULL)
		s->verdict = verdict_because(fails, "a file's name is denied: %s", p->name);
	return s->verdict.decision == DECISION_PASS;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct content_type_config *c = config;
	struct seen s = { c, verdict_pass() };

	(void)by;
	if (!f->filed || f->file < 0)
		return verdict_defer(REPLY_LATER, "the message is not in a file");
	if (mime_each_part(f->file, (unsigned)c->depth, (unsigned)c->parts, see, &s) < 0)
		return verdict_reject(REPLY_CONTENT, "there are too many parts, or too deep ones");
	return s.verdict;
}

const struct policy policy_content_type = {
	.name = "content-type",
	.summary = "No posts with parts of these types, or files of these names.",
	.needs = NEED_SESSION | NEED_FILE,
	.repeats = true,
	.settings = settings,
	.config_size = sizeof(struct content_type_config),
	.check = check,
	.at = { [MOMENT_END] = at_end },
};
