/*
 * Reading who may post from a group's entry. What is not understood becomes a rule that closes the
 * list: whoever wrote it meant to keep somebody out.
 */
#include "sources/ldap_posting.h"

#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the flavours have; see docs/sources.md. */
static const struct {
	const char *name, *allow, *deny, *policy, *moderator;
} sets[] = {
	{ "none", NULL, NULL, NULL, NULL },
	/* Netscape: a domain is meant with all below it. */
	{ "mailGroup", "mgrpAllowedBroadcaster poster, mgrpAllowedDomain subdomains", NULL,
	  "mgrpBroadcasterPolicy broadcast", "mgrpModerator" },
	/* Sun: a pattern. */
	{ "inetMailGroup", "mgrpAllowedBroadcaster poster, mgrpAllowedDomain glob",
	  "mgrpDisallowedBroadcaster poster, mgrpDisallowedDomain glob",
	  "mgrpBroadcasterPolicy broadcast", "mgrpModerator" },
	{ "qmailGroup",
	  "dnsender person, rfc822sender address, filtersender filter, membersonly members", NULL, NULL,
	  "dnmoderator, rfc822moderator" },
	{ "iRedMail", "listAllowedUser sender", NULL, "accessPolicy access", "listModerator" },
	{ "exchange", "authOrig person, dLMemSubmitPerms group, msExchRequireAuthToSendTo login",
	  "unauthOrig person, dLMemRejectPerms group", NULL, "msExchModeratedByLink" },
	{ "zimbra", "zimbraACE ace", NULL, NULL, NULL },
	{ "tmail", NULL, NULL, "businessCategory tmail", NULL },
};

const char *
posting_of_set(const char *set, enum name_id name)
{
	size_t i = 0;

	while (i < sizeof(sets) / sizeof(*sets) && (set == NULL || strcmp(sets[i].name, set) != 0))
		i++;
	if (i == sizeof(sets) / sizeof(*sets))
		return NULL;
	return name == NAME_ALLOW       ? sets[i].allow
	       : name == NAME_DENY      ? sets[i].deny
	       : name == NAME_POLICY    ? sets[i].policy
	       : name == NAME_MODERATOR ? sets[i].moderator
	                                : NULL;
}

/* ---- values ---- */

/* One value that is read, for a list. */
struct value {
	struct poster_list *to;
	enum poster_effect effect;
	const char *domain;               /* of the list */
	const char *text;
	char *origin;
};

/* To be allowed by a domain is one thing, by anything else another, and both have to be. */
enum { CLAUSE_WHO, CLAUSE_DOMAIN };

static bool
add(const struct value *v, enum poster_kind kind, const char *text)
{
	bool domain = kind == POSTER_DOMAIN || kind == POSTER_SUBDOMAINS || kind == POSTER_GLOB;

	posters_add(v->to, v->effect, kind, domain ? CLAUSE_DOMAIN : CLAUSE_WHO, text, v->origin);
	return true;
}

