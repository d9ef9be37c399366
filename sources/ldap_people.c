/* People whom a filter finds, and what people want. */
#include "base/mem.h"
#include "sources/ldap_paged.h"
#include "sources/ldap_source.h"

#include <stdlib.h>

struct finding {
	const struct conn *conn;
	const struct names *names;
	member_fn *fn;
	void *arg;
	struct complaint *why;
};

static bool
hand_out(struct finding *f, const struct berval *value)
{
	struct address a;
	bool more;

	if (!ldap_mailbox(value->bv_val, value->bv_len, &a))
		return true;
	more = f->fn(f->arg, &(struct member){ .canonical = a.canonical, .spelling = a.spelling });
	address_free(&a);
	if (!more)
		(void)complain(f->why, "stopped");
	return more;
}

static bool
take_match(void *arg, LDAPMessage *entry)
{
	struct finding *f = arg;
	const struct text_list *attributes = &f->names->person_address;
	bool more = true;

	for (size_t i = 0; more && i < attributes->count; i++) {
		struct berval **values = conn_values(f->conn, entry, attributes->items[i]);

		for (size_t k = 0; more && values != NULL && values[k] != NULL; k++)
			more = hand_out(f, values[k]);
		ldap_value_free_len(values);
	}
	return more;
}

/* The attributes with addresses of people. Allocated; ended by NULL. */
static char **
address_attributes(const struct names *n)
{
	static char nothing[] = LDAP_NO_ATTRS;
	const struct text_list *named = &n->person_address;
	char **attributes = mem_array(named->count + 2, sizeof(char *));

	attributes[0] = nothing;
	for (size_t i = 0; i < named->count; i++)
		attributes[i] = named->items[i];
	return attributes;
}

enum found
ldap_each_match(struct ldap_source *l, struct conn *c, const char *filter, struct deadline by, member_fn *fn,
                void *arg, struct complaint *why)
{
	struct finding f = { c, &l->config.names, fn, arg, why };
	char **attributes = address_attributes(f.names);
	const struct paged_search s = { .base = l->config.base, .scope = LDAP_SCOPE_SUBTREE,
		                        .filter = filter, .attributes = attributes,
		                        .page = l->config.page, .by = by,
		                        .doing = "looking for people by a filter",
		                        .entry = take_match, .arg = &f };
	bool ok = paged_run(&s, c, why);

	free(attributes);
	return ok ? FOUND_YES : FOUND_UNSURE;
}

unsigned
ldap_preferences(const struct ldap_config *config, const struct conn *c, LDAPMessage *entry)
{
	unsigned found = 0;

	for (size_t i = 0; i < config->wish_count; i++) {
		const struct wish *wish = &config->wishes[i];
		struct berval **values = conn_values(c, entry, wish->attribute);

		for (size_t k = 0; values != NULL && values[k] != NULL; k++)
			if (wish_is(wish, values[k]->bv_val, values[k]->bv_len))
				found |= wish->preference;
		ldap_value_free_len(values);
	}
	return found;
}
