/*
 * Lists in a file of Postfix's kind: the key is the address of a list, the value its members with
 * commas or blanks between them. Of a list nothing else is known than its address.
 */
#include "sources/table.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/set.h"
#include "sources/nested.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_words[] = { "lmdb", "cdb", NULL };
static const struct table_format *const formats[] = { &table_lmdb, &table_cdb };

struct table_config {
	int64_t format;
	char *path, *origin;
	bool nested;
};

struct table_source {
	struct source source;
	struct table_config config;
};

static const struct setting settings[] = {
	SOURCE_SETTINGS,
	{ .name = "format", .kind = KIND_WORD, .offset = offsetof(struct table_config, format),
	  .flags = SETTING_REQUIRED, .words = format_words, .help = "The format of the file: lmdb, cdb." },
	{ .name = "path", .kind = KIND_TEXT, .offset = offsetof(struct table_config, path),
	  .flags = SETTING_REQUIRED, .check = file_check_path,
	  .help = "The file, with its ending: /etc/postfix/lists.lmdb." },
	{ .name = "origin", .kind = KIND_TEXT, .offset = offsetof(struct table_config, origin),
	  .check = domain_check,
	  .help = "The domain of members without one, as Postfix's $myorigin. Without it these are "
	          "left out, and counted." },
	{ .name = "nested", .kind = KIND_FLAG, .offset = offsetof(struct table_config, nested),
	  .fallback = "yes", .help = "Whether members may be lists of the file." },
	{ .kind = KIND_END },
};

/* A look into the file. */
struct view {
	const struct table_source *table;
	struct deadline by;
};

/* Postfix may have written keys and values with a NUL behind them. 1, 0, -1. */
static int
get(const struct view *v, const char *key, struct bytes *value, struct complaint *why)
{
	const struct table_config *c = &v->table->config;
	const struct table_format *f = formats[c->format];
	size_t length = strlen(key);
	int found = f->get(c->path, key, length + 1, v->by, value, why);

	if (found == 0)
		found = f->get(c->path, key, length, v->by, value, why);
	if (found > 0 && value->length > 0 && value->data[value->length - 1] == '\0')
		value->length--;
	return found < 0 ? complain_within(why, "%s", v->table->source.name) : found;
}

static enum found
find_one(void *arg, const char *canonical, struct list **list_r, struct complaint *why)
{
	struct bytes value = { 0 };
	int found = get(arg, canonical, &value, why);

	bytes_free(&value);
	if (found > 0)
		*list_r = list_new(mem_text(canonical), NULL, mem_text(canonical), NULL);
	return found > 0 ? FOUND_YES : found == 0 ? FOUND_NO : FOUND_UNSURE;
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct view v = { (struct table_source *)s, by };
	enum found found = FOUND_NO;

	for (size_t i = 0; i < count && found == FOUND_NO; i++) {
		found = find_one(&v, addresses[i], list_r, why);
		*which_r = i;
	}
	return found;
}

static bool
is_between(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The length of the member that begins here: up to what stands between, unless that is quoted. */
static size_t
member_length(const char *text, size_t most)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < most && (quoted || !is_between(text[i])); i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '\\' && quoted && i + 1 < most)
			i++;
	}
	return i;
}

/* Whether this is a name as people have it, and no program, file or include. */
static bool
is_name(const char *text, size_t length)
{
	size_t i = 0;

	while (i < length && (isalnum((unsigned char)text[i]) || strchr("._-+", text[i]) != NULL))
		i++;
	return i == length && length > 0;
}

/* One member. A name without a domain is one of the origin. */
static bool
take(const struct table_source *t, struct nested *n, const char *text, size_t length)
{
	struct bytes whole = { 0 };
	bool more;

	bytes_add(&whole, text, length);
	if (t->config.origin != NULL && is_name(text, length))
		bytes_format(&whole, "@%s", t->config.origin);
	more = nested_take_text(n, whole.data, whole.length);
	bytes_free(&whole);
	return more;
}

static enum found
read_people(void *arg, const struct list *list, enum people whom, struct nested *n, struct complaint *why)
{
	const struct view *v = arg;
	char *key = mem_format("%s%s", whom == PEOPLE_OWNERS ? "owner-" : "", list->address);
	struct bytes value = { 0 };
	int found = get(v, key, &value, why);
	bool more = true;

	for (size_t at = 0; found > 0 && more && at < value.length;) {
		size_t length = member_length(value.data + at, value.length - at);

		if (length > 0)
			more = take(v->table, n, value.data + at, length);
		at += length + 1;
	}
	bytes_free(&value);
	free(key);
	if (found < 0 || !more)
		return FOUND_UNSURE;
	return found > 0 || whom == PEOPLE_OWNERS ? FOUND_YES : FOUND_NO;
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct view v = { (struct table_source *)s, by };
	const struct nested_ops nested = { v.table->config.nested ? find_one : NULL, read_people };
	struct list *now = NULL;
	enum found found = find_one(&v, list->address, &now, why);

	list_drop(&now);
	if (found == FOUND_YES)
		found = nested_walk(&nested, &v, list, whom, fn, arg, report, why);
	return found;
}

/* Whether a key is what a list is looked for by: other keys, of whole domains say, are none. */
static bool
is_list_of(const char *key, const char *domain)
{
	struct complaint unused;
	struct address a;
	bool is = address_parse(&a, key, strlen(key), &unused) == 0 && strcmp(a.canonical, key) == 0 &&
	          strcmp(address_domain(key), domain) == 0;

	address_free(&a);
	return is;
}

/* Names one, once. False: told to stop. */
static bool
name_list(const char *key, struct set *seen, list_fn *fn, void *arg)
{
	const struct text_list none = { 0 };
	struct list *l;
	bool more;

	if (!set_add(seen, key, strlen(key)))
		return true;
	l = list_new(mem_text(key), NULL, mem_text(key), NULL);
	more = fn(arg, l, &none);
	list_drop(&l);
	return more;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	const struct table_config *c = &((struct table_source *)s)->config;
	struct text_list keys = { 0 };
	struct set *seen = set_open();
	bool whole = formats[c->format]->keys(c->path, by, &keys, why) == 0;

	if (!whole)
		(void)complain_within(why, "%s", s->name);
	for (size_t i = 0; whole && i < keys.count; i++)
		if (is_list_of(keys.items[i], domain) && !name_list(keys.items[i], seen, fn, arg)) {
			(void)complain(why, "stopped");
			whole = false;
		}
	set_close(&seen);
	text_list_free(&keys);
	return whole ? FOUND_YES : FOUND_UNSURE;
}

static void
close_source(struct source *s)
{
	struct table_source *t = (struct table_source *)s;

	setting_free(settings, &t->config);
	free(t);
}

static const struct source_ops ops = {
	.kind = "table",
	.find_list = find_list,
	.each_member = each_member,
	.each_list = each_list,
	.close = close_source,
};

static struct source *
open_source(const char *name, void *config, struct complaint *why)
{
	struct table_source *t = mem_new(sizeof(*t));

	(void)why;
	t->source = (struct source){ &ops, mem_text(name) };
	t->config = *(struct table_config *)config;
	free(config);
	return &t->source;
}

const struct source_kind source_table = {
	.name = "table",
	.summary = "Lists in a file of Postfix's: LMDB or CDB.",
	.settings = settings,
	.config_size = sizeof(struct table_config),
	.open = open_source,
};
