/* A member who is a person: whether mail is sent to him, and where to. */
#include "sources/ldap_walk.h"

#include <string.h>

static void
omit_person(struct walk *w, LDAPMessage *entry, enum omission reason, const struct via *via)
{
	char *dn = ldap_get_dn(w->conn->ld, entry);

	walk_omit(w->report, reason, dn == NULL ? "" : dn, dn == NULL ? 0 : strlen(dn), via);
	ldap_memfree(dn);
}

/* Whether an entry is not one person with several addresses, but several people. */
static bool
is_several(struct walk *w, LDAPMessage *entry)
{
	const struct names *n = &w->config->names;
	struct berval **values = n->every_mail.count == 0 ? NULL : conn_values(w->conn, entry, n->classes);
	bool several = false;

	for (size_t i = 0; !several && values != NULL && values[i] != NULL; i++)
		several = text_list_same(&n->every_mail, values[i]->bv_val, values[i]->bv_len);
	ldap_value_free_len(values);
	return several;
}

/* Each address of an entry that is several people. */
static bool
walk_several(struct walk *w, LDAPMessage *entry, const struct via *via, unsigned wants)
{
	const struct text_list *mail = &w->config->names.mail;
	bool any = false, more = true;

	for (size_t k = 0; k < mail->count; k++) {
		struct berval **values = conn_values(w->conn, entry, mail->items[k]);

		for (size_t i = 0; more && values != NULL && values[i] != NULL; i++) {
			struct address a;

			any = true;
			if (ldap_mailbox(values[i]->bv_val, values[i]->bv_len, &a)) {
				more = walk_address(w, &a, via, false, wants);
				address_free(&a);
			} else {
				walk_refuse(w, values[i], via, "mailbox address");
			}
		}
		ldap_value_free_len(values);
	}
	if (!any)
		omit_person(w, entry, OMITTED_WITHOUT_ADDRESS, via);
	return more;
}

static bool
walk_one(struct walk *w, LDAPMessage *entry, const struct via *via, unsigned wants)
{
	const struct text_list *mail = &w->config->names.mail;
	struct address_choice c = { 0 };
	bool more = true;

	for (size_t k = 0; k < mail->count && !c.found; k++) {
		struct berval **values = conn_values(w->conn, entry, mail->items[k]);

		for (size_t i = 0; values != NULL && values[i] != NULL; i++)
			address_choice_offer(&c, values[i]->bv_val, values[i]->bv_len);
		ldap_value_free_len(values);
	}
	if (c.found)
		more = walk_address(w, &c.address, via, false, wants);
	else if (c.refused != NULL)
		source_refuse(w->report, via, c.refused, c.length, "mailbox address");
	else
		omit_person(w, entry, OMITTED_WITHOUT_ADDRESS, via);
	address_choice_free(&c);
	return more;
}

bool
walk_person(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	unsigned wants = ldap_preferences(w->config, w->conn, entry);

	if (!wishes_mail(&wants)) {
		omit_person(w, entry, OMITTED_CLOSED, via);
		return true;
	}
	return is_several(w, entry) ? walk_several(w, entry, via, wants) : walk_one(w, entry, via, wants);
}
