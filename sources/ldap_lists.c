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
walk_address(struct walk *w, const struct address *a, const struct via *via, bool literal)
{
	if (!may_be_list(a, via, literal))
		return walk_emit(w, a, via);
	if (set_add(w->seen_addresses, a->canonical, strlen(a->canonical)))
		todo_add(&w->addresses, a->spelling, strlen(a->spelling), via);
	return true;
}

bool
lists_send(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	const struct names *n = &w->config->names;
	size_t most = (size_t)w->config->or_terms / n->address.count;
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
	query_list(&filter, n->groups, w->config->filter, &n->address, canonical, r->count);
	sent = walk_search(w, w->config->base, LDAP_SCOPE_SUBTREE, filter.data, w->list_attributes,
	                   NULL, &r->id, "looking for lists among the members");
	bytes_free(&filter);
	for (size_t i = 0; i < r->count; i++)
		address_free(&parsed[i]);
	free(parsed);
	free(canonical);
	return sent;
}

/* Which of the addresses asked for a value is; r->count: none. */
static size_t
which_address(const struct queue_of_dns *q, const struct request *r, const struct berval *value)
{
	struct address a, asked;
	size_t i = 0;
	bool same = false;

	if (!ldap_mailbox(value->bv_val, value->bv_len, &a))
		return r->count;
	for (; i < r->count; i++) {
		const char *text = q->items[r->first + i].dn;

		if (ldap_mailbox(text, strlen(text), &asked)) {
			same = strcmp(asked.canonical, a.canonical) == 0;
			address_free(&asked);
		}
		if (same)
			break;
	}
	address_free(&a);
	return i;
}

/* A list has one of the addresses. False where another has it, too. */
static bool
take_list(struct walk *w, const struct queue_of_dns *q, struct request *r, size_t i,
          LDAPMessage *entry, const char *dn)
{
	const struct todo *t = &q->items[r->first + i];

	if (r->answered[i]) {
		(void)complain(w->why, "%s: several lists have the address %s", w->conn->uri, t->dn);
		return false;
	}
	r->answered[i] = true;
	if (set_add(w->seen_groups, dn, strlen(dn)))
		todo_add(&w->groups, dn, strlen(dn), walk_via_group(w, t->via, entry, dn));
	return true;
}

bool
lists_entry(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	const struct text_list *attributes = &w->config->names.address;
	bool *mine = mem_array(r->count + 1, sizeof(*mine));
	char *dn = ldap_get_dn(w->conn->ld, entry);
	bool ok = true;

	for (size_t i = 0; i < attributes->count; i++) {
		struct berval **values = conn_values(w->conn, entry, attributes->items[i]);

		for (size_t k = 0; values != NULL && values[k] != NULL; k++)
			mine[which_address(q, r, values[k])] = true;
		ldap_value_free_len(values);
	}
	for (size_t i = 0; ok && i < r->count; i++)
		ok = !mine[i] || take_list(w, q, r, i, entry, dn);
	ldap_memfree(dn);
	free(mine);
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
		more = walk_emit(w, &a, t->via);
		address_free(&a);
	}
	return more;
}
