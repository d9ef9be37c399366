/* LDAP URLs of groups. */
#include "sources/ldap_url.h"

#include "base/mem.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_query.h"

#include <ldap.h>
#include <string.h>

char *
url_filter(const char *text, struct complaint *why)
{
	char *filter = *text == '(' ? mem_text(text) : mem_format("(%s)", text);

	if (query_check_filter(filter, why) < 0)
		mem_drop(&filter);
	return filter;
}

int
url_check_base(const char *dn, const char *base, const struct text_list *bases, struct complaint *why)
{
	bool allowed = dn_within(dn, base);

	for (size_t i = 0; !allowed && i < bases->count; i++)
		allowed = dn_within(dn, bases->items[i]);
	return allowed ? 0 : complain(why, "%s lies below neither base nor url-bases", dn);
}

/* What a URL must not say. libldap makes no server of some texts that stand where one belongs. */
static int
check_url(const char *text, const LDAPURLDesc *url, const char *base, const struct text_list *bases,
          struct complaint *why)
{
	const char *colon = strstr(text, "://"), *server = colon == NULL ? text : colon + 3;
	size_t length = strcspn(server, "/?>");

	if (strcmp(url->lud_scheme, "ldap") != 0)
		return complain(why, "it is of %s, not ldap", url->lud_scheme);
	if (length > 0)
		return complain(why, "it names the server %.*s", (int)length, server);
	if (url->lud_crit_exts > 0)
		return complain(why, "it asks for an extension");
	if (url->lud_dn == NULL || *url->lud_dn == '\0')
		return 0;
	return url_check_base(url->lud_dn, base, bases, why);
}

int
url_search_read(struct url_search *s, const char *text, const char *base,
                const struct text_list *bases, struct complaint *why)
{
	LDAPURLDesc *url = NULL;

	*s = (struct url_search){ 0 };
	if (ldap_url_parse(text, &url) != LDAP_URL_SUCCESS)
		return complain(why, "it is no LDAP URL");
	if (check_url(text, url, base, bases, why) == 0)
		s->filter = url_filter(url->lud_filter == NULL ? "(objectClass=*)" : url->lud_filter,
		                       why);
	if (s->filter != NULL) {
		s->base = mem_text(url->lud_dn == NULL || *url->lud_dn == '\0' ? base : url->lud_dn);
		/* RFC 4516 section 2. */
		s->scope = url->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_BASE : url->lud_scope;
	}
	ldap_free_urldesc(url);
	return s->filter == NULL ? -1 : 0;
}
