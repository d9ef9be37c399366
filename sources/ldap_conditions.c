/*
 * Who gets no mail by what his entry says. A condition is "attribute=value", or "attribute&bits" for a
 * number that has one of these bits. One of `disabled` suffices to be left out, and one of `enabled`
 * not to be. Other texts, like "none", are no condition.
 */
#include "sources/ldap_deref.h"
#include "sources/ldap_walk.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Where the attribute of a condition ends, and what is behind it; NULL: it is none. */
static const char *
operator(const char *condition)
{
	const char *at = condition + strcspn(condition, "=&");

	return *at == '\0' ? NULL : at;
}

void
walk_name_conditions(struct walk *w)
{
	const struct names *n = &w->config->names;
	const struct text_list *const lists[] = { &n->disabled, &n->enabled };

	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++)
		for (size_t i = 0; i < lists[k]->count; i++) {
			const char *at = operator(lists[k]->items[i]);

			if (at != NULL)
				text_list_add(&w->conditions, lists[k]->items[i],
				              (size_t)(at - lists[k]->items[i]));
		}
}

/* Whether one value of the attribute fulfils it. */
static bool
fulfils(const char *at, const char *value, size_t length)
{
	int64_t number, bits;
	char *text;
	bool is;

	if (*at == '=')
		return text_same_n(value, length, at + 1);
	text = mem_copy(value, length);
	is = text_number(text, &number) && text_number(at + 1, &bits) && (number & bits) != 0;
	free(text);
	return is;
}

/* What an entry says, however it came. */
struct sayings {
	const struct walk *walk;
	LDAPMessage *entry;               /* NULL: it came with the dereference control */
	struct view attributes;
};

static bool
holds(const struct sayings *s, const char *condition)
{
	const char *at = operator(condition);
	char *name = at == NULL ? NULL : mem_copy(condition, (size_t)(at - condition));
	struct view values, value;
	struct berval **copies;
	bool is = false;

	if (s->entry != NULL) {
		copies = conn_values(s->walk->conn, s->entry, name);
		for (size_t i = 0; !is && copies != NULL && copies[i] != NULL; i++)
			is = fulfils(at, copies[i]->bv_val, copies[i]->bv_len);
		ldap_value_free_len(copies);
	} else if (name != NULL && deref_attribute(s->attributes, name, &values)) {
		while (!is && deref_value(&values, &value))
			is = fulfils(at, (const char *)value.at, (size_t)(value.end - value.at));
	}
	free(name);
	return is;
}

static bool
one_holds(const struct sayings *s, const struct text_list *conditions)
{
	for (size_t i = 0; i < conditions->count; i++)
		if (holds(s, conditions->items[i]))
			return true;
	return false;
}

static bool
disabled(const struct sayings *s)
{
	const struct names *n = &s->walk->config->names;

	return one_holds(s, &n->disabled) && !one_holds(s, &n->enabled);
}

bool
walk_is_disabled(const struct walk *w, LDAPMessage *entry)
{
	return disabled(&(struct sayings){ .walk = w, .entry = entry });
}

bool
walk_is_disabled_deref(const struct walk *w, struct view attributes)
{
	return disabled(&(struct sayings){ .walk = w, .attributes = attributes });
}
