/*
 * A search that may find many entries: in pages where the server has them (RFC 2696), one after the
 * other, since servers keep the place in only one such search of a connection. Only what the server
 * says is whole counts.
 */
#ifndef SOURCES_LDAP_PAGED_H
#define SOURCES_LDAP_PAGED_H

#include "sources/ldap_conn.h"

struct paged_search {
	const char *base;
	int scope;
	const char *filter;
	char **attributes;
	int64_t page;                     /* entries on each */
	struct deadline by;
	const char *doing;                /* for complaints: "looking for all lists" */
	/* Called for each entry. False ends the search, and has said why. */
	bool (*entry)(void *arg, LDAPMessage *);
	void *arg;
};

/* False with a complaint: an entry may be missing. The connection is then of no use any more. */
bool paged_run(const struct paged_search *, struct conn *, struct complaint *);

#endif
