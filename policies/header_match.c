/* No posts with a header field that matches a regular expression of the site's. */
#include "base/mem.h"
#include "base/pattern.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "policies/policy.h"

#include <stdlib.h>
#include <string.h>

struct match {
	char *name;
	struct pattern *pattern;
};

struct header_match_config {
	struct text_list fields;
	struct match *matches;            /* as many */
};

static const struct setting settings[] = {
	{ .name = "fields", .kind = KIND_TEXTS, .offset = offsetof(struct header_match_config, fields),
	  .flags = SETTING_REQUIRED, .min = "1",
	  .help = "What fails: \"Name: expression\" each, an expression of PCRE2 that matches anywhere in "
	          "the value of such a field. Case is ignored, encoded words are read." },
	{ .kind = KIND_END },
};

static void
close_config(void *config)
{
	struct header_match_config *c = config;

	for (size_t i = 0; i < c->fields.count; i++) {
		free(c->matches[i].name);
		pattern_close(&c->matches[i].pattern);
	}
	free(c->matches);
}

static int
open_match(struct match *m, const char *text, const struct node *at, struct complaint *why)
{
	const char *colon = strchr(text, ':');
	size_t name = colon == NULL ? 0 : (size_t)(colon - text);
	struct complaint what;

	if (name == 0 || strcspn(text, " \t\"<>()") < name)
		return node_complain(at, why, "fields: \"%s\" is not written \"Name: expression\"", text);
	colon += 1 + strspn(colon + 1, " ");
	m->name = mem_copy(text, name);
	m->pattern = pattern_open(colon, &what);
	return m->pattern == NULL ? node_complain(at, why, "fields: %s", what.text) : 0;
}

static int
check(void *config, const struct node *block, struct complaint *why)
{
	struct header_match_config *c = config;
	const struct node *n = node_child(block, "fields");

	c->matches = mem_array(c->fields.count, sizeof(*c->matches));
	for (size_t i = 0; i < c->fields.count; i++) {
		const struct node *at = n->kind == NODE_LIST ? n->children[i] : n;

		if (open_match(&c->matches[i], c->fields.items[i], at, why) < 0) {
			close_config(c);
			return -1;
		}
	}
	return 0;
}

static struct verdict
judge(const struct match *m, const struct field *f)
{
	struct bytes value = { 0 }, read = { 0 };
	enum matched matched;
	struct verdict v = verdict_pass();

	field_unfold(f, &value);
	encoded_read(&read, bytes_text(&value), value.length);
	matched = pattern_matches(m->pattern, bytes_text(&read), read.length);
	if (matched == MATCHED_YES)
		v = verdict_because(verdict_reject(REPLY_HEADER_MATCH, ""), "%s: %s", m->name,
		                    bytes_text(&read));
	else if (matched == MATCHED_UNSURE)
		v = verdict_defer(REPLY_LATER, "an expression has too much to do with this header");
	bytes_free(&value);
	bytes_free(&read);
	return v;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct header_match_config *c = config;
	struct verdict all = verdict_pass();
	struct field field;
	size_t at = 0;

	while (header_next(f->header, f->header_length, &at, &field)) {
		for (size_t i = 0; i < c->fields.count; i++)
			if (field_is(&field, c->matches[i].name))
				all = verdict_merge(all, judge(&c->matches[i], &field));
		if (all.decision == DECISION_REJECT)
			break;
		if (deadline_passed(by))
			return verdict_defer(REPLY_LATER, "the header has too many fields");
	}
	return all;
}

const struct policy policy_header_match = {
	.name = "header-match",
	.summary = "No posts with a header field that matches a regular expression.",
	.repeats = true,
	.settings = settings,
	.config_size = sizeof(struct header_match_config),
	.check = check,
	.close = close_config,
	.at = { [MOMENT_END] = at_end },
};
