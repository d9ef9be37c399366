/* People of the directory who are no members of a list: whoever posts, and whom a filter finds. */
#include "base/mem.h"
#include "sources/ldap_paged.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

struct finding {
	const struct conn *conn;
	const struct names *names;
	const char *canonical;            /* NULL: whoever is found */
	size_t people;
	struct text_list addresses;       /* of the one who was found */
	member_fn *fn;
	void *arg;
	struct complaint *why;
};

/* Does something with each address of an attribute. */
static bool
each_value(struct finding *f, LDAPMessage *entry, const char *attribute,
           bool (*fn)(struct finding *, const struct address *))
{
	struct berval **values = conn_values(f->conn, entry, attribute);
	bool more = true;

	for (size_t i = 0; more && values != NULL && values[i] != NULL; i++) {
		struct address a;

		if (!ldap_mailbox(values[i]->bv_val, values[i]->bv_len, &a))
			continue;
		more = fn(f, &a);
		address_free(&a);
	}
	ldap_value_free_len(values);
	return more;
}

static bool
keep(struct finding *f, const struct address *a)
{
	text_list_add(&f->addresses, a->canonical, strlen(a->canonical));
	return true;
}

static bool
hand_out(struct finding *f, const struct address *a)
{
	if (f->fn(f->arg, &(struct member){ .canonical = a->canonical, .spelling = a->spelling }))
		return true;
	(void)complain(f->why, "stopped");
	return false;
}

static bool
each_of(struct finding *f, LDAPMessage *entry, bool (*fn)(struct finding *, const struct address *))
{
	const struct text_list *const lists[] = { &f->names->mail, &f->names->alternates };
	bool more = true;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; more && i < lists[k]->count; i++)
			more = each_value(f, entry, lists[k]->items[i], fn);
	return more;
}

/* The server's idea of equal addresses is wider than ours. */
static bool
take_poster(void *arg, LDAPMessage *entry)
{
	struct finding *f = arg;
	size_t before = f->addresses.count;

	(void)each_of(f, entry, keep);
	for (size_t i = before; i < f->addresses.count; i++)
		if (strcmp(f->addresses.items[i], f->canonical) == 0) {
			f->people++;
			break;
		}
	return true;
}

static bool
take_match(void *arg, LDAPMessage *entry)
{
	return each_of(arg, entry, hand_out);
}

/* The attributes with addresses of people. Allocated; ended by NULL. */
static char **
address_attributes(const struct names *n)
{
	static char nothing[] = LDAP_NO_ATTRS;
	char **attributes = mem_array(n->mail.count + n->alternates.count + 2, sizeof(char *));
	size_t count = 0;

	attributes[count++] = nothing;    /* counts only where it is alone */
	for (size_t i = 0; i < n->mail.count; i++)
		attributes[count++] = n->mail.items[i];
	for (size_t i = 0; i < n->alternates.count; i++)
		attributes[count++] = n->alternates.items[i];
	return attributes;
}

static bool
search(struct ldap_source *l, struct finding *f, const char *filter, struct deadline by,
       bool (*take)(void *, LDAPMessage *), const char *doing)
{
	char **attributes = address_attributes(f->names);
	const struct paged_search s = { .base = l->config.base, .scope = LDAP_SCOPE_SUBTREE,
		                        .filter = filter, .attributes = attributes,
		                        .page = l->config.page, .by = by, .doing = doing,
		                        .entry = take, .arg = f };
	bool ok = paged_run(&s, (struct conn *)f->conn, f->why);

	free(attributes);
	return ok;
}

enum found
ldap_each_address(struct ldap_source *l, struct conn *c, const char *canonical, struct deadline by,
                  member_fn *fn, void *arg, struct complaint *why)
{
	struct finding f = { .conn = c, .names = &l->config.names, .canonical = canonical, .why = why };
	struct bytes filter = { 0 };
	bool ok, more = true;

	if (f.names->mail.count == 0)
		return FOUND_NO;
	query_person(&filter, f.names, canonical);
	ok = search(l, &f, bytes_text(&filter), by, take_poster, "looking for a poster");
	/* Of several people with one address nobody knows which it was. */
	for (size_t i = 0; ok && more && f.people == 1 && i < f.addresses.count; i++)
		more = fn(arg, &(struct member){ .canonical = f.addresses.items[i],
		                                 .spelling = f.addresses.items[i] });
	if (!more)
		(void)complain(why, "stopped");
	text_list_free(&f.addresses);
	bytes_free(&filter);
	return !ok || !more ? FOUND_UNSURE : f.people == 1 ? FOUND_YES : FOUND_NO;
}

enum found
ldap_each_match(struct ldap_source *l, struct conn *c, const char *filter, struct deadline by, member_fn *fn,
                void *arg, struct complaint *why)
{
	struct finding f = { .conn = c, .names = &l->config.names, .fn = fn, .arg = arg, .why = why };

	if (search(l, &f, filter, by, take_match, "looking for people by a filter"))
		return FOUND_YES;
	return FOUND_UNSURE;
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
