/* The kinds of sources. A new kind is a row here. */
#include "base/log.h"
#include "base/mem.h"
#include "sources/source.h"

#include <stdlib.h>
#include <string.h>

const struct source_kind *const source_kinds[] = { &source_ldap,     &source_sql,  &source_table,
                                                  &source_program,  &source_file, &source_fail, NULL };

static const struct source_kind *
find_kind(const struct node *block, struct complaint *why)
{
	enum { MOST = 16 };
	const struct node *n = node_child(block, "kind");
	const char *words[MOST + 1] = { NULL };

	if (block->kind != NODE_MAP || n == NULL || n->kind != NODE_TEXT) {
		(void)node_complain(n == NULL ? block : n, why, "a source says what it is: kind: ldap");
		return NULL;
	}
	for (size_t i = 0; source_kinds[i] != NULL && i < MOST; i++) {
		if (strcmp(source_kinds[i]->name, n->text) == 0)
			return source_kinds[i];
		words[i] = source_kinds[i]->name;
	}
	(void)node_complain(n, why, "there is no kind of source \"%s\"%s", n->text,
	                    text_hint(n->text, words).text);
	return NULL;
}

static int
inspect(const struct source_kind *kind, const struct node *block, const void *config, struct complaint *why)
{
	struct complaint what;

	if (kind->inspect == NULL || kind->inspect(config, &what) == 0)
		return 0;
	return node_complain(block, why, "%s", what.text);
}

/* The source without its cache. */
static struct source *
open_kind(const struct source_kind *kind, const struct node *block, const char *path, bool strict,
          struct effective_list *effective, struct complaint *why)
{
	void *config = mem_new(kind->config_size);
	struct source *s;

	if (setting_read(kind->settings, config, block, path, effective, why) < 0) {
		free(config);
		return NULL;
	}
	if ((kind->check != NULL && kind->check(config, block, path, effective, why) < 0) ||
	    (strict && inspect(kind, block, config, why) < 0)) {
		setting_free(kind->settings, config);
		free(config);
		return NULL;
	}
	s = kind->open(block->key, config, why);
	if (s == NULL && !strict) {
		log_say(LEVEL_ERROR, "source", "%s: %s; its lists are answered 451 until it is mended",
		        block->key, why->text);
		s = fail_open(block->key, why->text);
	}
	return s;
}

struct source *
source_from_config(const struct node *block, bool strict, struct effective_list *effective,
                   struct complaint *why)
{
	const struct source_kind *kind = find_kind(block, why);
	struct cache_config cache = { 0 };
	struct source *s = NULL;
	char *path, *cache_path;

	if (kind == NULL)
		return NULL;
	path = mem_format("sources.%s", block->key);
	cache_path = mem_format("%s.cache", path);
	if (setting_read(cache_settings, &cache, node_child(block, "cache"), cache_path, effective,
	                 why) == 0)
		s = open_kind(kind, block, path, strict, effective, why);
	if (s != NULL)
		s = cache_wrap(s, &cache);
	free(path);
	free(cache_path);
	return s;
}