static bool
add_dn(const struct value *v, enum poster_kind kind)
{
	LDAPDN dn = NULL;
	bool good = *v->text != '\0' && ldap_str2dn(v->text, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS;

	ldap_dnfree(dn);
	return good && add(v, kind, v->text);
}

static bool
add_domain(const struct value *v, enum poster_kind kind, const char *text)
{
	struct complaint unused;
	char *domain = domain_canonical(text, strlen(text), &unused);

	if (domain != NULL)
		(void)add(v, kind, domain);
	free(domain);
	return domain != NULL;
}

static bool
read_address(const struct value *v)
{
	struct address a;

	if (!ldap_mailbox(v->text, strlen(v->text), &a))
		return false;
	(void)add(v, POSTER_ADDRESS, a.canonical);
	address_free(&a);
	return true;
}

static bool
read_person(const struct value *v)
{
	return add_dn(v, POSTER_PERSON);
}

static bool
read_group(const struct value *v)
{
	return add_dn(v, POSTER_GROUP);
}

/* A server that is named is none that we ask. */
static bool
read_url(const struct value *v)
{
	LDAPURLDesc *url = NULL;
	bool good = ldap_url_parse(v->text, &url) == LDAP_URL_SUCCESS && url->lud_dn != NULL &&
	            (url->lud_host == NULL || *url->lud_host == '\0') && url->lud_exts == NULL &&
	            strncasecmp(v->text, "ldap:///", 8) == 0;

	if (url != NULL)
		ldap_free_urldesc(url);
	return good && add(v, POSTER_URL, v->text);
}

static bool
read_poster(const struct value *v)
{
	if (strncasecmp(v->text, "ldap", 4) == 0 && strstr(v->text, "://") != NULL)
		return read_url(v);
	return read_address(v) || add_dn(v, POSTER_ENTRY);
}

static bool
read_domain(const struct value *v)
{
	return add_domain(v, POSTER_DOMAIN, v->text);
}

static bool
read_subdomains(const struct value *v)
{
	return add_domain(v, POSTER_SUBDOMAINS, v->text);
}

static bool
read_glob(const struct value *v)
{
	if (strchr(v->text, '*') == NULL)
		return read_domain(v);
	return strpbrk(v->text, "?[]@ ") == NULL && add(v, POSTER_GLOB, v->text);
}

/* iRedMail: an address, a domain, .domain with all below it, or *@domain. */
static bool
read_sender(const struct value *v)
{
	size_t before = v->to->count;
	bool good;

	if (*v->text == '.')
		good = add_domain(v, POSTER_SUBDOMAINS, v->text + 1);
	else if (strncmp(v->text, "*@", 2) == 0 || *v->text == '@')
		good = add_domain(v, POSTER_DOMAIN, strchr(v->text, '@') + 1);
	else
		good = strchr(v->text, '@') != NULL ? read_address(v) : read_domain(v);
	if (good)                         /* one of several ways, and not a condition of its own */
		v->to->items[before].clause = CLAUSE_WHO;
	return good;
}

static bool
read_filter(const struct value *v)
{
	struct complaint unused;

	return query_check_filter(v->text, &unused) == 0 && add(v, POSTER_FILTER, v->text);
}

static bool
read_members(const struct value *v)
{
	if (text_same(v->text, "FALSE"))
		return true;
	return text_same(v->text, "TRUE") && add(v, POSTER_MEMBERS, NULL);
}

static bool
read_login(const struct value *v)
{
	if (text_same(v->text, "FALSE"))
		return true;
	if (!text_same(v->text, "TRUE"))
		return false;
	posters_add(v->to, POSTER_REQUIRE, POSTER_LOGIN, CLAUSE_WHO, NULL, v->origin);
	return true;
}

/*
 * "granteeId type right" of Zimbra, the right with '-' before it where it is taken away, and with '+'
 * where it can be handed on.
 */
static bool
read_ace(const struct value *v)
{
	static const struct {
		const char *type;
		enum poster_kind kind;
		bool by_id;
	} types[] = { { "usr", POSTER_FILTER, true },
		      { "grp", POSTER_GROUP_FILTER, true },
		      { "all", POSTER_KNOWN, false },
		      { "pub", POSTER_ANYONE, false } };
	char id[256], type[16], right[64];
	struct value one = *v;
	struct bytes filter = { 0 };
	size_t i = 0;
	int end = 0;

	if (sscanf(v->text, "%255s %15s %63s%n", id, type, right, &end) != 3 || v->text[end] != '\0')
		return false;
	if (strcmp(right + strspn(right, "-+*"), "sendToDistList") != 0)
		return true;              /* about other things */
	if (*right == '*')
		return false;
	if (*right == '-')
		one.effect = POSTER_DENY;
	one.text = id;
	if (strcmp(type, "email") == 0 || strcmp(type, "gst") == 0)
		return read_address(&one);
	if (strcmp(type, "edom") == 0) {
		bool good = read_domain(&one);

		if (good)
			one.to->items[one.to->count - 1].clause = CLAUSE_WHO;
		return good;
	}
	while (i < sizeof(types) / sizeof(*types) && strcmp(types[i].type, type) != 0)
		i++;
	if (i == sizeof(types) / sizeof(*types))
		return false;
	if (types[i].by_id)
		query_equals(&filter, "zimbraId", id, strlen(id));
	(void)add(&one, types[i].kind, filter.data);
	bytes_free(&filter);
	return true;
}

/* A word and what it stands for. */
struct meaning {
	const char *word;
	enum poster_kind kinds[3];        /* up to POSTER_UNREADABLE */
};

static bool
read_word(const struct value *v, const struct meaning *meanings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!text_same(meanings[i].word, v->text))
			continue;
		for (const enum poster_kind *k = meanings[i].kinds; *k != POSTER_UNREADABLE; k++) {
			bool domain = *k == POSTER_DOMAIN || *k == POSTER_SUBDOMAINS;

			posters_add(v->to, v->effect, *k, CLAUSE_WHO, domain ? v->domain : NULL,
			            v->origin);
		}
		return true;
	}
	return false;
}

