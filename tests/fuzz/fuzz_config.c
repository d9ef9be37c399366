/*
 * Configurations: a tree that was read, and the settings read from it, are the same when they are
 * written in another way; what a row refuses leaves nothing behind. Sources that would reach for
 * files or servers are left out.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "expander/settings.h"
#include "mail/address.h"
#include "milter/settings.h"
#include "policies/policy.h"
#include "policies/site.h"

#include <sys/mman.h>
#include <unistd.h>
#include <unistr.h>

static const char name[] = "r.yaml";

/* ---- the tree, written in the flow style with everything escaped ---- */

static void
write_text(struct bytes *out, const char *text)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text);

	bytes_add_char(out, '"');
	while (at < end) {
		ucs4_t c;

		at += u8_mbtouc(&c, at, (size_t)(end - at));
		bytes_format(out, "\\U%08X", (unsigned)c);
	}
	bytes_add_char(out, '"');
}

/* False where YAML has no way to write it: a key on one line has at most 1024 characters. */
static bool
write_node(struct bytes *out, const struct node *n)
{
	if (n->kind == NODE_TEXT) {
		write_text(out, n->text);
		return true;
	}
	bytes_add_char(out, n->kind == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < n->count; i++) {
		bytes_add_text(out, i == 0 ? " " : ", ");
		if (n->kind == NODE_MAP) {
			if (strlen(n->children[i]->key) > 100)
				return false;
			write_text(out, n->children[i]->key);
			bytes_add_text(out, ": ");
		}
		if (!write_node(out, n->children[i]))
			return false;
	}
	bytes_add_text(out, n->kind == NODE_MAP ? " }" : " ]");
	return true;
}

static void
must_be_same_tree(const struct node *a, const struct node *b)
{
	MUST(a->kind == b->kind && a->count == b->count);
	MUST(same_texts(a->key, b->key) && same_texts(a->text, b->text));
	for (size_t i = 0; i < a->count; i++)
		must_be_same_tree(a->children[i], b->children[i]);
}

static void
check_node(const struct node *n, const struct node *parent, int depth)
{
	MUST(depth <= 17 && n->line >= 1 && n->column >= 1 && n->file == name);
	MUST((n->key != NULL) == (parent != NULL && parent->kind == NODE_MAP));
	MUST((n->text != NULL) == (n->kind == NODE_TEXT));
	MUST(n->kind != NODE_TEXT || n->count == 0);
	if (n->key != NULL)
		MUST(node_child(parent, n->key) == n);
	for (size_t i = 0; i < n->count; i++)
		check_node(n->children[i], n, depth + 1);
}

/* The same tree from other text; NULL where there is none. */
static struct node *
another_way(const struct node *root)
{
	struct bytes text = { 0 };
	struct complaint why;
	struct node *again = NULL;

	if (write_node(&text, root)) {
		bytes_add_char(&text, '\n');
		again = config_parse(name, text.data, text.length, &why);
		MUST(again != NULL);
		must_be_same_tree(root, again);
	}
	bytes_free(&text);
	return again;
}

/* ---- the settings ---- */

/* Where the values of any table fit. */
struct values {
	_Alignas(max_align_t) char at[4096];
};

