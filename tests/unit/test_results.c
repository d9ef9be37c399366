/* What others say that they found out: Authentication-Results, tags, and records of DMARC. */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/dmarc.h"
#include "mail/results.h"
#include "mail/tags.h"

/* "server: method=result property=value, …", or NULL where it says nothing. */
static char *
describe(const char *value)
{
	struct results rs;
	struct bytes b = { 0 };

	if (!results_parse(&rs, value))
		return NULL;
	bytes_format(&b, "%s:", rs.server);
	for (size_t i = 0; i < rs.count; i++) {
		bytes_format(&b, "%s %s=%s", i == 0 ? "" : ",", rs.all[i].method, rs.all[i].result);
		for (size_t p = 0; p < rs.all[i].count; p++)
			bytes_format(&b, " %s=%s", rs.all[i].properties[p].name,
			             rs.all[i].properties[p].value);
	}
	results_free(&rs);
	return bytes_take(&b);
}

static void
results(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "mx.example.com; none", "mx.example.com:" },
		{ "mx.example.com 1 ; none (really) ", "mx.example.com:" },
		{ "mx.example.com", "mx.example.com:" },
		{ "mx.example.com; dkim=pass header.d=example.org",
		  "mx.example.com: dkim=pass header.d=example.org" },
		{ "(c (nested \\) ) c) \"mx.example.com\" (v) 1; DKIM (a) / (b) 1 (c) = (d) Pass (e) "
		  "reason = \"a; \\\"b\" (f) Header . (g) D = (h) Example.org (i)",
		  "mx.example.com: dkim=pass header.d=Example.org" },
		{ "mx; spf=fail smtp.mailfrom=\"a b\"@x", NULL },
		{ "mx; spf=fail smtp.mailfrom=ann@example.org; dkim=pass (2048-bit key; x) "
		  "header.d=a.example header.i=@a.example header.b=\"aB/c+=\"; dmarc=none",
		  "mx: spf=fail smtp.mailfrom=ann@example.org, dkim=pass header.d=a.example "
		  "header.i=@a.example header.b=aB/c+=, dmarc=none" },
		{ "mx; dmarc=pass action=none header.from=a.example;compauth=pass reason=100",
		  "mx: dmarc=pass header.from=a.example, compauth=pass" },
		{ "mx; spf=none smtp.mailfrom=; iprev=pass policy.iprev=\"\"",
		  "mx: spf=none smtp.mailfrom=, iprev=pass policy.iprev=" },
		/* What stands in comments, in strings or behind the end of a result is none. */
		{ "mx; dkim=fail (; dkim=pass header.d=a.example)", "mx: dkim=fail" },
		{ "mx; dkim=fail reason=\"; dkim=pass header.d=a.example\"", "mx: dkim=fail" },
		/* Nothing is understood that is not whole. */
		{ "", NULL },
		{ "; dkim=pass", NULL },
		{ "mx 2; dkim=pass", NULL },
		{ "mx; dkim=pass header.d=a (no end", NULL },
		{ "mx; dkim=pass header.d=\"no end", NULL },
		{ "mx; dkim=pass header.d=a header.d=b", NULL },
		{ "mx; dkim=pass header.=a", NULL },
		{ "mx; dkim=pass header.d", NULL },
		{ "mx; dkim", NULL },
		{ "mx; dkim=", NULL },
		{ "mx; dkim/2=pass", NULL },
		{ "mx;", NULL },
		{ "mx dkim=pass", NULL },
		{ "mx; none; dkim=pass", NULL },
		{ "mx; dkim=pass\x01 header.d=a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = describe(cases[i].value);

		same_text(cases[i].value, got, cases[i].want);
		free(got);
	}
}

static void
too_many_results(void **state)
{
	struct bytes b = { 0 };
	char *got;

	(void)state;
	bytes_add_text(&b, "mx");
	for (int i = 0; i < 200; i++)
		bytes_add_text(&b, "; dkim=pass header.d=a");
	got = describe(b.data);
	assert_null(got);
	bytes_free(&b);
}

