/*
 * Filters for a directory: what goes in by a hole comes out as that value, as libldap reads the filter,
 * and never as a part of it. DNs are compared within their bounds, and both ways alike; the place of two is one
 * that libldap sees them in.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/address.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_place.h"
#include "sources/ldap_query.h"

#include <ldap.h>

/* The filter as it goes to the server; NULL: libldap says it is none. */
static struct berval *
encode(const char *filter)
{
	char *list = mem_format("(%s)", filter);
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval *flat = NULL;

	if (ldap_put_vrFilter(ber, list) != -1)
		MUST(ber_flatten(ber, &flat) == 0);
	ber_free(ber, 1);
	free(list);
	return flat;
}

static void
one_value(struct slice value)
{
	struct bytes out = { 0 };
	struct berval *flat, name, found;
	BerElement *ber;

	query_equals(&out, "mail", value.at, value.length);
	MUST(strlen(out.data) == out.length);
	MUST(out.data[0] == '(' && strcspn(out.data + 1, "(*") == out.length - 1);
	flat = encode(out.data);
	MUST(flat != NULL);
	ber = ber_init(flat);
	MUST(ber_scanf(ber, "{{mm}}", &name, &found) != LBER_ERROR);
	MUST(name.bv_len == 4 && memcmp(name.bv_val, "mail", 4) == 0);
	MUST(found.bv_len == value.length && memcmp(found.bv_val, value.at, value.length) == 0);
	ber_free(ber, 1);
	ber_bvfree(flat);
	bytes_free(&out);
}

/* However the addresses look, the filter is one, and has as many parts as it should. */
static void
a_list(struct slice text)
{
	static char groups[] = "(objectClass=g)", local_part[] = "cn";
	const struct names names = { .groups = groups, .local_part = local_part };
	struct complaint why;
	struct bytes out = { 0 };
	struct berval *flat;
	struct address a;
	const char *canonical;
	size_t parts = 0;
	struct names n = names;

	if (address_parse(&a, text.at, text.length, &why) < 0)
		return;
	canonical = a.canonical;
	text_list_add(&n.address, "mail", 4);
	query_list(&out, &n, "(x=y)", address_domain(a.canonical), &canonical, 1);
	MUST(query_check_filter(out.data, &why) == 0);
	for (const char *p = out.data; *p != '\0'; p++)
		parts += *p == '(';
	MUST(parts >= 5 && parts <= 7);
	text_list_free(&n.address);
	bytes_free(&out);
	one_value((struct slice){ a.canonical, strlen(a.canonical) });
	flat = encode("(mail=x)");
	MUST(flat != NULL);
	ber_bvfree(flat);
	address_free(&a);
}

/* One that libldap can write as well, which it cannot where it is no UTF-8. */
static bool
is_dn(const char *text)
{
	LDAPDN dn = NULL;
	char *again = NULL;
	bool is = ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && dn != NULL &&
	          ldap_dn2str(dn, &again, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS;

	ldap_memfree(again);
	ldap_dnfree(dn);
	return is;
}

static void
lies_in(const char *dn, const struct place *p)
{
	int levels = dn_levels(dn, p->dn);

	MUST(place_holds(p, dn, strlen(dn)));
	if (is_dn(dn) && is_dn(p->dn))
		MUST(p->deep ? levels > 0 : levels == 1);
}

static void
their_place(const char *a, const char *b)
{
	struct place p = { 0 };

	place_widen(&p, a, strlen(a));
	if (*p.dn != '\0')
		lies_in(a, &p);
	place_widen(&p, b, strlen(b));
	if (*p.dn != '\0') {
		lies_in(a, &p);
		lies_in(b, &p);
	}
	place_free(&p);
}

static void
two_dns(struct slice a, struct slice b)
{
	char *da = mem_copy(a.at, a.length), *db = mem_copy(b.at, b.length);

	MUST(dn_same(da, da) && dn_may_be(da, da));
	MUST(dn_same(da, db) == dn_same(db, da));
	MUST(dn_may_be(da, db) == dn_may_be(db, da));
	their_place(da, db);
	free(da);
	free(db);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	struct slice first = eat_until(&f, '|'), rest = { (const char *)f.at, f.left };
	struct complaint why;
	char *text = mem_copy(first.at, first.length);

	if (first.length < 4096)
		one_value(first);
	(void)query_check_filter(text, &why);
	a_list(rest);
	two_dns(first, rest);
	free(text);
	return 0;
}
