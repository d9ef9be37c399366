/* Settings: tables of rows, read from the configuration tree. */
#include "base/setting.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit times[] = {
	{ "ms", 1 },         { "s", 1000 },        { "m", 60000 },
	{ "h", 3600000 },    { "d", 86400000 },    { "w", 604800000 }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "", 1 }, { "k", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 },
};

/* A number and one of the units. */
static int
parse_units(const char *text, const struct unit *units, int64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	char *number = mem_copy(text, digits);
	int64_t n;
	int rc = -1;

	if (text_number(number, &n)) {
		for (; units->name != NULL && rc < 0; units++)
			if (strcmp(text + digits, units->name) == 0 && n <= INT64_MAX / units->factor) {
				*value = n * units->factor;
				rc = 0;
			}
	}
	free(number);
	return rc;
}

int
setting_parse_time(const char *text, int64_t *milliseconds)
{
	return parse_units(text, times, milliseconds);
}

int
setting_parse_size(const char *text, int64_t *bytes)
{
	return parse_units(text, sizes, bytes);
}

static int
parse_word(const struct setting *row, const char *text, int64_t *value)
{
	for (size_t i = 0; row->words[i] != NULL; i++)
		if (strcmp(row->words[i], text) == 0) {
			*value = (int64_t)i;
			return 0;
		}
	return -1;
}

static int
parse_percent(const char *text, int64_t *value)
{
	size_t length = strlen(text);
	char *number = mem_copy(text, length > 0 && text[length - 1] == '%' ? length - 1 : length);
	bool ok = text_number(number, value) && *value >= 0 && *value <= 100;

	free(number);
	return ok ? 0 : -1;
}

static int
parse_flag(const char *text, bool *flag)
{
	*flag = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
	return *flag || strcmp(text, "no") == 0 || strcmp(text, "false") == 0 ? 0 : -1;
}

static int
parse_number(const struct setting *row, const char *text, int64_t *value)
{
	switch (row->kind) {
	case KIND_NUMBER:
		return text_number(text, value) ? 0 : -1;
	case KIND_SIZE:
		return setting_parse_size(text, value);
	case KIND_TIME:
		return setting_parse_time(text, value);
	case KIND_PERCENT:
		return parse_percent(text, value);
	case KIND_WORD:
		return parse_word(row, text, value);
	default:
		return -1;
	}
}

/* What a value of this kind looks like, for a complaint. */
static void
describe(const struct setting *row, struct bytes *out)
{
	switch (row->kind) {
	case KIND_NUMBER:
		bytes_add_text(out, "a whole number");
		break;
	case KIND_SIZE:
		bytes_add_text(out, "a size (512, 10k, 25M, 1G)");
		break;
	case KIND_TIME:
		bytes_add_text(out, "a time (250ms, 5s, 2m, 1h, 5d)");
		break;
	case KIND_PERCENT:
		bytes_add_text(out, "a share (0% to 100%)");
		break;
	case KIND_FLAG:
		bytes_add_text(out, "yes or no");
		break;
	case KIND_WORD:
		bytes_add_text(out, "one of");
		for (size_t i = 0; row->words[i] != NULL; i++)
			bytes_format(out, "%s %s", i == 0 ? "" : ",", row->words[i]);
		break;
	default:
		bytes_add_text(out, "a text");
	}
}

static int
complain_value(const struct setting *row, const struct node *n, const char *text,
               struct complaint *why)
{
	struct bytes wanted = { 0 };

	describe(row, &wanted);
	(void)node_complain(n, why, "%s: \"%s\" is not %s%s", row->name, text, bytes_text(&wanted),
	                    row->kind == KIND_WORD ? text_hint(text, row->words).text : "");
	bytes_free(&wanted);
	return -1;
}

/* One text, or, in a fallback, several with ", " between them. */
static void
add_texts(struct text_list *list, const char *text, bool fallback)
{
	const char *comma;

	while (fallback && (comma = strstr(text, ", ")) != NULL) {
		text_list_add(list, text, (size_t)(comma - text));
		text = comma + 2;
	}
	text_list_add(list, text, strlen(text));
}

