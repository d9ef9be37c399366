/*
 * Which addresses a group has. Most carry them; where the site takes the names of groups for
 * addresses, a group that carries none in a domain of lists has its names there.
 */
#include "base/mem.h"
#include "sources/ldap_source.h"

#include <stdlib.h>
#include <string.h>

bool
ldap_mailbox(const char *value, size_t length, struct address *a)
{
	static const char *const before[] = { "mailto:", "smtp:" };
	struct complaint unused;

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		size_t skip = strlen(before[i]);

		if (length > skip && strncasecmp(value, before[i], skip) == 0)
			return address_parse(a, value + skip, length - skip, &unused) == 0;
	}
	return address_parse(a, value, length, &unused) == 0;
}

void
address_choice_offer(struct address_choice *c, const char *value, size_t length)
{
	bool primary = length > 5 && memcmp(value, "SMTP:", 5) == 0;
	struct address a;

	if (c->found && (c->primary || !primary))
		return;
	if (!ldap_mailbox(value, length, &a)) {
		if (c->refused == NULL) {
			c->refused = mem_copy(value, length);
			c->length = length;
		}
		return;
	}
	address_free(&c->address);
	c->address = a;
	c->found = true;
	c->primary = primary;
}

void
address_choice_free(struct address_choice *c)
{
	address_free(&c->address);
	free(c->refused);
}

/* Keeps the lesser of two. Values have no order that could be relied on. */
static void
keep_least(char **least, const char *canonical)
{
	if (*least != NULL && strcmp(canonical, *least) >= 0)
		return;
	free(*least);
	*least = mem_text(canonical);
}

/* Adds the values of an attribute; the least of them that is in the domain, allocated, or NULL. */
static char *
add_values(struct group_addresses *g, const struct conn *c, LDAPMessage *entry,
           const char *attribute, const char *domain)
{
	struct berval **values = conn_values(c, entry, attribute);
	char *least = NULL;

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		struct address a;

		if (!ldap_mailbox(values[i]->bv_val, values[i]->bv_len, &a))
			continue;
		text_list_add_once(&g->all, a.canonical);
		if (strcmp(address_domain(a.canonical), domain) == 0)
			keep_least(&least, a.canonical);
		address_free(&a);
	}
	ldap_value_free_len(values);
	return least;
}

/* The value of the naming attribute that is a part of the entry's DN, as an address; or NULL. */
static char *
distinguished(const struct conn *c, LDAPMessage *entry, const char *attribute, const char *domain)
{
	char *text = ldap_get_dn(c->ld, entry), *canonical = NULL;
	struct complaint unused;
	LDAPDN dn = NULL;

	if (ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && dn != NULL)
		for (LDAPAVA **ava = dn[0]; *ava != NULL && canonical == NULL; ava++) {
			struct address a;

			if (text_same_n((*ava)->la_attr.bv_val, (*ava)->la_attr.bv_len, attribute) &&
			    address_of_local(&a, (*ava)->la_value.bv_val, (*ava)->la_value.bv_len,
			                     domain, &unused) == 0) {
				canonical = mem_text(a.canonical);
				address_free(&a);
			}
		}
	ldap_dnfree(dn);
	ldap_memfree(text);
	return canonical;
}

/*
 * The address by its name that a group goes by, allocated: the name in its DN, as RFC 2307 section
 * 5.6 has it, or else the least. Adds them all to `g` unless that is NULL.
 */
static char *
add_names(struct group_addresses *g, const struct conn *c, const struct names *n,
          LDAPMessage *entry, const char *domain)
{
	struct berval **values = conn_values(c, entry, n->local_part);
	char *own = values == NULL ? NULL : distinguished(c, entry, n->local_part, domain);
	char *least = NULL;
	bool seen = false;                /* the server shows it as a value, too */

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		struct complaint unused;
		struct address a;

		if (address_of_local(&a, values[i]->bv_val, values[i]->bv_len, domain, &unused) < 0)
			continue;
		if (g != NULL)
			text_list_add_once(&g->all, a.canonical);
		keep_least(&least, a.canonical);
		seen = seen || (own != NULL && strcmp(own, a.canonical) == 0);
		address_free(&a);
	}
	ldap_value_free_len(values);
	if (!seen) {
		free(own);
		return least;
	}
	free(least);
	return own;
}

