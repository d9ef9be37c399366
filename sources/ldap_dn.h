/* Comparing DNs without asking a server: as far as letters' case and the writing of blanks go. */
#ifndef SOURCES_LDAP_DN_H
#define SOURCES_LDAP_DN_H

#include "base/text.h"

#include <stdbool.h>

/* Whether two DNs are the same; and whether they may be for the server, which knows more. */
bool dn_same(const char *a, const char *b);
bool dn_may_be(const char *a, const char *b);

/* Whether it is the same as one of several. */
bool dn_listed(const char *dn, const struct text_list *);

/* Whether an entry lies, or would lie, right beside another. */
bool dn_beside(const char *a, const char *b);

/* How many levels below `base` a DN lies, 0 for that one itself; -1: it does not. */
int dn_levels(const char *dn, const char *base);
bool dn_within(const char *dn, const char *base);

/* Whether a search there, of one of libldap's scopes, may find a DN. */
bool dn_in_scope(const char *dn, const char *base, int scope);

#endif
