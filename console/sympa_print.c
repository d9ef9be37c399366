/* What Sympa's lists come to: groups for the directory as LDIF, and a part of rollcall.yaml. */
#include "base/mem.h"
#include "console/sympa.h"
#include "mail/address.h"
#include "mail/mime.h"

#include <stdlib.h>
#include <string.h>

/* ---- groups for the directory ---- */

static void
add_line(struct bytes *out, const char *name, const char *value)
{
	bool plain = strchr(" :<", *value) == NULL;

	for (const char *p = value; *p != '\0'; p++)
		plain = plain && (unsigned char)*p < 128;
	bytes_format(out, plain ? "%s: %s" : "%s:: ", name, value);
	if (!plain)
		mime_base64(out, value, strlen(value));
	bytes_add_char(out, '\n');
}

/* Where the group of a list lies; "" names the place of all of them. */
static char *
group_dn(const struct sympa_server *s, const char *address)
{
	struct bytes dn = { 0 };

	if (*address != '\0')
		bytes_add_text(&dn, "cn=");
	for (const char *p = address; *p != '\0'; p++)
		bytes_format(&dn, strchr(",+\"\\<>;=# ", *p) != NULL ? "\\%02x" : "%c", (unsigned char)*p);
	bytes_format(&dn, "%sou=%s,%s", *address == '\0' ? "" : ",", s->name, s->base);
	return bytes_take(&dn);
}

/* One group, if any search of the list goes to that server. */
static void
add_group(struct bytes *out, const struct sympa_server *server, const struct sympa_list *l)
{
	bool begun = false;

	for (size_t i = 0; i < l->count; i++) {
		const struct sympa_search *s = l->all[i];
		char *dn, *url;

		if (s->server != server)
			continue;
		url = sympa_url(s);
		if (!begun) {
			dn = group_dn(server, l->list->address);
			bytes_add_char(out, '\n');
			add_line(out, "dn", dn);
			add_line(out, "objectClass", "groupOfURLs");
			add_line(out, "objectClass", "mailGroup");
			add_line(out, "cn", l->list->address);
			add_line(out, "mail", l->list->address);
			add_line(out, "businessCategory", server->name);
			free(dn);
			begun = true;
		}
		add_line(out, "memberURL", url);
		free(url);
	}
}

void
sympa_print_groups(struct bytes *out, const struct sympa *all)
{
	bytes_format(out, "# Groups for directories: what Sympa's searches find is their members.\n%s",
	             bytes_text(&all->remarks));
	for (const struct sympa_server *s = all->servers; s != NULL; s = s->next) {
		char *dn = group_dn(s, "");

		bytes_format(out, "\n# For %s\n", s->uri);
		add_line(out, "dn", dn);
		add_line(out, "objectClass", "organizationalUnit");
		add_line(out, "ou", s->name);
		free(dn);
		for (const struct sympa_list *l = all->lists; l != NULL; l = l->next)
			add_group(out, s, l);
	}
}

/* ---- the configuration ---- */

static void
add_words(struct bytes *out, enum sympa_posters posters)
{
	static const char *const words[] = { "members", "owners", "moderators", "known" };
	const char *comma = "";

	if (posters == 0 || posters == SYMPA_ANYONE) {
		bytes_add_text(out, posters == 0 ? "nobody" : "anyone");
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if ((posters & 1U << i) != 0) {
			bytes_format(out, "%s%s", comma, words[i]);
			comma = ", ";
		}
}

static void
add_source(struct bytes *out, const struct sympa_server *s)
{
	bytes_format(out, "  %s:\n    kind: ldap\n%s", s->name, s->settings);
	if (strstr(s->settings, "    bind: simple\n") != NULL)
		bytes_format(out, "    password-file: /etc/rollcall/%s.password\n", s->name);
	bytes_add_text(out, "    base: ");
	sympa_quote(out, s->base);
	for (size_t i = 0; i < s->others.count; i++) {
		bytes_add_text(out, i == 0 ? "\n    url-bases: [ " : ", ");
		sympa_quote(out, s->others.items[i]);
	}
	bytes_format(out, "%s\n    preset: groupOfURLs\n    filter: (businessCategory=%s)\n",
	             s->others.count == 0 ? "" : " ]", s->name);
}

/* Whether the domain was there with a list before. */
static bool
is_first(const struct sympa *all, const struct sympa_list *l)
{
	const char *domain = address_domain(l->list->address);
	const struct sympa_list *before = all->lists;

	while (before != l && strcmp(address_domain(before->list->address), domain) != 0)
		before = before->next;
	return before == l;
}

/* Whoever may post to each list of the domain may to all. */
static void
add_destination(struct bytes *out, const struct sympa *all, const char *domain)
{
	unsigned posters = SYMPA_ANYONE;

	bytes_format(out, "  %s:\n    sources: [ sympa", domain);
	for (const struct sympa_server *s = all->servers; s != NULL; s = s->next)
		bytes_format(out, ", %s", s->name);
	bytes_add_text(out, " ]\n");
	for (const struct sympa_list *l = all->lists; l != NULL; l = l->next) {
		if (strcmp(address_domain(l->list->address), domain) != 0)
			continue;
		posters &= (unsigned)l->posters;
		bytes_format(out, "    # %s: send %s: ", l->list->address,
		             l->send == NULL ? "is not there" : l->send);
		add_words(out, l->posters);
		bytes_add_char(out, '\n');
	}
	bytes_add_text(out, "    check:\n      - posters: { allow: [ ");
	add_words(out, (enum sympa_posters)posters);
	bytes_add_text(out, " ] }\n");
}

void
sympa_print_config(struct bytes *out, const struct sympa *all)
{
	bytes_format(out, "# For rollcall.yaml: what Sympa's lists come from.\n%ssources:\n"
	             "  sympa:\n    kind: file\n    path: /etc/rollcall/sympa.json\n",
	             bytes_text(&all->remarks));
	for (const struct sympa_server *s = all->servers; s != NULL; s = s->next)
		add_source(out, s);
	bytes_add_text(out, "destinations:\n");
	for (const struct sympa_list *l = all->lists; l != NULL; l = l->next)
		if (is_first(all, l))
			add_destination(out, all, address_domain(l->list->address));
}
