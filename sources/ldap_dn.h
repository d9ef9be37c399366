/* Comparing DNs without asking a server: as far as letters' case and the writing of blanks go. */
#ifndef SOURCES_LDAP_DN_H
#define SOURCES_LDAP_DN_H

#include <stdbool.h>

/* Whether two DNs are the same. */
bool dn_same(const char *a, const char *b);

/* Whether an entry lies, or would lie, right beside another. */
bool dn_beside(const char *a, const char *b);

/* Whether a DN is that of `base`, or lies anywhere below it. */
bool dn_within(const char *dn, const char *base);

#endif