#define JUST(kind) { kind, POSTER_UNREADABLE }

static bool
read_access(const struct value *v)
{
	static const struct meaning meanings[] = {
		{ "public", JUST(POSTER_ANYONE) },
		{ "domain", JUST(POSTER_DOMAIN) },
		{ "subdomain", JUST(POSTER_SUBDOMAINS) },
		{ "membersonly", JUST(POSTER_MEMBERS) },
		{ "moderatorsonly", JUST(POSTER_MODERATORS) },
		{ "allowedonly", JUST(POSTER_MODERATORS) },
		{ "membersandmoderatorsonly", { POSTER_MEMBERS, POSTER_MODERATORS, POSTER_UNREADABLE } },
	};

	return read_word(v, meanings, sizeof(meanings) / sizeof(*meanings));
}

static bool
read_tmail(const struct value *v)
{
	static const struct meaning meanings[] = {
		{ "openList", JUST(POSTER_ANYONE) },
		{ "internalList", JUST(POSTER_KNOWN) },
		{ "memberRestrictedList", JUST(POSTER_MEMBERS) },
		{ "ownerRestrictedList", JUST(POSTER_OWNERS) },
		{ "domainRestrictedList", JUST(POSTER_DOMAIN) },
	};

	return read_word(v, meanings, sizeof(meanings) / sizeof(*meanings));
}

/* Words with AND between them. A password in a header is nothing that we could look at. */
static bool
read_broadcast(const struct value *v)
{
	static const char *const logins[] = { "AUTH_REQ", "SMTP_AUTH_REQ", "SMTP_AUTH_REQUIRED", NULL };
	const char *at = v->text;
	bool good = true, login = false;

	while (good && *(at += strspn(at, " ,")) != '\0') {
		size_t length = strcspn(at, " ,"), i = 0;

		while (logins[i] != NULL && !text_same_n(at, length, logins[i]))
			i++;
		login |= logins[i] != NULL;
		good = logins[i] != NULL || text_same_n(at, length, "AND") ||
		       text_same_n(at, length, "NO_REQUIREMENTS");
		at += length;
	}
	if (good && login)
		posters_add(v->to, POSTER_REQUIRE, POSTER_LOGIN, CLAUSE_WHO, NULL, v->origin);
	return good;
}

static const struct {
	const char *word;
	bool (*read)(const struct value *);
} kinds[] = {
	{ "address", read_address },     { "person", read_person }, { "group", read_group },
	{ "poster", read_poster },       { "domain", read_domain }, { "subdomains", read_subdomains },
	{ "glob", read_glob },           { "sender", read_sender }, { "filter", read_filter },
	{ "members", read_members },     { "login", read_login },   { "ace", read_ace },
	{ "access", read_access },       { "tmail", read_tmail },   { "broadcast", read_broadcast },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* ---- settings ---- */

int
posting_check_kind(const char *word, struct complaint *why)
{
	const char *words[KINDS + 1] = { NULL };

	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].word, word) == 0)
			return 0;
		words[i] = kinds[i].word;
	}
	return complain(why, "there is no kind of values \"%s\"%s", word, text_hint(word, words).text);
}

