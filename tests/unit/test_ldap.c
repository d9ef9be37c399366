/*
 * Parts of the ldap source that need no server: filters, the answer of the dereference control, and
 * entries in pieces.
 */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "sources/ldap_deref.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_place.h"
#include "sources/ldap_query.h"
#include "sources/ldap_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
		{ "(a=b) ", -1 },        { "((a=b)(c=d))", -1 },   { "()", -1 },
		{ "(", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why;

		same_number(cases[i].text, query_check_filter(cases[i].text, &why), cases[i].want);
	}
}

static void
what_words_mean(void **state)
{
	static const struct {
		const char *word;
		enum list_state plain, strict;
	} cases[] = {
		{ "active", LIST_OPEN, LIST_OPEN },       { "ACTIVE", LIST_OPEN, LIST_OPEN },
		{ "off", LIST_CLOSED, LIST_CLOSED },      { "Off", LIST_CLOSED, LIST_CLOSED },
		{ "of", LIST_OPEN, LIST_PAUSED },         { "offf", LIST_OPEN, LIST_PAUSED },
		{ "", LIST_OPEN, LIST_PAUSED },           { "a=b", LIST_OPEN, LIST_CLOSED },
		{ "*", LIST_OPEN, LIST_PAUSED },
	};
	static const char *const strict_words[] = { "*=paused", "off=closed", "active=open", "a=b=closed" };
	struct text_list plain = { 0 }, strict = { 0 };

	(void)state;
	text_list_add(&plain, "off=closed", 10);
	for (size_t i = 0; i < 4; i++)
		text_list_add(&strict, strict_words[i], strlen(strict_words[i]));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *word = cases[i].word;

		same_number(word, names_state(&plain, word, strlen(word)), cases[i].plain);
		same_number(word, names_state(&strict, word, strlen(word)), cases[i].strict);
	}
	text_list_free(&plain);
	text_list_free(&strict);
}

