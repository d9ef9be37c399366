/*
 * The configuration file as a tree that remembers where everything stands. The grammar is a plain
 * part of YAML: mappings, sequences and scalars. Every scalar is text; what it means is up to the
 * setting that reads it. Refused: duplicate keys, anchors and aliases, tags, a second document,
 * keys that are no scalars, and a file whose last line has no end, since that is what a file cut
 * off looks like.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	const char *file;                 /* its name, for complaints; the caller keeps it */
	int line, column;                 /* from 1 */
	char *key;                        /* where the parent is a map */
	int key_line, key_column;
	char *text;                       /* of a NODE_TEXT */
	struct node **children;           /* of lists and maps, in the order of the file */
	size_t count;
};

/*
 * The tree of a file, or of text that is said to come from `file`. NULL with "file:line:column: …".
 */
struct node *config_load(const char *file, struct complaint *);
struct node *config_parse(const char *file, const char *text, size_t length, struct complaint *);

/* The child of a map, or NULL. */
const struct node *node_child(const struct node *map, const char *key);

/* The same, or the map itself: where a mistake in that setting is. */
const struct node *node_child_or(const struct node *map, const char *key);

/* complain() with the node's place in front; or that of its key, where that is what is wrong. */
int node_complain(const struct node *, struct complaint *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int node_complain_key(const struct node *, struct complaint *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void config_free(struct node **);

#endif
