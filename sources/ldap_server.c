/*
 * What the servers of a source can do, for people: each is asked for itself, and the technique by which
 * members would be read is tried on a group that is there.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>

/* One member proves enough. */
static bool
stop(void *arg, const struct member *m)
{
	(void)arg, (void)m;
	return false;
}

/* A group that has members: its DN, allocated; NULL: none can be seen. */
static char *
some_group(const struct ldap_source *l, struct conn *c, struct deadline by)
{
	static char nothing[] = LDAP_NO_ATTRS;
	const struct names *n = &l->config.names;
	char *attributes[] = { nothing, NULL }, *dn = NULL, *copy;
	struct bytes filter = { 0 };
	LDAPMessage *message = NULL, *entry;

	bytes_format(&filter, "(&%s(%s=*))", n->groups, n->member);
	/* More than one is a limit exceeded, and the one is there all the same. */
	(void)conn_search(c, l->config.base, LDAP_SCOPE_SUBTREE, filter.data, attributes, 1, by, &message);
	entry = message == NULL ? NULL : ldap_first_entry(c->ld, message);
	if (entry != NULL)
		dn = ldap_get_dn(c->ld, entry);
	copy = mem_text(dn);
	ldap_memfree(dn);
	ldap_msgfree(message);
	bytes_free(&filter);
	return copy;
}

/* Reads a member of a group, as far as that goes: the connection knows more then. */
static void
try_group(struct ldap_source *l, struct conn *c, const char *dn, struct deadline by)
{
	struct list *list = list_new(mem_text("rollcall-probe@invalid"), NULL, mem_text(dn), NULL);
	struct walk_report report = { 0 };
	struct complaint stopped;

	(void)ldap_walk(l, c, list, PEOPLE_MEMBERS, by, stop, NULL, &report, &stopped);
	list_drop(&list);
}

/* By which technique members are read over the connection, and why. */
static void
choose(struct ldap_source *l, struct conn *c, struct deadline by, struct server_report *r,
       struct bytes *reason)
{
	bool by_dn = or_works(c, l->config.base, by);
	char *group = some_group(l, c, by);

	if (group != NULL)
		try_group(l, c, group, by);
	if (l->config.technique != TECHNIQUE_AUTO) {
		r->technique = ldap_technique_words[l->config.technique];
		bytes_add_text(reason, "configured");
	} else if (conn_dereferences(c)) {
		r->technique = ldap_technique_words[TECHNIQUE_DEREF];
		bytes_format(reason, "the server lists the dereference control, %s %s",
		             c->can.deref_proven ? "which has named a member of"
		                                 : "and has named no member yet; tried on",
		             group == NULL ? "nothing, since no group has members" : group);
	} else {
		r->technique = ldap_technique_words[by_dn ? TECHNIQUE_OR : TECHNIQUE_BASE];
		bytes_format(reason, "the server %s the dereference control, and a search by %s %s",
		             c->can.deref_silent ? "lists and does not heed"
		             : c->can.deref      ? "lists and refuses"
		                                 : "does not list",
		             c->can.dn_attribute, by_dn ? "finds the base" : "does not find the base");
	}
	r->reason = bytes_text(reason);
	free(group);
}

void
ldap_each_server(struct ldap_source *l, struct deadline by, server_fn *fn, void *arg)
{
	const struct conn_config *config = &l->config.conn;

	for (size_t i = 0; i < config->uri.count; i++) {
		struct server_report r = { .kind = l->source.ops->kind, .name = config->uri.items[i] };
		struct bytes reason = { 0 };
		struct complaint why;
		struct conn *c = conn_open(config, r.name, by, &why);
		int64_t began = clock_ticks_us();

		if (c == NULL) {
			r.error = why.text;
		} else {
			(void)or_works(c, l->config.base, by);
			r.round_trip = clock_ticks_us() - began;
			if (l->config.names.member != NULL)
				choose(l, c, by, &r, &reason);
			conn_close(&c);
		}
		fn(arg, &r);
		bytes_free(&reason);
	}
}
