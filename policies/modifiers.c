/* Changes of posts: the rows, and what may stand there. */
#include "policies/modifiers.h"

#include "base/mem.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

/*
 * Fields that nobody changes in this way: by the first a loop is seen, the others say what the body is
 * or are rollcall's own business.
 */
static const char *const untouchable[] = { "Received", "Return-Path", "Rollcall-Stamp", "List-Id",
	                                   "MIME-Version", NULL };
/* Those that a message must have, and those that it has once at most (RFC 5322 section 3.6). */
static const char *const required[] = { "From", "Date", NULL };
static const char *const single[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "Date",
	                              "In-Reply-To", "References", "Subject", NULL };

/* As it is written; of each kind some. */
struct modifier_values {
	struct text_list fields;
	char *field, *match, *with;
};

static bool
is_among(const char *const *names, const char *name, size_t length)
{
	while (*names != NULL && !text_same_n(name, length, *names))
		names++;
	return *names != NULL;
}

static int
check_name(const char *name, size_t length, struct complaint *why)
{
	if (field_check_name(name, length, why) < 0)
		return -1;
	if (is_among(untouchable, name, length) || (length > 8 && text_same_n(name, 8, "Content-")))
		return complain(why, "%.*s is not changed in this way", (int)length, name);
	return 0;
}

static int
check_removed(const char *name, struct complaint *why)
{
	if (check_name(name, strlen(name), why) < 0)
		return -1;
	return is_among(required, name, strlen(name))
	               ? complain(why, "a message without %s is none", name)
	               : 0;
}

static int
check_rewritten(const char *name, struct complaint *why)
{
	return check_name(name, strlen(name), why);
}

static int
check_added(const char *text, struct complaint *why)
{
	const char *colon = strchr(text, ':');

	if (colon == NULL || colon[1 + strspn(colon + 1, " ")] == '\0')
		return complain(why, "\"%s\" is not written \"Name: value\"", text);
	if (check_name(text, (size_t)(colon - text), why) < 0)
		return -1;
	if (is_among(single, text, (size_t)(colon - text)))
		return complain(why, "%.*s stands in a message once", (int)(colon - text), text);
	return field_check_value(text, why);
}

#define VALUE(f) .offset = offsetof(struct modifier_values, f)

const struct setting modifier_remove_settings[] = {
	{ .name = "fields", .kind = KIND_TEXTS, VALUE(fields), .flags = SETTING_REQUIRED, .min = "1",
	  .check = check_removed, .help = "Names of fields that are left out, as many as there are." },
	{ .kind = KIND_END },
};

const struct setting modifier_add_settings[] = {
	{ .name = "field", .kind = KIND_TEXT, VALUE(field), .flags = SETTING_REQUIRED, .check = check_added,
	  .help = "\"Name: value\", which is put before the message. {local} and {domain} are the parts "
	          "of the list's address." },
	{ .kind = KIND_END },
};

const struct setting modifier_rewrite_settings[] = {
	{ .name = "fields", .kind = KIND_TEXTS, VALUE(fields), .flags = SETTING_REQUIRED, .min = "1",
	  .check = check_rewritten, .help = "Names of the fields that are looked at." },
	{ .name = "match", .kind = KIND_TEXT, VALUE(match), .flags = SETTING_REQUIRED,
	  .help = "An expression of PCRE2, which is looked for in the value of each, on one line and as it "
	          "is written. Case is ignored." },
	{ .name = "with", .kind = KIND_TEXT, VALUE(with), .flags = SETTING_REQUIRED,
	  .check = field_check_value,
	  .help = "What stands in the place of each match: $1 is what the first group matched, $0 all of "
	          "it, $$ a dollar. A value of which nothing is left takes its field along." },
	{ .kind = KIND_END },
};

static const struct {
	const char *word;
	const struct setting *rows;
} kinds[] = {
	[MODIFIER_REMOVE] = { "remove", modifier_remove_settings },
	[MODIFIER_ADD] = { "add", modifier_add_settings },
	[MODIFIER_REWRITE] = { "rewrite", modifier_rewrite_settings },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static int
find_kind(const struct node *n, enum modifier_kind *kind, struct complaint *why)
{
	const char *words[KINDS + 1] = { NULL }, *near;

	for (size_t i = 0; i < KINDS; i++) {
		words[i] = kinds[i].word;
		*kind = (enum modifier_kind)i;
		if (strcmp(words[i], n->key) == 0)
			return 0;
	}
	near = text_nearest(n->key, words);
	return node_complain(n, why, "there is no step \"%s\"%s%s%s", n->key,
	                     near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
	                     near == NULL ? "" : "\"?");
}

static int
take_values(struct modifier *m, struct modifier_values *v, const struct node *block, struct complaint *why)
{
	struct complaint what;

	m->fields = v->fields;
	m->value = v->field;
	m->with = v->with;
	*v = (struct modifier_values){ .match = v->match };
	if (m->kind != MODIFIER_REWRITE)
		return 0;
	m->pattern = pattern_open(v->match, &what);
	if (m->pattern == NULL)
		return node_complain(node_child(block, "match"), why, "match: %s", what.text);
	if (pattern_check_replacement(m->pattern, m->with, &what) < 0)
		return node_complain(node_child(block, "with"), why, "with: %s", what.text);
	return 0;
}

static int
read_step(struct modifiers *all, const struct node *n, const char *path, struct effective_list *effective,
          struct complaint *why)
{
	const struct node *block = n->kind == NODE_MAP && n->count == 1 ? n->children[0] : NULL;
	struct modifier *m = &all->all[all->count++];
	struct modifier_values v = { 0 };
	char *own;
	int rc;

	if (block == NULL)
		return node_complain(n, why, "a step is written \"- name: { settings }\"");
	if (find_kind(block, &m->kind, why) < 0)
		return -1;
	own = mem_format("%s.modify.%s", path, block->key);
	rc = setting_read(kinds[m->kind].rows, &v, block, own, effective, why);
	if (rc == 0)
		rc = take_values(m, &v, block, why);
	free(v.match);
	free(own);
	return rc;
}

int
modifiers_read(const struct node *block, const char *path, struct modifiers **modifiers,
               struct effective_list *effective, struct complaint *why)
{
	const struct node *n = node_child(block, "modify");
	struct modifiers *m;

	if (n == NULL)
		return 0;
	if (n->kind != NODE_LIST)
		return node_complain(n, why, "modify takes a list, one \"- name: { settings }\" a line");
	m = *modifiers = mem_new(sizeof(*m));
	m->all = mem_array(n->count, sizeof(*m->all));
	for (size_t i = 0; i < n->count; i++)
		if (read_step(m, n->children[i], path, effective, why) < 0)
			return -1;
	return 0;
}

void
modifiers_close(struct modifiers **modifiers)
{
	struct modifiers *m = *modifiers;

	*modifiers = NULL;
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++) {
		text_list_free(&m->all[i].fields);
		pattern_close(&m->all[i].pattern);
		free(m->all[i].value);
		free(m->all[i].with);
	}
	free(m->all);
	free(m);
}