/*
 * Sets a field from one text. The node is where it stands; fallbacks, which have none, always
 * parse.
 */
static int
set_value(const struct setting *row, void *field, const char *text, const struct node *n,
          struct complaint *why)
{
	int64_t value, bound;
	struct complaint what;

	if (row->check != NULL && n != NULL && row->check(text, &what) < 0)
		return node_complain(n, why, "%s: %s", row->name, what.text);
	if (row->kind == KIND_TEXT) {
		*(char **)field = mem_text(text);
		return 0;
	}
	if (row->kind == KIND_TEXTS) {
		add_texts(field, text, n == NULL);
		return 0;
	}
	if (row->kind == KIND_FLAG)
		return parse_flag(text, field) == 0 ? 0 : complain_value(row, n, text, why);
	if (parse_number(row, text, &value) < 0)
		return complain_value(row, n, text, why);
	if (n != NULL && row->min != NULL && parse_number(row, row->min, &bound) == 0 && value < bound)
		return node_complain(n, why, "%s: %s is less than %s", row->name, text, row->min);
	if (n != NULL && row->max != NULL && parse_number(row, row->max, &bound) == 0 && value > bound)
		return node_complain(n, why, "%s: %s is more than %s", row->name, text, row->max);
	*(int64_t *)field = value;
	return 0;
}

/* Whether a list has as many values as it should. */
static int
check_count(const struct setting *row, const struct text_list *list, const struct node *n,
            struct complaint *why)
{
	int64_t bound;

	if (row->min != NULL && text_number(row->min, &bound) && (int64_t)list->count < bound)
		return node_complain(n, why, "%s needs at least %s value%s", row->name, row->min,
		                     text_s(bound));
	if (row->max != NULL && text_number(row->max, &bound) && (int64_t)list->count > bound)
		return node_complain(n, why, "%s takes %s value%s at most, here are %zu", row->name,
		                     row->max, text_s(bound), list->count);
	return 0;
}

static int
set_texts(const struct setting *row, void *field, const struct node *n, struct complaint *why)
{
	if (row->kind != KIND_TEXTS)
		return node_complain(n, why, "%s takes one value, not a %s", row->name,
		                     n->kind == NODE_LIST ? "list" : "block");
	if (n->kind != NODE_LIST)
		return node_complain(n, why, "%s takes a list of values", row->name);
	for (size_t i = 0; i < n->count; i++) {
		if (n->children[i]->kind != NODE_TEXT)
			return node_complain(n->children[i], why, "%s takes a list of plain values",
			                     row->name);
		if (set_value(row, field, n->children[i]->text, n->children[i], why) < 0)
			return -1;
	}
	return check_count(row, field, n, why);
}

static void
add_effective(struct effective_list *list, const struct setting *row, const char *path, char *value,
              char *origin)
{
	if (list == NULL) {
		free(value);
		free(origin);
		return;
	}
	list->items = mem_resize(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = (struct effective){
		mem_format("%s%s%s", path, *path == '\0' ? "" : ".", row->name), value, origin,
		(row->flags & SETTING_RESTART) != 0
	};
}

/* What a row came to: the node's text, or the fallback. */
static void
note_effective(struct effective_list *list, const struct setting *row, const char *path,
               const struct node *n)
{
	struct bytes value = { 0 };

	if (row->kind == KIND_PART || (n == NULL && row->fallback == NULL))
		return;
	if (row->flags & SETTING_SECRET)
		bytes_add_text(&value, "(hidden)");
	else if (n == NULL)
		bytes_add_text(&value, row->fallback);
	else if (n->kind == NODE_TEXT)
		bytes_add_text(&value, n->text);
	for (size_t i = 0; n != NULL && n->kind == NODE_LIST && i < n->count; i++)
		bytes_format(&value, "%s%s", i == 0 ? "" : ", ", n->children[i]->text);
	add_effective(list, row, path, bytes_take(&value),
	              n == NULL ? mem_text("default") : mem_format("%s:%d", n->file, n->line));
}

void
effective_list_free(struct effective_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].path);
		free(list->items[i].value);
		free(list->items[i].origin);
	}
	free(list->items);
	*list = (struct effective_list){ 0 };
}

