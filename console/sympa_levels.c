/*
 * Searches of Sympa in two levels: the first finds groups and gives the values of one attribute, the
 * second is made anew for each value. Here that is a group that a search finds, and members that it
 * names, by DN or by login; who of these counts are conditions. What cannot be said so is left out.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "console/sympa.h"
#include "sources/ldap_query.h"

#include <stdlib.h>
#include <string.h>

#define VALUE "[attrs1]"

static bool
leave(struct import *im, const struct sympa_list *l, const struct sympa_parameter *p, const char *name,
      const char *what)
{
	const char *value = sympa_value(p, name);

	sympa_remark(im, sympa_number(p, name) == 0 ? p->lines[0].number : sympa_number(p, name), true,
	             "%s: %s: %s: %s", l->list->address, name, value == NULL ? "is not there" : value, what);
	return false;
}

/* A filter with parentheses around it, without blanks at its ends; allocated. */
static char *
whole_filter(const char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length > 0 && strchr(" \t", text[length - 1]) != NULL)
		length--;
	return mem_format(*text == '(' ? "%.*s" : "(%.*s)", (int)length, text);
}

/* Adds "attribute=value" where the filter is that, and no more: true, with what is behind it. */
static bool
add_condition(const char **at, struct text_list *conditions)
{
	size_t length = strcspn(*at + 1, "()");
	const char *equals = memchr(*at + 1, '=', length), *star;
	char *one;

	if (**at != '(' || (*at)[1 + length] != ')' || equals == NULL || equals == *at + 1 ||
	    strchr("<>~:&|!", equals[-1]) != NULL || memchr(*at + 1, '\\', length) != NULL)
		return false;
	star = memchr(equals, '*', length - (size_t)(equals - *at - 1));
	if (star != NULL && (star != equals + 1 || star[1] != ')'))
		return false;
	one = mem_copy(*at + 1, length);
	text_list_take(conditions, one);
	*at += length + 2;
	*at += strspn(*at, " ");
	return true;
}

/* A filter as conditions, one of which has to hold. False: it cannot be said so. */
static bool
read_conditions(const char *filter, struct text_list *conditions)
{
	const char *at = filter;
	bool several = strncmp(at, "(|", 2) == 0, ok = true;

	if (several)
		at += 2 + strspn(at + 2, " ");
	do
		ok = add_condition(&at, conditions);
	while (ok && several && *at == '(');
	return ok && strcmp(at, several ? ")" : "") == 0;
}

/* Members are DNs, whose entries are looked at. */
static bool
by_dn(struct import *im, const struct sympa_list *l, const struct sympa_parameter *p, const char *filter,
      struct bytes *attributes)
{
	struct text_list conditions = { 0 };
	bool ok = read_conditions(filter, &conditions);

	if (!ok) {
		text_list_free(&conditions);
		return leave(im, l, p, "filter2",
		             "who counts is said by conditions, attribute=value, and not by any filter");
	}
	bytes_add_text(attributes, "      member: ");
	sympa_quote(attributes, sympa_value(p, "attrs1"));
	bytes_add_text(attributes, "\n      member-address: [ none ]\n");
	if (!text_list_same(&conditions, "objectClass=*", strlen("objectClass=*"))) {
		bytes_add_text(attributes, "      disabled: [ objectClass=* ]\n      enabled: [ ");
		for (size_t i = 0; i < conditions.count; i++) {
			bytes_add_text(attributes, i == 0 ? "" : ", ");
			sympa_quote(attributes, conditions.items[i]);
		}
		bytes_add_text(attributes, " ]\n");
	}
	text_list_free(&conditions);
	sympa_remark(im, p->lines[0].number, false, "%s: groups within a group are read, too",
	             l->list->address);
	return true;
}

/* Members are logins: the filter without what looks for one is who has a login at all. */
static bool
by_login(struct import *im, const struct sympa_list *l, const struct sympa_parameter *p, const char *filter,
         struct bytes *attributes)
{
	const char *term = strstr(filter, "=" VALUE ")"), *begin = term;
	struct complaint unused;
	char *login, *people;
	bool ok;

	while (begin != NULL && begin > filter && *begin != '(')
		begin--;
	if (begin == NULL || strstr(term + 1, VALUE "]") != NULL || strspn(begin + 1, "&|!(") > 0 ||
	    (begin != filter && strncmp(filter, "(&", 2) != 0))
		return leave(im, l, p, "filter2", "it does not look for one value of the first level");
	login = mem_copy(begin + 1, (size_t)(term - begin - 1));
	people = begin == filter ? mem_text("(objectClass=*)")
	                         : mem_format("%.*s%s", (int)(begin - filter), filter,
	                                      term + strlen("=" VALUE ")"));
	ok = query_check_filter(people, &unused) == 0 && strstr(people, VALUE) == NULL;
	if (ok) {
		bytes_add_text(attributes, "      member-address: [ none ]\n      member-login: ");
		sympa_quote(attributes, sympa_value(p, "attrs1"));
		bytes_add_text(attributes, "\n      login: ");
		sympa_quote(attributes, login);
		bytes_add_text(attributes, "\n      people: ");
		sympa_quote(attributes, people);
		bytes_add_char(attributes, '\n');
		sympa_remark(im, sympa_number(p, "suffix2"), false,
		             "%s: suffix2: people are looked for below base: see people",
		             l->list->address);
	}
	free(login);
	free(people);
	return ok || leave(im, l, p, "filter2", "it does not look for one value of the first level");
}

bool
sympa_second_level(struct import *im, const struct sympa_list *l, const struct sympa_parameter *p,
                   struct bytes *attributes)
{
	const char *suffix = sympa_value(p, "suffix2"), *scope = sympa_value(p, "scope2"),
	           *select = sympa_value(p, "select1"), *attrs = sympa_value(p, "attrs1"),
	           *text = sympa_value(p, "filter2");
	char *filter;
	bool ok;

	if (attrs == NULL || attrs[strcspn(attrs, ", ")] != '\0')
		return leave(im, l, p, "attrs1", "one attribute is needed");
	if (select == NULL || !text_same(select, "all"))
		return leave(im, l, p, "select1", "all members of a group count here");
	if (suffix == NULL || text == NULL)
		return leave(im, l, p, suffix == NULL ? "suffix2" : "filter2", "there is no second level");
	filter = whole_filter(text);
	if (strcmp(suffix, VALUE) != 0 && strstr(suffix, VALUE) == NULL)
		ok = by_login(im, l, p, filter, attributes);
	else if (strcmp(suffix, VALUE) == 0 && scope != NULL && text_same(scope, "base") &&
	         strstr(filter, VALUE) == NULL)
		ok = by_dn(im, l, p, filter, attributes);
	else
		ok = leave(im, l, p, strcmp(suffix, VALUE) == 0 ? "scope2" : "suffix2",
		           "the entry itself is looked at, and nothing beside or below it");
	free(filter);
	return ok;
}
