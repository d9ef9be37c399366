/* Changes of posts: the rows, and what may stand there. */
#include "policies/modifiers.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/programs.h"
#include "mail/header.h"
#include "policies/site.h"

#include <stdlib.h>
#include <string.h>

/*
 * Fields that nobody changes in this way: by the first a loop is seen, the others say what the body is
 * or are rollcall's own business.
 */
static const char *const untouchable[] = { "Received", "Return-Path", "Rollcall-Stamp", TAGS_FIELD, "List-Id",
	                                   "MIME-Version", NULL };
/* Those that a message must have, and those that it has once at most (RFC 5322 section 3.6). */
static const char *const required[] = { "From", "Date", NULL };
static const char *const single[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "Date",
	                              "In-Reply-To", "References", "Subject", NULL };

/* As it is written; of each kind some. */
struct modifier_values {
	struct text_list fields;
	char *value, *match, *with, *source;
	int64_t of, timeout, memory, output;
};

static bool
is_among(const char *const *names, const char *name, size_t length)
{
	while (*names != NULL && !text_same_n(name, length, *names))
		names++;
	return *names != NULL;
}

bool
modifier_may_change(const char *name, size_t length)
{
	return !is_among(untouchable, name, length) && !(length > 8 && text_same_n(name, 8, "Content-"));
}

int
modifier_check_count(const char *name, size_t length, size_t count, struct complaint *why)
{
	if (count == 0 && is_among(required, name, length))
		return complain(why, "a message without %.*s is none", (int)length, name);
	return count > 1 && is_among(single, name, length)
	               ? complain(why, "%.*s stands in a message once", (int)length, name)
	               : 0;
}

static int
check_name(const char *name, size_t length, struct complaint *why)
{
	if (field_check_name(name, length, why) < 0)
		return -1;
	return modifier_may_change(name, length)
	               ? 0
	               : complain(why, "%.*s is not changed in this way", (int)length, name);
}

static int
check_removed(const char *name, struct complaint *why)
{
	return check_name(name, strlen(name), why) < 0 ? -1
	                                               : modifier_check_count(name, strlen(name), 0, why);
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
	/* Beside the one that is there. */
	if (modifier_check_count(text, (size_t)(colon - text), 2, why) < 0)
		return -1;
	return field_check_value(text, why);
}

/* As that of the list, which `none` leaves alone. */
static int
check_as_style(enum style_id id, const char *text, struct complaint *why)
{
	if (strcmp(text, "none") == 0)
		return complain(why, "none is what a list without this step has");
	return style_settings[id].check(text, why);
}

static int
check_tag(const char *text, struct complaint *why)
{
	return check_as_style(STYLE_SUBJECT_TAG, text, why);
}

static int
check_reply_to(const char *text, struct complaint *why)
{
	return check_as_style(STYLE_REPLY_TO, text, why);
}

#define VALUE(f) .offset = offsetof(struct modifier_values, f)

const struct setting modifier_remove_settings[] = {
	{ .name = "fields", .kind = KIND_TEXTS, VALUE(fields), .flags = SETTING_REQUIRED, .min = "1",
	  .check = check_removed, .help = "Names of fields that are left out, as many as there are." },
	{ .kind = KIND_END },
};

