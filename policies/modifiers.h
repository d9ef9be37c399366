/*
 * What is changed in the header of posts, one step after the other: none, unless the site says so.
 * This is what stands in the configuration; who does it is the expander (expander/modify.h).
 */
#ifndef POLICIES_MODIFIERS_H
#define POLICIES_MODIFIERS_H

#include "base/pattern.h"
#include "base/setting.h"

enum modifier_kind {
	MODIFIER_REMOVE,
	MODIFIER_ADD,
	MODIFIER_REWRITE,
	MODIFIER_ALIAS,
	MODIFIER_SUBJECT_TAG,
	MODIFIER_REPLY_TO,
	MODIFIER_PROGRAM
};

struct modifier {
	enum modifier_kind kind;
	struct text_list fields;          /* names */
	/* What is added, with {local} and {domain} in it; the tag; where answers go; the program. */
	char *value;
	struct pattern *pattern;          /* MODIFIER_REWRITE */
	char *with;                       /* $1 is what the first group matched */
	struct source *source;            /* MODIFIER_ALIAS: borrowed; NULL: the list's own */
	bool people;                      /* whose addresses are looked up, not those of aliases */
	int64_t timeout, memory, output;  /* MODIFIER_PROGRAM: ms and bytes */
};

struct modifiers {
	struct modifier *all;
	size_t count;
};

struct site;

/* From the list under `modify:` in a block; NULL where there is none. -1 with a complaint. */
int modifiers_read(struct site *, const struct node *block, const char *path, struct modifiers **,
                   struct complaint *);
void modifiers_close(struct modifiers **);

/* Whether a step may change the fields of that name. */
bool modifier_may_change(const char *name, size_t length);

/* Whether a message may have so many fields of that name; -1 with a complaint. */
int modifier_check_count(const char *name, size_t length, size_t count, struct complaint *);

/* The rows of each kind, for the manual. */
extern const struct setting modifier_remove_settings[], modifier_add_settings[], modifier_rewrite_settings[],
	modifier_alias_settings[], modifier_tag_settings[], modifier_reply_settings[],
	modifier_program_settings[];

#endif
