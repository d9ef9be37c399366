/* Comparing DNs. The server knows the rules of each attribute; here it is enough not to be wrong. */
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

static bool
same_but(size_t first, const char *a, const char *b)
{
	LDAPDN da = parse(a), db = parse(b);
	bool same = da != NULL && db != NULL && same_behind(da, first, db, first);

	ldap_dnfree(da);
	ldap_dnfree(db);
	return same;
}

bool
dn_same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0 || same_but(0, a, b);
}

bool
dn_listed(const char *dn, const struct text_list *dns)
{
	for (size_t i = 0; i < dns->count; i++)
		if (dn_same(dn, dns->items[i]))
			return true;
	return false;
}

bool
dn_beside(const char *a, const char *b)
{
	return same_but(1, a, b);
}

int
dn_levels(const char *dn, const char *base)
{
	LDAPDN da = parse(dn), db = parse(base);
	size_t inner = da == NULL ? 0 : depth(da), outer = db == NULL ? 0 : depth(db);
	bool within = *base == '\0' || (da != NULL && db != NULL && inner >= outer &&
	                                same_behind(da, inner - outer, db, 0));

	ldap_dnfree(da);
	ldap_dnfree(db);
	return within ? (int)(inner - outer) : -1;
}

bool
dn_within(const char *dn, const char *base)
{
	return dn_levels(dn, base) >= 0;
}

bool
dn_in_scope(const char *dn, const char *base, int scope)
{
	int levels = dn_levels(dn, base);

	switch (scope) {
	case LDAP_SCOPE_BASE:
		return levels == 0;
	case LDAP_SCOPE_ONELEVEL:
		return levels == 1;
	case LDAP_SCOPE_SUBORDINATE:
		return levels > 0;
	default:
		return levels >= 0;
	}
}

/* The next byte that counts of a value: blanks do not, nor does case; -1 at the end, -2 if not ASCII. */
static int
next_byte(const struct berval *v, size_t *at)
{
	while (*at < v->bv_len && v->bv_val[*at] == ' ')
		++*at;
	if (*at == v->bv_len)
		return -1;
	return (unsigned char)v->bv_val[*at] > 0x7f ? -2 : text_lower(v->bv_val[(*at)++]);
}

/* Letters beyond ASCII may be the same in ways that are not known here. */
static bool
value_may_be(const struct berval *a, const struct berval *b)
{
	size_t at_a = 0, at_b = 0;
	int ca, cb;

	do {
		ca = next_byte(a, &at_a);
		cb = next_byte(b, &at_b);
		if (ca == -2 || cb == -2)
			return true;
	} while (ca == cb && ca != -1);
	return ca == cb;
}

/* The same count of RDNs, with the same values; a type may have several names, and an RDN an order. */
static bool
parts_may_be(LDAPDN a, LDAPDN b)
{
	size_t i = 0;

	for (; a[i] != NULL && b[i] != NULL; i++)
		if (a[i][0] != NULL && a[i][1] == NULL && b[i][0] != NULL && b[i][1] == NULL &&
		    !value_may_be(&a[i][0]->la_value, &b[i][0]->la_value))
			return false;
	return a[i] == NULL && b[i] == NULL;
}

bool
dn_may_be(const char *a, const char *b)
{
	LDAPDN da = NULL, db = NULL;
	bool may = strcasecmp(a, b) == 0;

	if (!may && ldap_str2dn(a, &da, LDAP_DN_FORMAT_LDAP) == LDAP_SUCCESS && da != NULL &&
	    ldap_str2dn(b, &db, LDAP_DN_FORMAT_LDAP) == LDAP_SUCCESS && db != NULL)
		may = parts_may_be(da, db);
	ldap_dnfree(da);
	ldap_dnfree(db);
	return may;
}
