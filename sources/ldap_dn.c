/* Comparing DNs: part by part, from the end. */
#include "sources/ldap_dn.h"

#include <ldap.h>
#include <stddef.h>
#include <strings.h>

static LDAPDN
parse(const char *text)
{
	LDAPDN dn = NULL;

	return ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS ? dn : NULL;
}

static size_t
depth(LDAPDN dn)
{
	size_t n = 0;

	while (dn[n] != NULL)
		n++;
	return n;
}

/* Whether two DNs are the same but for so many parts at the beginning of each. */
static bool
same_behind(LDAPDN a, size_t of_a, LDAPDN b, size_t of_b)
{
	char *ta = NULL, *tb = NULL;
	bool same = ldap_dn2str(a + of_a, &ta, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS &&
	            ldap_dn2str(b + of_b, &tb, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS &&
	            strcasecmp(ta, tb) == 0;

	ldap_memfree(ta);
	ldap_memfree(tb);
	return same;
}

bool
dn_same(const char *a, const char *b)
{
	LDAPDN da, db;
	bool same;

	if (strcasecmp(a, b) == 0)
		return true;
	da = parse(a);
	db = parse(b);
	same = da != NULL && db != NULL && same_behind(da, 0, db, 0);
	ldap_dnfree(da);
	ldap_dnfree(db);
	return same;
}

bool
dn_beside(const char *a, const char *b)
{
	LDAPDN da = parse(a), db = parse(b);
	bool beside = da != NULL && db != NULL && same_behind(da, 1, db, 1);

	ldap_dnfree(da);
	ldap_dnfree(db);
	return beside;
}

bool
dn_within(const char *dn, const char *base)
{
	LDAPDN da = parse(dn), db = parse(base);
	size_t inner = da == NULL ? 0 : depth(da), outer = db == NULL ? 0 : depth(db);
	bool within = *base == '\0' || (da != NULL && db != NULL && inner >= outer &&
	                                same_behind(da, inner - outer, db, 0));

	ldap_dnfree(da);
	ldap_dnfree(db);
	return within;
}
