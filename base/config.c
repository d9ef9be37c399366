/* The configuration tree, from libyaml's events; nothing else includes its header. */
#include "base/config.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEEPEST = 16, LARGEST = 4 << 20 };

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	bool have_event;
	const char *file;
	struct complaint *why;
};

static int
complain_at(struct reader *r, yaml_mark_t at, const char *what)
{
	return complain(r->why, "%s:%zu:%zu: %s", r->file, at.line + 1, at.column + 1, what);
}

/* The parser's own words, with what it was doing. */
static int
complain_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem == NULL ? "cannot be read" : p->problem;

	if (p->error == YAML_READER_ERROR)
		return complain(r->why, "%s: byte %zu: %s", r->file, p->problem_offset, problem);
	return complain_at(r, p->problem_mark, problem);
}

static int
next(struct reader *r)
{
	if (r->have_event)
		yaml_event_delete(&r->event);
	r->have_event = false;
	if (!yaml_parser_parse(&r->parser, &r->event))
		return complain_syntax(r);
	r->have_event = true;
	return 0;
}

static int
advance(struct reader *r, int events)
{
	while (events-- > 0)
		if (next(r) < 0)
			return -1;
	return 0;
}

static struct node *
node_new(const struct reader *r, enum node_kind kind)
{
	struct node *n = mem_new(sizeof(*n));

	n->kind = kind;
	n->file = r->file;
	n->line = (int)r->event.start_mark.line + 1;
	n->column = (int)r->event.start_mark.column + 1;
	return n;
}

void
config_free(struct node **node)
{
	struct node *n = *node;

	if (n == NULL)
		return;
	for (size_t i = 0; i < n->count; i++)
		config_free(&n->children[i]);
	free(n->children);
	free(n->key);
	free(n->text);
	free(n);
	*node = NULL;
}

static void
node_add(struct node *parent, struct node *child)
{
	parent->children =
		mem_resize(parent->children, (parent->count + 1) * sizeof(*parent->children));
	parent->children[parent->count++] = child;
}

/* Anchors and tags of the current event are refused. */
static int
check_plain(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		return complain_at(r, r->event.start_mark,
		                   "anchors (&name) are not part of this configuration");
	if (tag != NULL)
		return complain_at(r, r->event.start_mark,
		                   "tags (!name) are not part of this configuration");
	return 0;
}

/* The text of the current event, a key or a value. */
static char *
take_text(struct reader *r)
{
	const yaml_char_t *value = r->event.data.scalar.value;
	size_t length = r->event.data.scalar.length;

	if (check_plain(r, r->event.data.scalar.anchor, r->event.data.scalar.tag) < 0)
		return NULL;
	if (memchr(value, '\0', length) != NULL) {
		(void)complain_at(r, r->event.start_mark, "a text holds a NUL");
		return NULL;
	}
	return mem_copy(value, length);
}

static struct node *read_node(struct reader *, int depth);

static struct node *
read_text(struct reader *r)
{
	char *text = take_text(r);
	struct node *n;

	if (text == NULL)
		return NULL;
	n = node_new(r, NODE_TEXT);
	n->text = text;
	return n;
}

static struct node *
read_list(struct reader *r, int depth)
{
	struct node *list, *child;

	if (check_plain(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag) < 0)
		return NULL;
	list = node_new(r, NODE_LIST);
	while (next(r) == 0) {
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return list;
		child = read_node(r, depth + 1);
		if (child == NULL)
			break;
		node_add(list, child);
	}
	config_free(&list);
	return NULL;
}

/* The current event is a key: checks it and reads the value behind it. */
static int
read_pair(struct reader *r, struct node *map, int depth)
{
	const yaml_mark_t at = r->event.start_mark;
	const struct node *other;
	struct node *child;
	char *key;

	if (r->event.type != YAML_SCALAR_EVENT)
		return complain_at(r, r->event.start_mark, "a key must be a plain word");
	key = take_text(r);
	if (key == NULL)
		return -1;
	other = node_child(map, key);
	if (other != NULL) {
		(void)complain(r->why, "%s:%zu:%zu: \"%s\" stands here a second time, first in line %d",
		               r->file, at.line + 1, at.column + 1, key, other->key_line);
		free(key);
		return -1;
	}
	child = next(r) < 0 ? NULL : read_node(r, depth + 1);
	if (child == NULL) {
		free(key);
		return -1;
	}
	child->key = key;
	child->key_line = (int)at.line + 1;
	child->key_column = (int)at.column + 1;
	node_add(map, child);
	return 0;
}

