/* Filters for a directory. */
#include "sources/ldap_query.h"

#include "base/mem.h"
#include "mail/address.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Adds a value as it stands in an assertion: "(attribute=" value ")". */
static void
add_value(struct bytes *out, const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c == '*' || c == '(' || c == ')' || c == '\\' || c == 0x7f)
			bytes_format(out, "\\%02x", c);
		else
			bytes_add_char(out, (char)c);
	}
}

void
query_equals(struct bytes *out, const char *attribute, const char *value, size_t length)
{
	bytes_format(out, "(%s=", attribute);
	add_value(out, value, length);
	bytes_add_char(out, ')');
}

/* One address in each attribute. */
static void
add_address(struct bytes *out, const struct text_list *attributes, const char *address)
{
	for (size_t i = 0; i < attributes->count; i++)
		query_equals(out, attributes->items[i], address, strlen(address));
}

void
query_list(struct bytes *out, const char *only, const char *filter,
           const struct text_list *attributes, const char *const *addresses, size_t count)
{
	bytes_format(out, "(&%s%s(|", only, filter == NULL ? "" : filter);
	for (size_t i = 0; i < count; i++) {
		const char *domain = address_domain(addresses[i]);
		char *unicode = domain_unicode(domain), *other;

		add_address(out, attributes, addresses[i]);
		if (unicode != NULL) {
			other = mem_format("%.*s%s", (int)(domain - addresses[i]), addresses[i], unicode);
			add_address(out, attributes, other);
			free(other);
		}
		free(unicode);
	}
	bytes_add_text(out, "))");
}

int
query_check_filter(const char *text, struct complaint *why)
{
	size_t depth = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\') {
			if (strspn(p + 1, "0123456789abcdefABCDEF") < 2)
				return complain(why, "\"%s\" is no filter: \\ is followed by two hex digits",
				                text);
			continue;
		}
		if (*p == '(')
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		else if (depth == 0)
			return complain(why, "\"%s\" is no filter: (attribute=value)", text);
		if (depth == 0 && p[1] != '\0')
			return complain(why, "\"%s\" is more than one filter: (&(...)(...))", text);
	}
	if (depth > 0 || *text == '\0')
		return complain(why, "\"%s\" is no filter: a parenthesis is open", text);
	return 0;
}
