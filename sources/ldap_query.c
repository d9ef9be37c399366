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

void
query_address(struct bytes *out, const char *attribute, const char *address)
{
	/* Exchange's attribute says of which kind an address is. */
	const char *kind = text_same(attribute, "proxyAddresses") ? "smtp:" : "";
	const char *own = address_domain(address);
	char *unicode = domain_unicode(own), *value = mem_format("%s%s", kind, address);

	query_equals(out, attribute, value, strlen(value));
	free(value);
	if (unicode == NULL)
		return;
	value = mem_format("%s%.*s%s", kind, (int)(own - address), address, unicode);
	query_equals(out, attribute, value, strlen(value));
	free(value);
	free(unicode);
}

/* The group that is called like the local part. */
static void
add_local_part(struct bytes *out, const char *attribute, const char *address)
{
	char *local = address_local(address);

	if (*local != '\0')
		query_equals(out, attribute, local, strlen(local));
	free(local);
}

/* The beginning of every filter that is about lists. */
static void
add_conditions(struct bytes *out, const struct names *names, const char *filter)
{
	bytes_format(out, "(&%s%s(|", names->groups, filter == NULL ? "" : filter);
}

void
query_list(struct bytes *out, const struct names *names, const char *filter, const char *domain,
           const char *const *addresses, size_t count)
{
	add_conditions(out, names, filter);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < names->address.count; k++)
			query_address(out, names->address.items[k], addresses[i]);
		if (names->local_part != NULL && strcmp(address_domain(addresses[i]), domain) == 0)
			add_local_part(out, names->local_part, addresses[i]);
	}
	bytes_add_text(out, "))");
}

void
query_lists(struct bytes *out, const struct names *names, const char *filter)
{
	add_conditions(out, names, filter);
	for (size_t i = 0; i < names->address.count; i++)
		bytes_format(out, "(%s=*)", names->address.items[i]);
	if (names->local_part != NULL)
		bytes_format(out, "(%s=*)", names->local_part);
	bytes_add_text(out, "))");
}

void
query_person(struct bytes *out, const struct names *n, const char *login, const char *address)
{
	bytes_add_text(out, "(|");
	if (login != NULL)
		query_equals(out, n->login, login, strlen(login));
	for (size_t i = 0; address != NULL && i < n->person_address.count; i++)
		query_address(out, n->person_address.items[i], address);
	bytes_add_char(out, ')');
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
		if (*p == '(' && strchr("()", p[1]) != NULL)
			return complain(why, "\"%s\" is no filter: ( is followed by &, |, ! or an attribute",
			                text);
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