static int
read_row(const struct setting *row, void *object, const struct node *map, const char *path,
         struct effective_list *effective, struct complaint *why)
{
	const struct node *n = node_child(map, row->name);
	void *field = (char *)object + row->offset;
	int rc = 0;

	if (n == NULL && (row->flags & SETTING_REQUIRED)) {
		if (map == NULL)
			return complain(why, "\"%s%s%s\" is missing", path, *path ? "." : "", row->name);
		return node_complain(map, why, "\"%s\" is missing here", row->name);
	}
	if (row->kind == KIND_PART)
		return 0;
	if (n == NULL) {
		if (row->fallback != NULL && set_value(row, field, row->fallback, NULL, why) < 0)
			abort();          /* a row whose fallback does not parse */
	} else if (n->kind == NODE_TEXT) {
		rc = set_value(row, field, n->text, n, why);
	} else {
		rc = set_texts(row, field, n, why);
	}
	if (rc == 0)
		note_effective(effective, row, path, n);
	return rc;
}

/* Complains of a key that no row has. */
static int
check_keys(const struct setting *rows, const struct node *map, const char *path,
           struct complaint *why)
{
	enum { MOST = 64 };
	const char *words[MOST + 1];
	size_t count = 0;

	for (const struct setting *row = rows; row->kind != KIND_END && count < MOST; row++)
		words[count++] = row->name;
	words[count] = NULL;
	for (size_t i = 0; i < map->count; i++) {
		const struct node *n = map->children[i];
		size_t w = 0;

		while (w < count && strcmp(words[w], n->key) != 0)
			w++;
		if (w < count)
			continue;
		return node_complain_key(n, why, "there is no setting \"%s%s%s\"%s", path,
		                         *path == '\0' ? "" : ".", n->key, text_hint(n->key, words).text);
	}
	return 0;
}

int
setting_read(const struct setting *rows, void *object, const struct node *map, const char *path,
             struct effective_list *effective, struct complaint *why)
{
	int rc = 0;

	if (map != NULL && map->kind != NODE_MAP)
		return node_complain(map, why, "%s takes settings, \"name: value\"", path);
	if (map != NULL)
		rc = check_keys(rows, map, path, why);
	for (const struct setting *row = rows; row->kind != KIND_END && rc == 0; row++)
		rc = read_row(row, object, map, path, effective, why);
	if (rc < 0)
		setting_free(rows, object);
	return rc;
}

void
setting_complete(const struct setting *row, void *object, const char *text, const char *path,
                 const char *origin, struct effective_list *effective)
{
	void *field = (char *)object + row->offset;
	const struct text_list *list = field;
	struct complaint unused;

	if (text == NULL || (row->kind == KIND_TEXTS ? list->count > 0 : *(char **)field != NULL))
		return;
	(void)set_value(row, field, text, NULL, &unused);
	add_effective(effective, row, path, mem_text(text), mem_text(origin));
}

void
setting_free(const struct setting *rows, void *object)
{
	for (const struct setting *row = rows; row->kind != KIND_END; row++) {
		void *field = (char *)object + row->offset;

		if (row->kind == KIND_TEXT)
			mem_drop(field);
		else if (row->kind == KIND_TEXTS)
			text_list_free(field);
	}
}

int
setting_check_word(const char *text, const char *const *words, const char *names, struct complaint *why)
{
	for (const char *const *w = words; *w != NULL; w++)
		if (strcmp(text, *w) == 0)
			return 0;
	return complain(why, "\"%s\" is not one of %s%s", text, names, text_hint(text, words).text);
}