int
posting_check_set(const char *word, struct complaint *why)
{
	const char *words[sizeof(sets) / sizeof(*sets) + 1] = { NULL };

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		if (strcmp(sets[i].name, word) == 0)
			return 0;
		words[i] = sets[i].name;
	}
	return complain(why, "there is no set of attributes \"%s\"%s", word, text_hint(word, words).text);
}

/* ---- entries ---- */

/* The values of an attribute, which is said how to read. */
static void
read_values(struct list *list, const struct conn *c, LDAPMessage *entry, enum poster_effect effect,
            const char *attribute, bool (*read)(const struct value *))
{
	struct berval **values = conn_values(c, entry, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		char *text = mem_copy(values[i]->bv_val, values[i]->bv_len);
		struct value v = { &list->posters, effect, address_domain(list->address), text,
			           mem_format("%s: %s", attribute, text) };

		if (strlen(text) != values[i]->bv_len || !read(&v))
			posters_add(&list->posters, effect, POSTER_UNREADABLE, CLAUSE_WHO, NULL, v.origin);
		free(v.origin);
		free(text);
	}
	ldap_value_free_len(values);
}

static void
read_rules(struct list *list, const struct conn *c, LDAPMessage *entry, enum poster_effect effect,
           const struct text_list *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		size_t length = strcspn(rules->items[i], " "), k = 0;
		char *attribute = mem_copy(rules->items[i], length);

		while (strcmp(kinds[k].word, rules->items[i] + length + 1) != 0)
			k++;
		read_values(list, c, entry, effect, attribute, kinds[k].read);
		free(attribute);
	}
}

/* A server that gives the values of some attribute in ranges has shown a part of the rules only. */
static void
look_for_ranges(struct list *list, const struct conn *c, LDAPMessage *entry)
{
	BerElement *ber = NULL;

	for (char *a = ldap_first_attribute(c->ld, entry, &ber); a != NULL;
	     a = ldap_next_attribute(c->ld, entry, ber)) {
		if (strcasestr(a, ";range=") != NULL)
			posters_add(&list->posters, POSTER_DENY, POSTER_UNREADABLE, CLAUSE_WHO, NULL, a);
		ldap_memfree(a);
	}
	ber_free(ber, 0);
}

void
ldap_read_posting(struct list *list, const struct conn *c, const struct names *n, LDAPMessage *entry)
{
	look_for_ranges(list, c, entry);
	read_rules(list, c, entry, POSTER_DENY, &n->deny);
	read_rules(list, c, entry, POSTER_ALLOW, &n->policy);
	read_rules(list, c, entry, POSTER_ALLOW, &n->allow);
	for (size_t i = 0; i < n->owner.count; i++)
		read_values(list, c, entry, POSTER_IS_OWNER, n->owner.items[i], read_poster);
	for (size_t i = 0; i < n->owner_address.count; i++)
		read_values(list, c, entry, POSTER_IS_OWNER, n->owner_address.items[i], read_address);
	for (size_t i = 0; i < n->moderator.count; i++)
		read_values(list, c, entry, POSTER_IS_MODERATOR, n->moderator.items[i], read_poster);
}

/* Adds the attributes that this reads; those of rules end at the blank. */
static void
add_names(struct text_list *to, const struct text_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		text_list_add(to, from->items[i], strcspn(from->items[i], " "));
}

void
ldap_posting_attributes(const struct names *n, struct text_list *to)
{
	add_names(to, &n->allow);
	add_names(to, &n->deny);
	add_names(to, &n->policy);
	add_names(to, &n->moderator);
	add_names(to, &n->owner);
	add_names(to, &n->owner_address);
}
