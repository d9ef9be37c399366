/*
 * Who may post, as attributes of a group say it. What a flavour of directory has is data: which
 * attribute, whether it allows or denies, and how its values are read.
 */
#ifndef SOURCES_LDAP_POSTING_H
#define SOURCES_LDAP_POSTING_H

#include "sources/ldap_presets.h"

/* Whether there is such a way to read values; such a set of attributes. */
int posting_check_kind(const char *word, struct complaint *);
int posting_check_set(const char *word, struct complaint *);

/* What a set says for a name; NULL for nothing, or where `set` is NULL. */
const char *posting_of_set(const char *set, enum name_id);

#endif