static void
where_entries_lie(void **state)
{
	static const struct {
		const char *dn, *base;
		int levels;
		bool beside, same;
	} cases[] = {
		{ "dc=example,dc=com", "DC=Example, dc=com", 0, true, true },
		{ "ou=a,dc=example,dc=com", "dc=example,dc=com", 1, false, false },
		{ "ou=a,dc=example,dc=com", "ou=b,dc=example,dc=com", -1, true, false },
		{ "uid=x,ou=a,dc=example,dc=com", "dc=com", 3, false, false },
		{ "dc=com", "dc=example,dc=com", -1, false, false },
		{ "dc=badexample,dc=com", "dc=example,dc=com", -1, true, false },
		{ "cn=a\\,dc=example,dc=com", "dc=example,dc=com", -1, true, false },
		{ "cn=a\\2cb,dc=com", "cn=a\\,b,dc=com", 0, true, true },
		{ "ou=a,dc=com", "", 2, false, false },
		{ "", "dc=com", -1, false, false },
		{ "no dn", "dc=com", -1, false, false },
		{ "dc=com", "no dn", -1, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		same_number(cases[i].dn, dn_levels(cases[i].dn, cases[i].base), cases[i].levels);
		same_number(cases[i].dn, dn_within(cases[i].dn, cases[i].base), cases[i].levels >= 0);
		same_number(cases[i].dn, dn_beside(cases[i].dn, cases[i].base), cases[i].beside);
		same_number(cases[i].dn, dn_same(cases[i].dn, cases[i].base), cases[i].same);
	}
}

static void
where_people_are(void **state)
{
	static const struct {
		const char *dns[3], *place;
		bool deep;
	} cases[] = {
		{ { "uid=a,ou=p,dc=x" }, "ou=p,dc=x", false },
		{ { "uid=a,ou=p,dc=x", "uid=b,ou=p,dc=x" }, "ou=p,dc=x", false },
		{ { "uid=a,ou=p,dc=x", "uid=b,ou=q,ou=p,dc=x" }, "ou=p,dc=x", true },
		{ { "uid=a,ou=q,ou=p,dc=x", "uid=b,ou=r,ou=p,dc=x", "uid=c,ou=p,dc=x" }, "ou=p,dc=x", true },
		{ { "uid=a,ou=p,dc=x", "uid=b,ou=q,dc=x" }, "dc=x", true },
		{ { "uid=a,ou=p,dc=x", "uid=b,dc=y" }, "", true },
		{ { "uid=a,ou=p,dc=x", "ou=p,dc=x" }, "dc=x", true },
		{ { "uid=a,ou=p,dc=x", "uid=b,xou=p,dc=x" }, "dc=x", true },
		{ { "uid=a,ou=p,dc=x", "uid=b,ou=P,dc=x" }, "dc=x", true },
		/* What belongs to a value separates nothing. */
		{ { "uid=a,ou=p,dc=x", "uid=b\\,ou=p,dc=x" }, "dc=x", true },
		{ { "uid=a\\,b,ou=p,dc=x" }, "ou=p,dc=x", false },
		{ { "uid=a\\\\,ou=p,dc=x" }, "ou=p,dc=x", false },
		/* What may separate is nowhere taken for it to somebody's harm. */
		{ { "uid=a;ou=p,dc=x" }, "dc=x", true },
		{ { "uid=a,ou=p;dc=x", "uid=b,ou=q,ou=p;dc=x" }, "ou=p;dc=x", true },
		{ { "uid=a,ou=p;dc=x", "uid=b;ou=p;dc=x" }, "", true },
		{ { "dc=x" }, "", false },
		{ { "uid=a," }, "", false },
		{ { "uid=a\\" }, "", false },
		{ { "" }, "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *const *dns = cases[i].dns;
		struct place p = { 0 };

		for (size_t k = 0; k < 3 && dns[k] != NULL; k++)
			place_widen(&p, dns[k], strlen(dns[k]));
		same_text(dns[0], p.dn, cases[i].place);
		same_number(dns[0], p.deep, cases[i].deep);
		for (size_t k = 0; k < 3 && dns[k] != NULL && *p.dn != '\0'; k++)
			same_number(dns[k], place_holds(&p, dns[k], strlen(dns[k])), 1);
		place_free(&p);
	}
}

/* ---- the dereference control, and entries in pieces ---- */

/* Two references: one with a mail, one without anything. */
static const unsigned char references[] = {
	0x30, 0x2b, 0x30, 0x1f, 0x04, 0x06, 'm', 'e', 'm', 'b', 'e', 'r', 0x04, 0x04, 'u', 'i', 'd', 'a',
	0xa0, 0x0f, 0x30, 0x0d, 0x04, 0x04, 'm', 'a', 'i', 'l', 0x31, 0x05, 0x04, 0x03, 'a', '@', 'x',
	0x30, 0x08, 0x04, 0x02, 'm', 'e', 0x04, 0x02, 'u', 'b',
};

static void
a_reference(void **state)
{
	struct view values, value;
	struct deref d;

	(void)state;
	assert_true(deref_read((struct view){ references + 4, references + 35 }, &d));
	assert_memory_equal(d.dn.at, "uida", 4);
	assert_true(deref_attribute(d.attributes, "MAIL", &values));
	assert_true(deref_value(&values, &value));
	assert_memory_equal(value.at, "a@x", 3);
	assert_false(deref_value(&values, &value));
	assert_false(deref_attribute(d.attributes, "member", &values));
	assert_true(deref_read((struct view){ references + 37, references + 45 }, &d));
	assert_false(deref_attribute(d.attributes, "mail", &values));
	for (size_t n = 4; n < 35; n++)
		if (n != 18)              /* there it could as well have no attributes */
			assert_false(deref_read((struct view){ references + 4, references + n }, &d));
}

/* What a connection says, and what becomes of it. */
struct told {
	struct stream stream;
	struct bytes pieces;              /* as text */
	struct bytes rest;                /* the message that libldap gets, without its header */
	size_t most;                      /* pieces to take */
};

static void *
wants(void *arg, int id)
{
	return id == 300 ? arg : NULL;
}

static bool
take(void *arg, void *whom, enum piece piece, struct view v)
{
	struct told *t = whom;
	struct view values, value;
	struct deref d;

	assert_ptr_equal(arg, whom);
	if (t->most-- == 0)
		return false;
	if (piece == PIECE_VALUE)
		bytes_format(&t->pieces, "%.*s;", (int)(v.end - v.at), v.at);
	else if (!deref_read(v, &d))
		return false;
	else if (bytes_format(&t->pieces, "%.*s:", (int)(d.dn.end - d.dn.at), d.dn.at),
	         deref_attribute(d.attributes, "mail", &values) && deref_value(&values, &value))
		bytes_format(&t->pieces, "%.*s;", (int)(value.end - value.at), value.at);
	return true;
}

/* Reads one message as libldap does, from so many of the bytes; they come in two parts. */
static ber_tag_t
hear(struct told *t, const void *bytes, size_t length, size_t first)
{
	const struct taker taker = { "member", wants, take, t };
	Sockbuf *sb = ber_sockbuf_alloc();
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	ber_tag_t tag;
	ber_len_t got;
	struct berval all;
	int fds[2];

	bytes_clear(&t->pieces);
	bytes_clear(&t->rest);
	if (t->most == 0)
		t->most = SIZE_MAX;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(ber_sockbuf_add_io(sb, &ber_sockbuf_io_fd, LBER_SBIOD_LEVEL_PROVIDER, &fds[0]), 0);
	assert_true(stream_open(&t->stream, sb));
	t->stream.taker = &taker;
	assert_int_equal(write(fds[1], bytes, first), first);
	assert_int_equal(write(fds[1], (const char *)bytes + first, length - first), length - first);
	(void)shutdown(fds[1], SHUT_WR);
	do {                              /* it says so after a part of a message, too */
		errno = 0;
		tag = ber_get_next(sb, &got, ber);
	} while (tag == LBER_DEFAULT && errno == EWOULDBLOCK);
	if (tag == 0x30 && ber_peek_tag(ber, &got) != LBER_DEFAULT &&
	    ber_get_option(ber, LBER_OPT_BER_REMAINING_BYTES, &got) == 0 && got < 1000) {
		all.bv_val = bytes_room(&t->rest, got);
		t->rest.length = (size_t)ber_read(ber, all.bv_val, got);
	}
	ber_free(ber, 1);
	ber_sockbuf_free(sb);
	(void)close(fds[1]);
	return tag;
}

/* The entry that answers a request. */
static struct berval *
an_entry(int id)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval control = { sizeof(references), (char *)references }, *flat = NULL;

	assert_int_not_equal(ber_printf(ber, "{it{s{{s[ss]}{s[ss]}}}t{{sbO}{s}}}", id, (ber_tag_t)0x64,
	                                "cn=g", "Member", "uida", "ub", "cn", "g", "h", (ber_tag_t)0xa0,
	                                LDAP_CONTROL_X_DEREF, 0, &control, "1.2.3"), -1);
	assert_int_equal(ber_flatten(ber, &flat), 0);
	ber_free(ber, 1);
	return flat;
}

static void
an_entry_in_pieces(void **state)
{
	struct berval *entry = an_entry(300), *other = an_entry(301);
	struct told t = { .most = 0 };

	(void)state;
	for (size_t first = 0; first <= entry->bv_len; first++) {
		assert_int_equal(hear(&t, entry->bv_val, entry->bv_len, first), 0x30);
		same_text("pieces", bytes_text(&t.pieces), "uida;ub;uida:a@x;ub:");
		/* Of its own attribute libldap gets the first value, of the others all. */
		assert_non_null(memmem(t.rest.data, t.rest.length, "uida", 4));
		assert_null(memmem(t.rest.data, t.rest.length, "ub", 2));
		assert_non_null(memmem(t.rest.data, t.rest.length, "\x04\x01h", 3));
		assert_null(memmem(t.rest.data, t.rest.length, "a@x", 3));
	}
	/* What nobody wants passes byte for byte. */
	for (size_t first = 0; first <= other->bv_len; first++) {
		assert_int_equal(hear(&t, other->bv_val, other->bv_len, first), 0x30);
		same_text("pieces", bytes_text(&t.pieces), "");
		assert_true(t.rest.length > 100);
		assert_memory_equal(t.rest.data, other->bv_val + other->bv_len - t.rest.length,
		                    t.rest.length);
	}
	/* Whoever takes the pieces may have had enough. */
	for (size_t most = 1; most < 4; most++) {
		t.most = most;
		assert_int_equal(hear(&t, entry->bv_val, entry->bv_len, 0), LBER_DEFAULT);
		same_text("fault", t.stream.fault, "");
		t.most = 0;
	}
	bytes_free(&t.pieces);
	bytes_free(&t.rest);
	ber_bvfree(entry);
	ber_bvfree(other);
}

/* Cut anywhere, and with any byte changed: no reading behind the end, and no half of an entry. */
static void
damaged_entries(void **state)
{
	struct berval *entry = an_entry(300);
	struct told t = { .most = 0 };

	(void)state;
	for (size_t n = 0; n < entry->bv_len; n++) {
		assert_int_equal(hear(&t, entry->bv_val, n, n / 2), LBER_DEFAULT);
		assert_int_equal(t.rest.length, 0);
	}
	for (size_t i = 0; i < entry->bv_len; i++)
		for (int byte = 0; byte < 256; byte += 3) {
			char old = entry->bv_val[i];

			entry->bv_val[i] = (char)byte;
			(void)hear(&t, entry->bv_val, entry->bv_len, 0);
			entry->bv_val[i] = old;
		}
	bytes_free(&t.pieces);
	bytes_free(&t.rest);
	ber_bvfree(entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),  cmocka_unit_test(the_filter_of_a_list),
		cmocka_unit_test(the_filter_of_a_name),  cmocka_unit_test(filters_of_a_site),
		cmocka_unit_test(what_words_mean),       cmocka_unit_test(where_entries_lie),
		cmocka_unit_test(where_people_are),
		cmocka_unit_test(a_reference),           cmocka_unit_test(an_entry_in_pieces),
		cmocka_unit_test(damaged_entries),
	};

	return RUN(tests);
}
