/* Addresses: the canonical form is a fixed point, and all that is made from it holds together. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/list.h"
#include "mail/trace.h"

/* ASCII letters in the other case. */
static char *
other_case(const char *text)
{
	char *copy = mem_text(text);

	for (char *p = copy; *p != '\0'; p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
			*p ^= 0x20;
	return copy;
}

static void
must_be_canonically(const char *text, const char *canonical)
{
	struct complaint why;
	struct address a;

	MUST(address_parse(&a, text, strlen(text), &why) == 0);
	MUST(strcmp(a.canonical, canonical) == 0);
	address_free(&a);
}

static void
check_domain(struct slice given)
{
	struct complaint why = { "" };
	char *domain = domain_canonical(given.at, given.length, &why), *again, *unicode;

	if (domain == NULL) {
		MUST(why.text[0] != '\0');
		return;
	}
	again = domain_canonical(domain, strlen(domain), &why);
	MUST(again != NULL && strcmp(again, domain) == 0);
	free(again);
	unicode = domain_unicode(domain);
	if (unicode != NULL) {            /* another way to write this domain, not another domain */
		again = domain_canonical(unicode, strlen(unicode), &why);
		MUST(again != NULL && strcmp(again, domain) == 0);
		free(again);
	}
	free(unicode);
	free(domain);
}

/* Every meaning of an address is an address, and that of a role's address includes the role. */
static void
check_roles(const char *canonical)
{
	struct candidate c[CANDIDATES];
	size_t count = list_candidates(canonical, '+', c);

	MUST(count >= 1 && count <= CANDIDATES);
	MUST(strcmp(c[0].address, canonical) == 0 && c[0].role == ROLE_POST);
	for (size_t i = 0; i < count; i++)
		must_be_canonically(c[i].address, c[i].address);
	candidates_free(c, count);
	for (enum role r = ROLE_POST; r < ROLE_COUNT && *canonical != '"'; r++) {
		char *address = list_role_address(canonical, r);
		bool meant = false;

		if (strlen(address) <= ADDRESS_LONGEST)
			must_be_canonically(address, address);
		count = list_candidates(address, '+', c);
		for (size_t i = 0; i < count; i++)
			meant = meant || (c[i].role == r && strcmp(c[i].address, canonical) == 0);
		MUST(meant);
		candidates_free(c, count);
		free(address);
	}
}

/* A message that went through the list of this address shows it in each of our fields. */
static void
check_loop(const char *canonical)
{
	char *identifier = list_identifier(canonical), *mailto = list_mailto(canonical);
	struct bytes trace = { 0 }, id = { 0 }, post = { 0 };

	MUST(!address_needs_utf8(identifier) && strpbrk(identifier, " @<>\"\\") == NULL);
	MUST(!address_needs_utf8(mailto) && strpbrk(mailto, " <>\"\\?&") == NULL);
	MUST(strchr(mailto, '@') == strrchr(mailto, '@') || *canonical == '"');
	trace_received(&trace, NULL, "mail.example.com", "abc", canonical, 0);
	bytes_format(&id, "List-Id: <%s>\r\n", identifier);
	bytes_format(&post, "List-Post: <%s>\r\n", mailto);
	MUST(trace_passed(trace.data, trace.length, canonical));
	MUST(trace_passed(id.data, id.length, canonical));
	MUST(trace_passed(post.data, post.length, canonical));
	bytes_free(&trace);
	bytes_free(&id);
	bytes_free(&post);
	free(identifier);
	free(mailto);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice given = { (const char *)data, size };
	struct complaint why = { "" };
	struct address a;
	char *swapped;

	check_domain(given);
	if (address_parse(&a, given.at, given.length, &why) < 0) {
		MUST(why.text[0] != '\0');
		MUST(a.canonical == NULL && a.spelling == NULL);
		return 0;
	}
	MUST(same_bytes(given, (struct slice){ a.spelling, strlen(a.spelling) }));
	MUST(strlen(a.canonical) <= ADDRESS_LONGEST);
	for (const char *p = a.canonical; *p != '\0'; p++)
		MUST((unsigned char)*p >= ' ' && *p != 0x7f && !(*p >= 'A' && *p <= 'Z'));
	must_be_canonically(a.canonical, a.canonical);
	swapped = other_case(a.spelling);
	must_be_canonically(swapped, a.canonical);
	free(swapped);
	check_domain((struct slice){ address_domain(a.canonical), strlen(address_domain(a.canonical)) });
	check_roles(a.canonical);
	check_loop(a.canonical);
	address_free(&a);
	return 0;
}
