/*
 * Filters, URLs and DNs of a directory: whatever value goes into a filter comes out of it as it was,
 * and ends nothing; a text that is taken for a filter stays one filter within another; a URL that is
 * taken leads to no other server, and to no base but those it may; DNs that lie within each other are
 * the same.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"
#include "sources/ldap_url.h"

static unsigned
hex(char c)
{
	MUST(strchr("0123456789abcdef", c) != NULL && c != '\0');
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void
check_value(struct slice value)
{
	struct bytes out = { 0 }, back = { 0 };
	struct complaint why;

	query_equals(&out, "mail", value.at, value.length);
	MUST(out.length >= 7 && memcmp(out.data, "(mail=", 6) == 0 && out.data[out.length - 1] == ')');
	for (size_t i = 6; i < out.length - 1; i++) {
		char c = out.data[i];

		MUST(strchr("*()", c) == NULL);           /* nor NUL */
		if (c == '\\') {
			c = (char)(hex(out.data[i + 1]) << 4 | hex(out.data[i + 2]));
			i += 2;
		}
		bytes_add_char(&back, c);
	}
	MUST(same_bytes(slice_of(&back), value));
	MUST(query_check_filter(out.data, &why) == 0);
	bytes_free(&out);
	bytes_free(&back);
}

static void
check_filter(const char *text)
{
	struct complaint why;
	char *filter = url_filter(text, &why), *again, *within;

	if (filter == NULL)
		return;
	again = url_filter(filter, &why);
	MUST(same_texts(again, filter));
	within = mem_format("(&(a=b)%s)", filter);
	MUST(query_check_filter(within, &why) == 0);
	free(within);
	free(again);
	free(filter);
}

static void
check_url(const char *text)
{
	const char base[] = "dc=example,dc=com", other[] = "ou=x,dc=example,dc=org", *server;
	struct text_list bases = { 0 };
	struct url_search s;
	struct complaint why;

	text_list_add(&bases, other, sizeof(other) - 1);
	if (url_search_read(&s, text, base, &bases, &why) == 0) {
		MUST(dn_within(s.base, base) || dn_within(s.base, other));
		MUST(s.scope >= 0 && s.scope <= 3);
		MUST(query_check_filter(s.filter, &why) == 0);
		server = strstr(text, "://");
		MUST(server != NULL && strchr("/?>", server[3]) != NULL);
		free(s.base);
		free(s.filter);
	} else {
		MUST(s.base == NULL && s.filter == NULL);
	}
	text_list_free(&bases);
}

static void
check_dns(const char *a, const char *b)
{
	MUST(dn_same(a, a) && dn_within(a, ""));
	MUST(dn_same(a, b) == dn_same(b, a) && dn_beside(a, b) == dn_beside(b, a));
	if (*a != '\0' && *b != '\0' && dn_within(a, b) && dn_within(b, a))
		MUST(dn_same(a, b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	struct slice first = eat_until(&f, '\n'), second = eat_until(&f, '\n');
	char *a = mem_copy(first.at, first.length), *b = mem_copy(second.at, second.length);

	check_value(first);
	check_filter(a);
	check_url(a);
	check_dns(a, b);
	free(a);
	free(b);
	return 0;
}