/* Whether a group goes by its alternates at all. */
static bool
has_alternates(const struct conn *c, const struct names *n, LDAPMessage *entry)
{
	return n->alternate_flag == NULL || conn_has(c, entry, n->alternate_flag, n->alternate_word);
}

void
group_addresses_read(struct group_addresses *g, const struct conn *c, const struct names *n,
                     LDAPMessage *entry, const char *domain)
{
	size_t count = n->address.count > 1 && !has_alternates(c, n, entry) ? 1 : n->address.count;

	*g = (struct group_addresses){ 0 };
	for (size_t i = 0; i < count; i++) {
		char *least = add_values(g, c, entry, n->address.items[i], domain);

		if (g->own == NULL)
			g->own = least;
		else
			free(least);
	}
	if (g->own == NULL && n->local_part != NULL)
		g->own = add_names(g, c, n, entry, domain);
}

void
group_addresses_free(struct group_addresses *g)
{
	text_list_free(&g->all);
	mem_drop(&g->own);
}

char *
group_name_address(const struct conn *c, const struct names *n, LDAPMessage *entry,
                   const char *domain)
{
	return n->local_part == NULL ? NULL : add_names(NULL, c, n, entry, domain);
}

char *
ldap_value(const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = conn_values(c, entry, attribute);
	char *text = NULL;

	if (values != NULL && values[0] != NULL)
		text = mem_copy(values[0]->bv_val, values[0]->bv_len);
	ldap_value_free_len(values);
	return text;
}

void
ldap_values(struct text_list *to, const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = conn_values(c, entry, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		text_list_add(to, values[i]->bv_val, values[i]->bv_len);
	ldap_value_free_len(values);
}

/* Also behind "dn=", as Netscape's manual has them. */
void
ldap_exceptions(struct text_list *to, const struct conn *c, const struct names *n, LDAPMessage *entry)
{
	struct berval **values = conn_values(c, entry, n->member_except);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		size_t skip = strncasecmp(values[i]->bv_val, "dn=", 3) == 0 ? 3 : 0;

		text_list_add(to, values[i]->bv_val + skip, values[i]->bv_len - skip);
	}
	ldap_value_free_len(values);
}

static char *
errors_address(const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	char *text = ldap_value(c, entry, attribute), *canonical = NULL;
	struct address a;

	if (text != NULL && ldap_mailbox(text, strlen(text), &a)) {
		canonical = mem_text(a.canonical);
		address_free(&a);
	}
	free(text);
	return canonical;
}

static void
take_settings(struct list *list, const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = conn_values(c, entry, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		/* One with a NUL in it becomes none that is known, rather than its beginning. */
		text_list_add(&list->settings, values[i]->bv_val,
		              strlen(values[i]->bv_val) == values[i]->bv_len ? values[i]->bv_len : 0);
	ldap_value_free_len(values);
}

/* Blanks at the end go: one comes between the tag and the subject. */
static void
take_tag(struct list *list, const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	char *tag = ldap_value(c, entry, attribute), *setting;
	size_t length = tag == NULL ? 0 : strlen(tag);

	while (length > 0 && tag[length - 1] == ' ')
		length--;
	if (length > 0) {
		setting = mem_format("subject-tag: %.*s", (int)length, tag);
		text_list_add(&list->settings, setting, strlen(setting));
		free(setting);
	}
	free(tag);
}

/* The first line, as a reply may have it; more of it than fits there is of no use. */
static char *
refusal_text(const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	enum { LONGEST = 200 };
	char *text = ldap_value(c, entry, attribute);
	size_t length = text == NULL ? 0 : strcspn(text, "\r\n");

	if (length == 0 || length > LONGEST)
		length = length > LONGEST ? LONGEST : 0;
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	if (length == 0)
		mem_drop(&text);
	else
		text[length] = '\0';
	return text;
}

struct list *
ldap_list(const struct conn *c, const struct names *n, LDAPMessage *entry, const char *address)
{
	char *dn = ldap_get_dn(c->ld, entry);
	struct list *list = list_new(mem_text(address), ldap_value(c, entry, n->name), mem_text(dn),
	                             errors_address(c, entry, n->errors));

	ldap_memfree(dn);
	take_settings(list, c, entry, n->settings);
	take_tag(list, c, entry, n->tag);
	list->refusal = refusal_text(c, entry, n->refusal);
	ldap_list_state(list, c, n, entry);
	ldap_read_posting(list, c, n, entry);
	return list;
}