const struct setting modifier_add_settings[] = {
	{ .name = "field", .kind = KIND_TEXT, VALUE(value), .flags = SETTING_REQUIRED, .check = check_added,
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

static const char *const of_words[] = { "people", "aliases", NULL };
enum { OF_PEOPLE };

const struct setting modifier_alias_settings[] = {
	{ .name = "fields", .kind = KIND_TEXTS, VALUE(fields), .flags = SETTING_REQUIRED, .min = "1",
	  .check = check_rewritten, .help = "Names of the fields whose addresses are looked up." },
	{ .name = "source", .kind = KIND_TEXT, VALUE(source),
	  .help = "The source that is asked. Without it those of the destination." },
	{ .name = "of", .kind = KIND_WORD, VALUE(of), .fallback = "people", .words = of_words,
	  .help = "What the source has: people, of whom the first address counts; or aliases, lists with "
	          "one member, whose address it is." },
	{ .kind = KIND_END },
};

const struct setting modifier_tag_settings[] = {
	{ .name = "tag", .kind = KIND_TEXT, VALUE(value), .flags = SETTING_REQUIRED, .check = check_tag,
	  .help = "What is put before the subject of posts that have it nowhere yet, \"[extern]\". {local} "
	          "and {domain} are the parts of the list's address." },
	{ .kind = KIND_END },
};

const struct setting modifier_reply_settings[] = {
	{ .name = "to", .kind = KIND_TEXT, VALUE(value), .flags = SETTING_REQUIRED, .check = check_reply_to,
	  .help = "Where answers go: poster, list, an address, or several of these, as by reply-to of "
	          "posts." },
	{ .kind = KIND_END },
};

const struct setting modifier_program_settings[] = {
	{ .name = "path", .kind = KIND_TEXT, VALUE(value), .flags = SETTING_REQUIRED,
	  .check = file_check_path,
	  .help = "The program. Nobody but root and the user of the daemons may be able to change it." },
	{ .name = "timeout", .kind = KIND_TIME, VALUE(timeout), .fallback = "5s", .min = "10ms", .max = "4m",
	  .help = "How long it may take. lmtp.lookup and outbound.expand hold as well." },
	{ .name = "memory", .kind = KIND_SIZE, VALUE(memory), .fallback = "256M", .min = "1M", .max = "64G",
	  .help = "Address space of each of its processes." },
	{ .name = "output", .kind = KIND_SIZE, VALUE(output), .fallback = "256k", .min = "1k", .max = "16M",
	  .help = "How long the header may be that it prints." },
	{ .kind = KIND_END },
};

static const struct {
	const char *word;
	const struct setting *rows;
} kinds[] = {
	[MODIFIER_REMOVE] = { "remove", modifier_remove_settings },
	[MODIFIER_ADD] = { "add", modifier_add_settings },
	[MODIFIER_REWRITE] = { "rewrite", modifier_rewrite_settings },
	[MODIFIER_ALIAS] = { "alias", modifier_alias_settings },
	[MODIFIER_SUBJECT_TAG] = { "subject-tag", modifier_tag_settings },
	[MODIFIER_REPLY_TO] = { "reply-to", modifier_reply_settings },
	[MODIFIER_PROGRAM] = { "program", modifier_program_settings },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static int
find_kind(const struct node *n, enum modifier_kind *kind, struct complaint *why)
{
	const char *words[KINDS + 1] = { NULL };

	for (size_t i = 0; i < KINDS; i++) {
		words[i] = kinds[i].word;
		*kind = (enum modifier_kind)i;
		if (strcmp(words[i], n->key) == 0)
			return 0;
	}
	return node_complain_key(n, why, "there is no step \"%s\"%s", n->key, text_hint(n->key, words).text);
}

static int
take_expression(struct modifier *m, const char *match, const struct node *block, struct complaint *why)
{
	struct complaint what;

	m->pattern = pattern_open(match, &what);
	if (m->pattern == NULL)
		return node_complain(node_child(block, "match"), why, "match: %s", what.text);
	if (pattern_check_replacement(m->pattern, m->with, &what) < 0)
		return node_complain(node_child(block, "with"), why, "with: %s", what.text);
	return 0;
}

static int
take_values(struct site *s, struct modifier *m, struct modifier_values *v, const struct node *block,
            struct complaint *why)
{
	struct complaint what;
	int rc = 0;

	m->fields = v->fields;
	m->value = v->value;
	m->with = v->with;
	m->people = v->of == OF_PEOPLE;
	m->timeout = v->timeout;
	m->memory = v->memory;
	m->output = v->output;
	if (v->source != NULL) {
		m->source = site_source(s, node_child(block, "source"), v->source, why);
		rc = m->source == NULL ? -1 : 0;
	}
	if (m->kind == MODIFIER_REWRITE)
		rc = take_expression(m, v->match, block, why);
	if (m->kind == MODIFIER_PROGRAM && programs_check(m->value, &what) < 0)
		rc = node_complain(node_child(block, "path"), why, "path: %s", what.text);
	free(v->match);
	free(v->source);
	return rc;
}

static int
read_step(struct site *s, struct modifiers *all, const struct node *n, const char *path,
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
	rc = setting_read(kinds[m->kind].rows, &v, block, own, &s->effective, why);
	if (rc == 0)
		rc = take_values(s, m, &v, block, why);
	free(own);
	return rc;
}

int
modifiers_read(struct site *s, const struct node *block, const char *path, struct modifiers **modifiers,
               struct complaint *why)
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
		if (read_step(s, m, n->children[i], path, why) < 0)
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