static bool
same_list(const struct text_list *a, const struct text_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool
same_value(const struct setting *row, const void *a, const void *b)
{
	switch (row->kind) {
	case KIND_END:
	case KIND_PART:
		return true;
	case KIND_TEXT:
		return same_texts(*(char *const *)a, *(char *const *)b);
	case KIND_TEXTS:
		return same_list(a, b);
	case KIND_FLAG:
		return *(const bool *)a == *(const bool *)b;
	default:
		return *(const int64_t *)a == *(const int64_t *)b;
	}
}

static bool
same_values(const struct setting *rows, const struct values *a, const struct values *b)
{
	for (; rows->kind != KIND_END; rows++)
		if (!same_value(rows, a->at + rows->offset, b->at + rows->offset))
			return false;
	return true;
}

static int64_t
number_of(const struct setting *row, const char *text)
{
	int64_t n = 0;

	if (row->kind == KIND_TIME)
		MUST(setting_parse_time(text, &n) == 0);
	else if (row->kind == KIND_SIZE)
		MUST(setting_parse_size(text, &n) == 0);
	else
		MUST(text_number(text, &n));
	return n;
}

static void
check_row(const struct setting *row, const struct values *v)
{
	const void *field = v->at + row->offset;
	const struct text_list *list = field;
	const int64_t *n = field;

	MUST(row->kind == KIND_PART || row->offset + sizeof(struct text_list) <= sizeof(v->at));
	if (row->kind == KIND_TEXT)
		MUST(*(char *const *)field != NULL || row->fallback == NULL);
	if (row->kind == KIND_TEXTS && row->min != NULL)
		MUST((int64_t)list->count >= number_of(row, row->min));
	if (row->kind == KIND_TEXTS && row->max != NULL)
		MUST((int64_t)list->count <= number_of(row, row->max));
	if (row->kind == KIND_WORD)
		MUST(*n >= 0 && row->words[*n] != NULL);
	if (row->kind == KIND_PERCENT)
		MUST(*n >= 0 && *n <= 100);
	if (row->kind != KIND_NUMBER && row->kind != KIND_SIZE && row->kind != KIND_TIME)
		return;
	MUST(row->min == NULL || *n >= number_of(row, row->min));
	MUST(row->max == NULL || *n <= number_of(row, row->max));
}

/* What `config --print` shows can be read again, and means the same. */
static void
read_printed(const struct setting *rows, const struct values *want,
             const struct effective_list *effective)
{
	struct bytes text = { 0 };
	struct values v = { 0 };
	struct complaint why;
	struct node *root;

	bytes_add_char(&text, '{');
	for (const struct setting *row = rows; row->kind != KIND_END; row++) {
		const struct text_list *list = (const void *)(want->at + row->offset);
		const char *shown = NULL;

		for (size_t i = 0; i < effective->count; i++)
			if (strcmp(effective->items[i].path, row->name) == 0)
				shown = effective->items[i].value;
		if (row->kind == KIND_PART && (row->flags & SETTING_REQUIRED) != 0)
			shown = "whatever";
		if (shown == NULL)
			continue;
		bytes_format(&text, "%s%s: ", text.length > 1 ? ", " : "", row->name);
		if (row->kind != KIND_TEXTS) {
			write_text(&text, shown);
			continue;
		}
		bytes_add_char(&text, '[');
		for (size_t i = 0; i < list->count; i++) {
			bytes_add_text(&text, i == 0 ? "" : ", ");
			write_text(&text, list->items[i]);
		}
		bytes_add_char(&text, ']');
	}
	bytes_add_text(&text, "}\n");
	root = config_parse(name, text.data, text.length, &why);
	MUST(root != NULL && setting_read(rows, &v, root, "", NULL, &why) == 0);
	MUST(same_values(rows, &v, want));
	setting_free(rows, &v);
	config_free(&root);
	bytes_free(&text);
}

/* The complaint without its place. */
static const char *
words_of(const struct complaint *why)
{
	const char *at = strstr(why->text, ": ");

	return at == NULL ? why->text : at;
}

/* Reads a map by a table; `again` is the same map from other text, or NULL. */
static void
read_rows(const struct setting *rows, const struct node *map, const struct node *again)
{
	static const struct values nothing;
	struct effective_list effective = { 0 };
	struct complaint why = { "" }, why_again = { "" };
	struct values v = { 0 }, v_again = { 0 };
	int rc = setting_read(rows, &v, map, "", &effective, &why);

	if (rc < 0) {
		MUST(why.text[0] != '\0');
		for (const struct setting *row = rows; row->kind != KIND_END; row++)
			if (row->kind == KIND_TEXT || row->kind == KIND_TEXTS)
				MUST(same_value(row, v.at + row->offset, nothing.at + row->offset));
	}
	for (const struct setting *row = rows; rc == 0 && row->kind != KIND_END; row++)
		check_row(row, &v);
	if (rc == 0)
		read_printed(rows, &v, &effective);
	if (again != NULL) {
		MUST(setting_read(rows, &v_again, again, "", NULL, &why_again) == rc);
		MUST(rc == 0 || strcmp(words_of(&why), words_of(&why_again)) == 0);
		MUST(rc < 0 || same_values(rows, &v, &v_again));
		setting_free(rows, &v_again);
	}
	setting_free(rows, &v);
	effective_list_free(&effective);
}

static void
read_all_rows(const struct node *root, const struct node *again)
{
	static const struct {
		const char *part;              /* NULL: the top */
		const struct setting *rows;
	} tables[] = {
		{ NULL, site_settings },         { "log", log_settings },
		{ "limits", limits_settings },   { "stamp", stamp_settings },
		{ "milter", milter_setting_rows },
		{ "lmtp", lmtp_setting_rows },   { "outbound", outbound_setting_rows },
		{ "moderation", moderation_setting_rows },
		{ "cache", cache_settings },     { "destination", destination_settings },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (tables[i].part == NULL)
			read_rows(tables[i].rows, root, again);
		else if (node_child(root, tables[i].part) != NULL)
			read_rows(tables[i].rows, node_child(root, tables[i].part),
			          node_child(again, tables[i].part));
	for (size_t i = 0; source_kinds[i] != NULL; i++)
		if (node_child(root, source_kinds[i]->name) != NULL)
			read_rows(source_kinds[i]->settings, node_child(root, source_kinds[i]->name),
			          node_child(again, source_kinds[i]->name));
	for (size_t i = 0; policies[i] != NULL; i++)
		if (node_child(root, policies[i]->name) != NULL)
			read_rows(policies[i]->settings, node_child(root, policies[i]->name),
			          node_child(again, policies[i]->name));
}

/* ---- the whole site ---- */

/* Whether all sources are of the kind that touches nothing and has no threads to speak of. */
static bool
is_harmless(const struct node *root)
{
	const struct node *sources = node_child(root, "sources");

	for (size_t i = 0; sources != NULL && i < sources->count; i++) {
		const struct node *kind = node_child(sources->children[i], "kind");

		if (kind != NULL && (kind->kind != NODE_TEXT || strcmp(kind->text, "fail") != 0))
			return false;
		if (node_child(sources->children[i], "cache") != NULL)
			return false;
	}
	return sources == NULL || sources->count < 4;
}

static void
check_site(const struct site *s, const struct node *root)
{
	struct complaint why;

	MUST(s->destination_count == node_child(root, "destinations")->count);
	MUST(s->source_count == node_child(root, "sources")->count);
	for (size_t i = 0; i < s->destination_count; i++) {
		const struct destination *d = &s->destinations[i];
		char *domain = domain_canonical(d->domain, strlen(d->domain), &why);
		char *address = mem_format("staff@%s", d->domain);

		MUST(domain != NULL && strcmp(domain, d->domain) == 0);
		MUST(d->source != NULL && d->chain != NULL);
		for (size_t r = 0; r < d->rule_count; r++)
			MUST(d->rules[r].who != NULL && d->rules[r].chain != NULL);
		MUST(site_destination(s, address) == d);
		free(address);
		free(domain);
	}
	MUST(s->errors == NULL || site_destination(s, s->errors) == NULL ||
	     site_destination(s, s->errors)->shared);
	MUST(*s->state == '/');
}

static void
load_site(const struct node *root, const uint8_t *data, size_t size)
{
	struct milter_settings milter = { 0 };
	struct socketmap_settings socketmap = { 0 };
	struct lmtp_settings lmtp = { 0 };
	struct outbound_settings outbound = { 0 };
	struct moderation_settings moderation = { 0 };
	const struct site_part parts[] = { { "milter", milter_setting_rows, &milter },
		                           { "socketmap", socketmap_setting_rows, &socketmap },
		                           { "lmtp", lmtp_setting_rows, &lmtp },
		                           { "outbound", outbound_setting_rows, &outbound },
		                           { "moderation", moderation_setting_rows, &moderation },
		                           { 0 } };
	struct complaint why = { "" };
	char path[32];
	int fd = memfd_create("site", 0);
	struct site *s;

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	s = site_load(path, true, parts, &why);
	(void)close(fd);
	if (s == NULL) {
		MUST(strncmp(why.text, path, strlen(path)) == 0);
		MUST(milter.listen == NULL && lmtp.listen.count == 0 && outbound.mta.count == 0);
		return;
	}
	check_site(s, root);
	site_drop(&s);
	setting_free(milter_setting_rows, &milter);
	setting_free(socketmap_setting_rows, &socketmap);
	setting_free(lmtp_setting_rows, &lmtp);
	setting_free(outbound_setting_rows, &outbound);
	setting_free(moderation_setting_rows, &moderation);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaint why = { "" };
	struct node *root = config_parse(name, (const char *)data, size, &why), *again;

	if (root == NULL) {
		MUST(strncmp(why.text, name, sizeof(name) - 1) == 0);
		return 0;
	}
	check_node(root, NULL, 0);
	again = another_way(root);
	read_all_rows(root, again);
	if (is_harmless(root))
		load_site(root, data, size);
	config_free(&again);
	config_free(&root);
	return 0;
}
