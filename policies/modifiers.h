/*
 * What is changed in the header of posts, one step after the other: none, unless the site says so.
 * This is what stands in the configuration; who does it is the expander (expander/modify.h).
 */
#ifndef POLICIES_MODIFIERS_H
#define POLICIES_MODIFIERS_H

#include "base/pattern.h"
#include "base/setting.h"

enum modifier_kind { MODIFIER_REMOVE, MODIFIER_ADD, MODIFIER_REWRITE };

struct modifier {
	enum modifier_kind kind;
	struct text_list fields;          /* names */
	char *value;                      /* MODIFIER_ADD: with {local} and {domain} in it */
	struct pattern *pattern;          /* MODIFIER_REWRITE */
	char *with;                       /* $1 is what the first group matched */
};

struct modifiers {
	struct modifier *all;
	size_t count;
};

/* From the list under `modify:` in a block; NULL where there is none. -1 with a complaint. */
int modifiers_read(const struct node *block, const char *path, struct modifiers **,
                   struct effective_list *, struct complaint *);
void modifiers_close(struct modifiers **);

/* The rows of each kind, for the manual. */
extern const struct setting modifier_remove_settings[], modifier_add_settings[], modifier_rewrite_settings[];

#endif
