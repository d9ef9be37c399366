/*
 * Where a walk of owners or moderators begins: at the values of some attributes; for owners also, as
 * alias files have it, at a group that is called after the list.
 */
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

static bool
queue_owner(struct walk *w, const struct berval *value, const struct via *via)
{
	walk_queue(w, value->bv_val, value->bv_len, via);
	return true;
}

char *
ldap_owners_name(const struct names *n, const char *address)
{
	char *local, *name;

	if (n->owner.count > 0 || n->owner_prefix == NULL || n->local_part == NULL)
		return NULL;
	local = address_local(address);
	name = mem_format("%s%s", n->owner_prefix, local);
	free(local);
	return name;
}

/* The group of the owners of a list, if there is one: owner-staff of staff. */
static enum found
queue_owner_group(struct walk *w, const char *name, const struct via *via)
{
	const struct names *n = &w->config->names;
	struct bytes filter = { 0 };
	LDAPMessage *message = NULL;
	enum found found = FOUND_UNSURE;
	int rc, count;

	bytes_format(&filter, "(&%s", n->groups);
	query_equals(&filter, n->local_part, name, strlen(name));
	bytes_add_char(&filter, ')');
	rc = conn_search(w->conn, w->config->base, LDAP_SCOPE_SUBTREE, filter.data, w->list_attributes, 0,
	                 w->by, &message);
	count = ldap_count_entries(w->conn->ld, message);
	if (rc != LDAP_SUCCESS) {
		(void)conn_complain(w->conn, rc, w->why, "looking for owners");
	} else if (ldap_count_references(w->conn->ld, message) > 0) {
		(void)complain(w->why, "%s: the server refers to another for owners", w->conn->uri);
	} else if (count > 1) {
		(void)complain(w->why, "%s: several groups are called \"%s\"", w->conn->uri, name);
	} else {
		found = FOUND_YES;
		if (count == 1)
			walk_queue_group(w, ldap_first_entry(w->conn->ld, message), via);
	}
	ldap_msgfree(message);
	bytes_free(&filter);
	return found;
}

/* A moderator: an address, a URL, or a DN, as it is read for who may post. */
static bool
queue_moderator(struct walk *w, const struct berval *value, const struct via *via)
{
	struct address a;

	if (strncasecmp(value->bv_val, "ldap", 4) == 0 && strstr(value->bv_val, "://") != NULL)
		return walk_url(w, value, via);
	if (!ldap_mailbox(value->bv_val, value->bv_len, &a))
		return queue_owner(w, value, via);
	address_free(&a);
	return walk_literal(w, value, via);
}

/* Queues what the entry says. False: the walk is over. */
static bool
queue_role(struct walk *w, LDAPMessage *entry, enum people whom, const struct via *via)
{
	const struct names *n = &w->config->names;
	bool ok = true;

	for (size_t i = 0; ok && whom == PEOPLE_MODERATORS && i < n->moderator.count; i++)
		ok = walk_values(w, entry, n->moderator.items[i], queue_moderator, via);
	for (size_t i = 0; ok && whom == PEOPLE_OWNERS && i < n->owner.count; i++)
		ok = walk_values(w, entry, n->owner.items[i], queue_owner, via);
	for (size_t i = 0; ok && whom == PEOPLE_OWNERS && i < n->owner_address.count; i++)
		ok = walk_values(w, entry, n->owner_address.items[i], walk_literal, via);
	return ok;
}

/* The attributes of the role. Allocated, ended by NULL. */
static char **
role_attributes(const struct names *n, enum people whom)
{
	static char nothing[] = LDAP_NO_ATTRS;
	const struct text_list none = { 0 };
	const struct text_list *first = whom == PEOPLE_OWNERS ? &n->owner : &n->moderator;
	const struct text_list *second = whom == PEOPLE_OWNERS ? &n->owner_address : &none;
	char **attributes = mem_array(first->count + second->count + 2, sizeof(*attributes));
	size_t count = 0;

	attributes[count++] = nothing;    /* counts only where it is alone */
	for (size_t i = 0; i < first->count; i++)
		attributes[count++] = first->items[i];
	for (size_t i = 0; i < second->count; i++)
		attributes[count++] = second->items[i];
	return attributes;
}

enum found
walk_role(struct walk *w, const struct list *list, enum people whom, const struct via *via)
{
	const struct names *n = &w->config->names;
	char **attributes = role_attributes(n, whom);
	char *name = whom == PEOPLE_OWNERS ? ldap_owners_name(n, list->address) : NULL;
	LDAPMessage *message = NULL, *entry;
	enum found found = FOUND_UNSURE;
	int rc = conn_search(w->conn, list->key, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, w->by,
	                     &message);

	entry = rc == LDAP_SUCCESS ? ldap_first_entry(w->conn->ld, message) : NULL;
	if (entry != NULL) {
		found = queue_role(w, entry, whom, via) ? FOUND_YES : FOUND_UNSURE;
	} else if (rc == LDAP_NO_SUCH_OBJECT) {
		found = FOUND_NO;
		(void)complain(w->why, "%s: %s is not there", w->conn->uri, list->key);
	} else {
		(void)conn_complain(w->conn, rc, w->why,
		                    whom == PEOPLE_OWNERS ? "reading owners" : "reading moderators");
	}
	ldap_msgfree(message);
	free(attributes);
	if (found == FOUND_YES && name != NULL)
		found = queue_owner_group(w, name, via);
	free(name);
	return found;
}
