/* Naming all lists of the directory: one search. */
#include "sources/ldap_paged.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <string.h>

struct listing {
	const struct names *names;
	struct conn *conn;
	const char *domain;
	list_fn *fn;
	void *arg;
	struct complaint *why;
};

/* False: told to stop. */
static bool
take_entry(void *arg, LDAPMessage *entry)
{
	struct listing *l = arg;
	struct group_addresses g;
	struct text_list also = { 0 };
	struct list *list;
	bool more = true;

	group_addresses_read(&g, l->conn, l->names, entry, l->domain);
	for (size_t i = 0; i < g.all.count && g.own != NULL; i++) {
		const char *address = g.all.items[i];

		if (strcmp(address_domain(address), l->domain) == 0 && strcmp(address, g.own) != 0)
			text_list_add(&also, address, strlen(address));
	}
	if (g.own != NULL) {
		list = ldap_list(l->conn, l->names, entry, g.own);
		more = l->fn(l->arg, list, &also);
		list_drop(&list);
		if (!more)
			(void)complain(l->why, "stopped");
	}
	text_list_free(&also);
	group_addresses_free(&g);
	return more;
}

enum found
ldap_each_list(struct ldap_source *s, struct conn *c, const char *domain, struct deadline by,
               list_fn *fn, void *arg, struct complaint *why)
{
	const struct ldap_config *config = &s->config;
	struct listing l = { .names = &config->names, .conn = c, .domain = domain, .fn = fn, .arg = arg,
		             .why = why };
	struct bytes filter = { 0 };
	struct text_list attributes = ldap_list_attributes(&config->names);
	struct paged_search search = { .base = config->base, .scope = LDAP_SCOPE_SUBTREE,
		                       .attributes = attributes.items,
		                       .page = config->page, .by = by,
		                       .doing = "looking for all lists", .entry = take_entry,
		                       .arg = &l };
	bool ok;

	query_lists(&filter, &config->names, config->filter);
	search.filter = filter.data;
	ok = paged_run(&search, c, why);
	bytes_free(&filter);
	text_list_free(&attributes);
	return ok ? FOUND_YES : FOUND_UNSURE;
}
