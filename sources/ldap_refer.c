/*
 * References to other servers. What they stand for is not read, so that an answer with one may lack
 * something. But a search from the top of an Active Directory domain always comes with references to
 * the parts of the directory that hold no people: its configuration and zones of the DNS.
 */
#include "sources/ldap_dn.h"
#include "sources/ldap_source.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Reads from the rootDSE where there are no people. */
static void
read_contexts(struct conn *c, struct deadline by)
{
	static char names[][32] = { "configurationNamingContext", "defaultNamingContext",
		                    "rootDomainNamingContext" };
	static const char *const before[] = { "", "DC=DomainDnsZones,", "DC=ForestDnsZones," };
	char *attributes[] = { names[0], names[1], names[2], NULL };
	LDAPMessage *message = NULL, *entry = NULL;

	if (conn_search(c, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, by, &message) ==
	    LDAP_SUCCESS)
		entry = ldap_first_entry(c->ld, message);
	c->can.probed_contexts = !c->given_up;
	for (size_t i = 0; entry != NULL && i < sizeof(before) / sizeof(*before); i++) {
		char *context = ldap_value(c, entry, names[i]);
		char *dn = context == NULL ? NULL : mem_format("%s%s", before[i], context);

		if (dn != NULL)
			text_list_add(&c->can.no_people, dn, strlen(dn));
		free(dn);
		free(context);
	}
	ldap_msgfree(message);
}

static bool
leads_to_people(const struct conn *c, const char *uri)
{
	LDAPURLDesc *url = NULL;
	bool leads;

	if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS)
		return true;
	leads = url->lud_dn == NULL || !dn_listed(url->lud_dn, &c->can.no_people);
	ldap_free_urldesc(url);
	return leads;
}

bool
conn_refers(struct conn *c, LDAPMessage *reference, struct deadline by)
{
	char **uris = NULL;
	bool leads = true;

	if (!c->can.probed_contexts)
		read_contexts(c, by);
	if (ldap_parse_reference(c->ld, reference, &uris, NULL, 0) != LDAP_SUCCESS)
		return true;
	if (uris != NULL && uris[0] != NULL)
		leads = leads_to_people(c, uris[0]);
	ldap_memvfree((void **)uris);
	return leads;
}