static void
tags(void **state)
{
	const struct slice list = { "a = 1 ;\r\n b=x=y;;c ; h=From : Subject:;", 39 };
	struct slice rest = list, name, value;
	struct bytes b = { 0 };

	(void)state;
	while (tag_next(&rest, &name, &value))
		bytes_format(&b, "[%.*s|%.*s]", (int)name.length, name.at, (int)value.length, value.at);
	same_text("all", b.data, "[a|1][b|x=y][|][h|From : Subject:]");
	assert_true(tag_find(list, "H", &value));
	while (tag_word(&value, ':', &name))
		bytes_format(&b, "<%.*s>", (int)name.length, name.at);
	same_text("words", b.data, "[a|1][b|x=y][|][h|From : Subject:]<From><Subject>");
	assert_false(tag_find(list, "d", &value));
	bytes_free(&b);
}

static void
records(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "v=DMARC1; p=reject", "reject reject relaxed" },
		{ " v = DMARC1 ; p = Quarantine ; adkim = s;", "quarantine quarantine strict" },
		{ "v=DMARC1; sp=none; p=reject; adkim=r", "reject none relaxed" },
		{ "v=DMARC1; p=none; sp=quarantine", "none quarantine relaxed" },
		{ "v=DMARC1; p=much; rua=mailto:a@b", "none none relaxed" },
		{ "v=DMARC1", "none none relaxed" },
		{ "v=DMARC01; p=reject", NULL },
		{ "v=dmarc1; p=reject", NULL },
		{ "V=DMARC1x; p=reject", NULL },
		{ "p=reject; v=DMARC1", NULL },
		{ "v=DMARC1 p=reject", NULL },
		{ "v=spf1 -all", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dmarc d;
		char *got = NULL;

		if (dmarc_parse(cases[i].text, strlen(cases[i].text), &d))
			got = mem_format("%s %s %s", dmarc_word(d.domain), dmarc_word(d.subdomains),
			                 d.strict ? "strict" : "relaxed");
		same_text(cases[i].text, got, cases[i].want);
		free(got);
	}
}

static void
organisations(void **state)
{
	(void)state;
	same_text("below", dmarc_organisation("a.b.example.co.uk"), "example.co.uk");
	same_text("itself", dmarc_organisation("example.org"), "example.org");
	same_text("suffix", dmarc_organisation("co.uk"), "co.uk");
	same_text("one label", dmarc_organisation("localhost"), "localhost");
	assert_true(dmarc_aligned("mail.example.org", "example.org", false));
	assert_false(dmarc_aligned("mail.example.org", "example.org", true));
	assert_true(dmarc_aligned("example.org", "example.org", true));
	assert_false(dmarc_aligned("a.co.uk", "b.co.uk", false));
	assert_false(dmarc_aligned("co.uk", "b.co.uk", false));
}

static void
authors(void **state)
{
	static const struct {
		const char *header, *want;
	} cases[] = {
		{ "From: Ann <ann@Mail.Example.ORG>\r\n", "mail.example.org" },
		{ "From: \"x@bad.example\" <ann@good.example> (a@b.example)\r\n", "good.example" },
		{ "From: ann@good.example\r\nFrom: eve@bad.example\r\n", NULL },
		{ "From: ann@good.example, eve@bad.example\r\n", NULL },
		{ "From: all: ann@good.example;\r\n", NULL },
		{ "From: ann\r\n", NULL },
		{ "From:\r\n", NULL },
		{ "Subject: x\r\n", NULL },
	};
	struct complaint why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = dmarc_author(cases[i].header, strlen(cases[i].header), &why);

		same_text(cases[i].header, got, cases[i].want);
		free(got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results), cmocka_unit_test(too_many_results), cmocka_unit_test(tags),
		cmocka_unit_test(records), cmocka_unit_test(organisations),    cmocka_unit_test(authors),
	};

	return RUN(tests);
}
