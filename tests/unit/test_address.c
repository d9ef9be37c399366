/* Addresses: what is one, and which are the same. */
#include "tests/unit/unit.h"

#include "mail/address.h"

static void
canonical_forms(void **state)
{
	static const struct {
		const char *given, *want;      /* NULL: refused */
	} cases[] = {
		{ "ann@example.com", "ann@example.com" },
		{ "Ann.Lee@EXAMPLE.Com", "ann.lee@example.com" },
		{ "a+b=c@x.org", "a+b=c@x.org" },
		{ "#!$%&'*+-/=?^_`{|}~@x.org", "#!$%&'*+-/=?^_`{|}~@x.org" },
		{ "\"ann\"@x.org", "ann@x.org" },
		{ "\"a b\"@x.org", "\"a b\"@x.org" },
		{ "\"a\\\"b\"@x.org", "\"a\\\"b\"@x.org" },
		{ "\"a@b\"@x.org", "\"a@b\"@x.org" },
		{ "\"a\\b\"@x.org", "ab@x.org" },
		{ "a..b@x.org", "a..b@x.org" },
		{ "x@[192.0.2.1]", "x@[192.0.2.1]" },
		{ "x@[IPv6:2001:DB8::1]", "x@[ipv6:2001:db8::1]" },
		{ "x@[ipv6:2001:db8::1]", "x@[ipv6:2001:db8::1]" },
		{ "x@under_score.example", "x@under_score.example" },
		/*
		 * RFC 5890: the same domain as A-label and as U-label, composed and decomposed, in
		 * either case
		 */
		{ "x@b\xc3\xbc" "cher.example", "x@xn--bcher-kva.example" },
		{ "x@bu\xcc\x88" "cher.example", "x@xn--bcher-kva.example" },
		{ "x@B\xc3\x9c" "CHER.example", "x@xn--bcher-kva.example" },
		{ "x@XN--BCHER-KVA.example", "x@xn--bcher-kva.example" },
		/* RFC 6531: local parts beyond ASCII */
		{ "gr\xc3\xb6\xc3\x9f" "e@x.org", "gr\xc3\xb6\xc3\x9f" "e@x.org" },
		{ "GRO\xcc\x88\xc3\x9f" "E@x.org", "gr\xc3\xb6\xc3\x9f" "e@x.org" },
		{ "GR\xc3\x96SSE@x.org", "gr\xc3\xb6sse@x.org" },
		{ "a*()\\b@x.org", NULL },
		{ "a*b@x.org", "a*b@x.org" },
		{ "", NULL },
		{ "ann", NULL },
		{ "@x.org", NULL },
		{ "ann@", NULL },
		{ "ann@x..org", NULL },
		{ "ann@.x", NULL },
		{ "ann@x.", NULL },
		{ "ann@x org", NULL },
		{ "ann@x@y", NULL },
		{ "a b@x.org", NULL },
		{ "a,b@x.org", NULL },
		{ "<ann@x.org>", NULL },
		{ "ann@x.org\r\nRCPT TO:<eve@x.org>", NULL },
		{ "\"ann@x.org", NULL },
		{ "\"a\nb\"@x.org", NULL },
		{ "|/bin/sh", NULL },
		{ "/var/mail/x", NULL },
		{ ":include:/etc/passwd", NULL },
		{ "x\xff@x.org", NULL },
		{ "x@\xff.org", NULL },
		{ "x@[1.2.3.4", NULL },
		{ "x@[evil]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why = { "" };
		struct address a;
		int rc = address_parse(&a, cases[i].given, strlen(cases[i].given), &why);

		if ((rc == 0) != (cases[i].want != NULL))
			fail_msg("\"%s\": %s (%s)", cases[i].given, rc == 0 ? a.canonical : "refused",
			         why.text);
		if (rc < 0) {
			assert_true(why.text[0] != '\0');
			continue;
		}
		same_text(cases[i].given, a.canonical, cases[i].want);
		same_text(cases[i].given, a.spelling, cases[i].given);
		address_free(&a);
	}
}

static void
nul_and_length(void **state)
{
	struct complaint why;
	struct address a;
	char text[400];

	(void)state;
	assert_int_equal(address_parse(&a, "a\0b@x.org", 9, &why), -1);
	memset(text, 'x', sizeof(text));
	memcpy(text + 250, "@x.y", 4);
	assert_int_equal(address_parse(&a, text, 254, &why), 0);
	address_free(&a);
	memcpy(text + 250, "x@x.y", 5);
	assert_int_equal(address_parse(&a, text, 255, &why), -1);
	same_text("too long", why.text, "an address of 255 octets is too long");
	/* The canonical form is an address, too: a domain grows when it is written in A-labels. */
	memcpy(text + 233, "@b\xc3\xbc" "cher.example", 16);
	assert_int_equal(address_parse(&a, text, 249, &why), -1);
	same_text("too long", why.text,
	          "an address of 255 octets in its canonical form is too long");
}

/* As an MTA keeps them inside, without the quotes they came with. */
static void
inner_forms(void **state)
{
	static const struct {
		const char *given, *want;
	} cases[] = {
		{ "Staff@X.org", "staff@x.org" },
		{ "\"a b\"@x.org", "\"a b\"@x.org" },
		{ "a b@x.org", "\"a b\"@x.org" },
		{ "a..b@x.org", "a..b@x.org" },
		{ "a@b@x.org", "\"a@b\"@x.org" },
		{ "a\"b\\c@x.org", "\"a\\\"b\\\\c\"@x.org" },
		{ "a b", NULL },
		{ "@x.org", NULL },
		{ "a b@", NULL },
		{ "a b@x y", NULL },
		{ "a\rb@x.org", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why = { "" };
		struct address a;
		int rc = address_parse_inner(&a, cases[i].given, strlen(cases[i].given), &why);

		assert_int_equal(rc, cases[i].want == NULL ? -1 : 0);
		same_text(cases[i].given, a.canonical, cases[i].want);
		assert_true(rc == 0 || why.text[0] != '\0');
		address_free(&a);
	}
}

/* A local part as it is meant, and the address that it makes. */
static void
local_parts(void **state)
{
	static const struct {
		const char *local, *canonical;   /* NULL: none */
	} cases[] = {
		{ "Dev", "dev@x.org" },
		{ "R&D Team", "\"r&d team\"@x.org" },
		{ "a@b", "\"a@b\"@x.org" },
		{ "\"q\"", "\"\\\"q\\\"\"@x.org" },
		{ "back\\slash", "\"back\\\\slash\"@x.org" },
		{ "GR\xc3\x96SSE", "gr\xc3\xb6sse@x.org" },
		{ "", "\"\"@x.org" },
		{ "a\nb", NULL },
		{ "\xff", NULL },
	};
	char long_one[300];
	struct complaint why;
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *local = cases[i].local;
		int rc = address_of_local(&a, local, strlen(local), "x.org", &why);
		char *back;

		assert_int_equal(rc, cases[i].canonical == NULL ? -1 : 0);
		same_text(local, a.canonical, cases[i].canonical);
		if (rc == 0) {            /* what comes back makes the same address */
			back = address_local(a.canonical);
			address_free(&a);
			assert_int_equal(address_of_local(&a, back, strlen(back), "x.org", &why), 0);
			same_text(local, a.canonical, cases[i].canonical);
			free(back);
		}
		address_free(&a);
	}
	memset(long_one, 'a', sizeof(long_one));
	assert_int_equal(address_of_local(&a, long_one, sizeof(long_one), "x.org", &why), -1);
	assert_int_equal(address_of_local(&a, "a\0b", 3, "x.org", &why), -1);
}

static void
parts(void **state)
{
	char *u = domain_unicode("xn--bcher-kva.example");

	(void)state;
	same_text("domain", address_domain("\"a@b\"@x.org"), "x.org");
	same_text("unicode", u, "b\xc3\xbc" "cher.example");
	free(u);
	assert_null(domain_unicode("example.com"));
	/* No A-labels: what libidn2 decodes them to is another domain, or none. */
	assert_null(domain_unicode("xn--a.b"));
	assert_null(domain_unicode("xn--bcher-kvi.example"));
	assert_false(address_needs_utf8("ann@x.org"));
	assert_true(address_needs_utf8("gr\xc3\xb6\xc3\x9f" "e@x.org"));
	same_text("case", address_to_send("ann@x.org", "Ann@X.org"), "Ann@X.org");
	same_text("local part", address_to_send("\xc3\xb6@x.org", "\xc3\x96@x.org"), "\xc3\x96@x.org");
	same_text("domain", address_to_send("ann@xn--tda.org", "Ann@\xc3\xbc.org"), "ann@xn--tda.org");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_forms),
		cmocka_unit_test(nul_and_length),
		cmocka_unit_test(inner_forms),
		cmocka_unit_test(local_parts),
		cmocka_unit_test(parts),
	};

	return RUN(tests);
}
