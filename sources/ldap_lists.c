/*
 * Members that are addresses of lists: a literal address, or a person's mail. Sent to like others
 * they would come back to us, and people on both lists would get the post twice; so they are looked
 * up and walked as the groups they are. Only those are looked up that may be lists: a literal in the
 * domain of a group on the way to it, anybody in the domain of the list itself. They wait until all
 * else is read, and take no request where there are none.
 */
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

/* Whether a group, named by its address, is in the domain. */
static bool
is_in(const char *name, const char *domain)
{
	const char *at = strrchr(name, '@');

	return at != NULL && strcasecmp(at + 1, domain) == 0;
}

static bool
may_be_list(const struct address *a, const struct via *via, bool literal)
{
	const char *domain = address_domain(a->canonical);

	for (; via != NULL; via = via->up)
		if ((literal || via->up == NULL) && is_in(via->name, domain))
			return true;
	return false;
}

bool
walk_address(struct walk *w, const struct address *a, const struct via *via, bool literal,
             unsigned preferences)
{
	if (!may_be_list(a, via, literal))
		return walk_emit(w, a, via, preferences);
	/* Whoever wants something is looked for again where that came without it. */
	if (set_add(w->seen_addresses, a->canonical, strlen(a->canonical)) || preferences != 0) {
		todo_add(&w->addresses, a->spelling, strlen(a->spelling), via);
		w->addresses.items[w->addresses.count - 1].preferences = preferences;
	}
	return true;
}

bool
lists_send(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	const struct names *n = &w->config->names;
	size_t most = (size_t)w->config->or_terms / (n->address.count + (n->local_part != NULL));
	struct address *parsed;
	const char **canonical;
	struct bytes filter = { 0 };
	bool sent;

	r->count = todo_waiting(q);
	if (r->count > most)
		r->count = most > 0 ? most : 1;
	r->answered = mem_array(r->count, sizeof(*r->answered));
	parsed = mem_array(r->count, sizeof(*parsed));
	canonical = mem_array(r->count, sizeof(*canonical));
	for (size_t i = 0; i < r->count; i++) {
		const char *text = q->items[r->first + i].dn;

		(void)ldap_mailbox(text, strlen(text), &parsed[i]);
		canonical[i] = parsed[i].canonical;
	}
	query_list(&filter, n, w->config->filter, w->domain, canonical, r->count);
	sent = walk_search(w, w->config->base, LDAP_SCOPE_SUBTREE, filter.data, w->list_attributes,
	                   NULL, &r->id, "looking for lists among the members");
	bytes_free(&filter);
	for (size_t i = 0; i < r->count; i++)
		address_free(&parsed[i]);
	free(parsed);
	free(canonical);
	return sent;
}

/* Whether the group has an address that was asked for, as it was spelled. */
static bool
has_address(const struct group_addresses *g, const char *spelling)
{
	struct address a;
	bool has;

	if (!ldap_mailbox(spelling, strlen(spelling), &a))
		return false;
	has = text_list_has(&g->all, a.canonical);
	address_free(&a);
	return has;
}

bool
lists_entry(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	struct group_addresses g;
	bool ok = true;

	group_addresses_read(&g, w->conn, &w->config->names, entry, w->domain);
	for (size_t i = 0; ok && i < r->count; i++) {
		const struct todo *t = &q->items[r->first + i];

		if (!has_address(&g, t->dn))
			continue;
		ok = !r->answered[i];
		if (ok)
			walk_queue_group(w, entry, t->via);
		else
			(void)complain(w->why, "%s: several lists have the address %s",
			               w->conn->uri, t->dn);
		r->answered[i] = true;
	}
	group_addresses_free(&g);
	return ok;
}

/* What belongs to no list is a member like others. */
bool
lists_done(struct walk *w, struct queue_of_dns *q, struct request *r, int code)
{
	bool more = true;

	if (code != LDAP_SUCCESS) {
		(void)conn_complain(w->conn, code, w->why, "looking for lists among the members");
		return false;
	}
	for (size_t i = 0; more && i < r->count; i++) {
		const struct todo *t = &q->items[r->first + i];
		struct address a;

		if (r->answered[i] || !ldap_mailbox(t->dn, strlen(t->dn), &a))
			continue;
		more = walk_emit(w, &a, t->via, t->preferences);
		address_free(&a);
	}
	return more;
}
