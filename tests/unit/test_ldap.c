/*
 * Parts of the ldap source that need no server: filters, and the answer of the dereference control.
 */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "sources/ldap_deref.h"
#include "sources/ldap_query.h"

static void
values_are_escaped(void **state)
{
	static const struct {
		const char *value;
		size_t length;
		const char *want;
	} cases[] = {
		{ "ann", 3, "(mail=ann)" },
		{ "*", 1, "(mail=\\2a)" },
		{ "a)(uid=*", 8, "(mail=a\\29\\28uid=\\2a)" },
		{ "\\", 1, "(mail=\\5c)" },
		{ "a\0b", 3, "(mail=a\\00b)" },
		{ "\r\n\x7f", 3, "(mail=\\0d\\0a\\7f)" },
		{ "gr\xc3\xb6", 4, "(mail=gr\xc3\xb6)" },
		{ "", 0, "(mail=)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes out = { 0 };

		query_equals(&out, "mail", cases[i].value, cases[i].length);
		same_text(cases[i].value, out.data, cases[i].want);
		bytes_free(&out);
	}
}

static void
the_filter_of_a_list(void **state)
{
	static const char *const addresses[] = { "a*b@l.x", "c@xn--bcher-kva.example" };
	static char groups[] = "(objectClass=g)";
	struct names names = { .groups = groups };
	struct bytes out = { 0 };

	(void)state;
	text_list_add(&names.address, "mail", 4);
	text_list_add(&names.address, "alt", 3);
	query_list(&out, &names, "(x=y)", "l.x", addresses, 2);
	same_text("filter", out.data,
	          "(&(objectClass=g)(x=y)(|(mail=a\\2ab@l.x)(alt=a\\2ab@l.x)"
	          "(mail=c@xn--bcher-kva.example)(mail=c@b\xc3\xbc" "cher.example)"
	          "(alt=c@xn--bcher-kva.example)(alt=c@b\xc3\xbc" "cher.example)))");
	bytes_clear(&out);
	text_list_add(&names.person_address, "mail", 4);
	query_person(&out, &(struct names){ .groups = groups, .login = (char *)"uid",
	                                    .person_address = names.person_address }, "a)(uid=*", "*@l.x");
	same_text("person", out.data, "(|(uid=a\\29\\28uid=\\2a)(mail=\\2a@l.x))");
	text_list_free(&names.person_address);
	bytes_clear(&out);
	query_lists(&out, &names, NULL);
	same_text("all", out.data, "(&(objectClass=g)(|(mail=*)(alt=*)))");
	bytes_free(&out);
	text_list_free(&names.address);
}

/* Names are addresses in one domain; what stands in a filter is the name, not the address's spelling. */
static void
the_filter_of_a_name(void **state)
{
	static const char *const addresses[] = { "\"r&d *) \\\"x\\\"\"@l.x", "a@other.x", "\"\"@l.x" };
	static char groups[] = "(objectClass=g)", local_part[] = "cn";
	struct names names = { .groups = groups, .local_part = local_part };
	struct bytes out = { 0 };

	(void)state;
	text_list_add(&names.address, "mail", 4);
	query_list(&out, &names, "(x=y)", "l.x", addresses, 3);
	same_text("filter", out.data,
	          "(&(objectClass=g)(x=y)(|(mail=\"r&d \\2a\\29 \\5c\"x\\5c\"\"@l.x)(cn=r&d \\2a\\29 \"x\")"
	          "(mail=a@other.x)(mail=\"\"@l.x)))");
	bytes_clear(&out);
	query_lists(&out, &names, "(x=y)");
	same_text("all", out.data, "(&(objectClass=g)(x=y)(|(mail=*)(cn=*)))");
	bytes_free(&out);
	text_list_free(&names.address);
}

static void
filters_of_a_site(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{ "(mail=*)", 0 },       { "(&(a=b)(!(c=d)))", 0 }, { "(a=\\28)", 0 },
		{ "", -1 },              { "mail=*", -1 },          { "(mail=*", -1 },
		{ "(a=b)(c=d)", -1 },    { "(a=b))", -1 },          { "(a=\\2)", -1 },
		{ "(a=b) ", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why;

		same_number(cases[i].text, query_check_filter(cases[i].text, &why), cases[i].want);
	}
}

/* Two references: one with a mail, one without anything. */
static const unsigned char answer[] = {
	0x30, 0x2b, 0x30, 0x1f, 0x04, 0x06, 'm', 'e', 'm', 'b', 'e', 'r', 0x04, 0x04, 'u', 'i', 'd', 'a',
	0xa0, 0x0f, 0x30, 0x0d, 0x04, 0x04, 'm', 'a', 'i', 'l', 0x31, 0x05, 0x04, 0x03, 'a', '@', 'x',
	0x30, 0x08, 0x04, 0x02, 'm', 'e', 0x04, 0x02, 'u', 'b',
};

static void
a_deref_answer(void **state)
{
	struct view refs, values, value;
	struct deref d;
	bool broken = false;

	(void)state;
	assert_true(deref_open(answer, sizeof(answer), &refs));
	assert_true(deref_next(&refs, &d, &broken));
	assert_memory_equal(d.dn.at, "uida", 4);
	assert_true(deref_attribute(d.attributes, "MAIL", &values));
	assert_true(deref_value(&values, &value));
	assert_memory_equal(value.at, "a@x", 3);
	assert_false(deref_value(&values, &value));
	assert_false(deref_attribute(d.attributes, "member", &values));
	assert_true(deref_next(&refs, &d, &broken));
	assert_false(deref_attribute(d.attributes, "mail", &values));
	assert_false(deref_next(&refs, &d, &broken));
	assert_false(broken);
}

static void
damaged_deref_answers(void **state)
{
	unsigned char copy[sizeof(answer)];

	(void)state;
	/*
	 * Cut anywhere, and with any byte changed: no reading behind the end, and nothing endless.
	 */
	for (size_t n = 0; n < sizeof(answer); n++) {
		struct view refs;

		assert_false(deref_open(answer, n, &refs));
	}
	for (size_t i = 0; i < sizeof(answer); i++)
		for (int byte = 0; byte < 256; byte += 5) {
			struct view refs, values, value;
			struct deref d;
			bool broken = false;
			size_t steps = 0;

			memcpy(copy, answer, sizeof(copy));
			copy[i] = (unsigned char)byte;
			if (!deref_open(copy, sizeof(copy), &refs))
				continue;
			while (deref_next(&refs, &d, &broken) && ++steps < 100)
				if (deref_attribute(d.attributes, "mail", &values))
					while (deref_value(&values, &value))
						assert_true(value.end <= copy + sizeof(copy));
			assert_true(steps < 100);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),  cmocka_unit_test(the_filter_of_a_list),
		cmocka_unit_test(the_filter_of_a_name),  cmocka_unit_test(filters_of_a_site),
		cmocka_unit_test(a_deref_answer),        cmocka_unit_test(damaged_deref_answers),
	};

	return RUN(tests);
}
