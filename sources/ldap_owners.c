/*
 * Where a walk of owners begins: at the values of an attribute, or, as alias files have it, at a
 * group that is called after the list.
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

/* The group of the owners of a list, if there is one: owner-staff of staff. */
static enum found
queue_owner_group(struct walk *w, const char *address, const struct via *via)
{
	const struct names *n = &w->config->names;
	char *local = address_local(address), *name = mem_format("%s%s", n->owner_prefix, local);
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
	free(name);
	free(local);
	return found;
}

enum found
walk_owners(struct walk *w, const struct list *list, const struct via *via)
{
	static char nothing[] = LDAP_NO_ATTRS;
	const struct names *n = &w->config->names;
	char **attributes = mem_array(n->owner.count + n->owner_address.count + 2, sizeof(*attributes));
	LDAPMessage *message = NULL, *entry;
	enum found found = FOUND_UNSURE;
	size_t count = 0;
	int rc;

	attributes[count++] = nothing;    /* counts only where it is alone */
	for (size_t i = 0; i < n->owner.count; i++)
		attributes[count++] = n->owner.items[i];
	for (size_t i = 0; i < n->owner_address.count; i++)
		attributes[count++] = n->owner_address.items[i];
	rc = conn_search(w->conn, list->key, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, w->by,
	                 &message);
	entry = rc == LDAP_SUCCESS ? ldap_first_entry(w->conn->ld, message) : NULL;
	if (entry != NULL) {
		for (size_t i = 0; i < n->owner.count; i++)
			(void)walk_values(w, entry, n->owner.items[i], queue_owner, via);
		found = FOUND_YES;
		for (size_t i = 0; found == FOUND_YES && i < n->owner_address.count; i++)
			if (!walk_values(w, entry, n->owner_address.items[i], walk_literal, via))
				found = FOUND_UNSURE;
	} else if (rc == LDAP_NO_SUCH_OBJECT) {
		found = FOUND_NO;
		(void)complain(w->why, "%s: %s is not there", w->conn->uri, list->key);
	} else {
		(void)conn_complain(w->conn, rc, w->why, "reading owners");
	}
	ldap_msgfree(message);
	free(attributes);
	if (found == FOUND_YES && n->owner.count == 0 && n->owner_prefix != NULL && n->local_part != NULL)
		found = queue_owner_group(w, list->address, via);
	return found;
}