static struct node *
read_map(struct reader *r, int depth)
{
	struct node *map;

	if (check_plain(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag) < 0)
		return NULL;
	map = node_new(r, NODE_MAP);
	while (next(r) == 0) {
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return map;
		if (read_pair(r, map, depth) < 0)
			break;
	}
	config_free(&map);
	return NULL;
}

/* The node that begins with the current event. */
static struct node *
read_node(struct reader *r, int depth)
{
	if (depth > DEEPEST) {
		(void)complain_at(r, r->event.start_mark, "nested too deeply");
		return NULL;
	}
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		return read_text(r);
	case YAML_SEQUENCE_START_EVENT:
		return read_list(r, depth);
	case YAML_MAPPING_START_EVENT:
		return read_map(r, depth);
	case YAML_ALIAS_EVENT:
		(void)complain_at(r, r->event.start_mark,
		                  "aliases (*name) are not part of this configuration");
		return NULL;
	default:
		(void)complain_at(r, r->event.start_mark, "nothing stands here");
		return NULL;
	}
}

/* One document with a map in it, and nothing behind. */
static struct node *
read_document(struct reader *r)
{
	struct node *root;

	if (advance(r, 2) < 0)            /* the stream, the document */
		return NULL;
	if (r->event.type == YAML_STREAM_END_EVENT) {
		(void)complain(r->why, "%s: the file is empty", r->file);
		return NULL;
	}
	if (next(r) < 0)
		return NULL;
	root = read_node(r, 0);
	if (root == NULL)
		return NULL;
	if (root->kind != NODE_MAP)
		(void)node_complain(root, r->why, "settings are written \"name: value\"");
	else if (advance(r, 2) == 0) {
		if (r->event.type == YAML_STREAM_END_EVENT)
			return root;
		(void)complain_at(r, r->event.start_mark, "a second document begins here");
	}
	config_free(&root);
	return NULL;
}

struct node *
config_parse(const char *file, const char *text, size_t length, struct complaint *why)
{
	struct reader r = { .file = file, .why = why };
	struct node *root = NULL;

	if (length == 0) {
		(void)complain(why, "%s: the file is empty", file);
		return NULL;
	}
	if (text[length - 1] != '\n') {
		(void)complain(why, "%s: the last line has no end: is the file cut off?", file);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser))
		abort();                  /* out of memory */
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
	root = read_document(&r);
	if (r.have_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return root;
}

struct node *
config_load(const char *file, struct complaint *why)
{
	struct bytes text = { 0 };
	struct node *root = NULL;
	int rc = file_read(AT_FDCWD, file, LARGEST, &text, why);

	if (rc == 0)
		(void)complain(why, "there is no file %s", file);
	if (rc == 1)
		root = config_parse(file, bytes_text(&text), text.length, why);
	bytes_free(&text);
	return root;
}

const struct node *
node_child(const struct node *map, const char *key)
{
	for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->count; i++)
		if (strcmp(map->children[i]->key, key) == 0)
			return map->children[i];
	return NULL;
}

const struct node *
node_child_or(const struct node *map, const char *key)
{
	const struct node *n = node_child(map, key);

	return n == NULL ? map : n;
}

static void
complain_there(const char *file, int line, int column, struct complaint *why, const char *format,
               va_list args)
{
	struct complaint what;

	(void)vsnprintf(what.text, sizeof(what.text), format, args);
	(void)complain(why, "%s:%d:%d: %s", file, line, column, what.text);
}

int
node_complain(const struct node *n, struct complaint *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_there(n->file, n->line, n->column, why, format, args);
	va_end(args);
	return -1;
}

int
node_complain_key(const struct node *n, struct complaint *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_there(n->file, n->key_line, n->key_column, why, format, args);
	va_end(args);
	return -1;
}
