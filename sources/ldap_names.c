/* The names of things in a directory as a site configures them, and what some of their texts mean. */
#include "sources/ldap_presets.h"

#include "base/mem.h"
#include "sources/ldap_posting.h"
#include "sources/source.h"

#include <stdlib.h>
#include <string.h>

/* What a word about a state means. */
static const char *const meanings[] = { [LIST_OPEN] = "open", [LIST_PAUSED] = "paused",
	                                [LIST_CLOSED] = "closed" };

static bool
state_meaning(const char *word, enum list_state *state)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (strcmp(meanings[i], word) == 0) {
			*state = (enum list_state)i;
			return true;
		}
	return false;
}

enum list_state
names_state(const struct text_list *states, const char *word, size_t length)
{
	enum list_state state = LIST_OPEN;

	for (size_t i = 0; i < states->count; i++) {
		const char *item = states->items[i], *equals = strrchr(item, '=');

		if ((size_t)(equals - item) == length && strncasecmp(item, word, length) == 0) {
			(void)state_meaning(equals + 1, &state);
			return state;
		}
		if (strncmp(item, "*=", 2) == 0)
			(void)state_meaning(equals + 1, &state);
	}
	return state;
}

/* RFC 4512 section 2.5: a name or a number, and options. */
static int
check_attribute(const char *text, struct complaint *why)
{
	for (const char *p = text; *p != '\0'; p++) {
		char c = text_lower(*p);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != ';')
			return complain(why, "\"%s\" is no attribute", text);
	}
	return *text == '\0' ? complain(why, "an attribute has a name") : 0;
}

/* attribute=value, or attribute&bits. */
static int
check_condition(const char *text, struct complaint *why)
{
	size_t length = strcspn(text, "=&");
	char *attribute = mem_copy(text, length);
	int64_t bits;
	int rc = check_attribute(attribute, why);

	free(attribute);
	if (rc == 0 && text_same(text, "none"))
		return 0;
	if (rc == 0 && (text[length] == '\0' || text[length + 1] == '\0' ||
	                (text[length] == '&' && !text_number(text + length + 1, &bits))))
		rc = complain(why, "\"%s\" is no condition: attribute=value or attribute&bits", text);
	return rc;
}

static int
check_state(const char *text, struct complaint *why)
{
	const char *equals = strrchr(text, '=');
	enum list_state unused;

	if (equals == NULL || equals == text || !state_meaning(equals + 1, &unused))
		return complain(why, "\"%s\" is no meaning of a word: word=open, word=paused or word=closed",
		                text);
	return 0;
}

/* An attribute, a blank, and how its values are read. */
static int
check_rule(const char *text, struct complaint *why)
{
	size_t length = strcspn(text, " ");
	char *attribute = mem_copy(text, length);
	int rc = check_attribute(attribute, why);

	free(attribute);
	if (rc == 0 && text[length] == '\0')
		rc = complain(why, "\"%s\" says not how its values are read: \"%s address\"", text, text);
	return rc < 0 ? rc : posting_check_kind(text + length + 1, why);
}

#define RULES .kind = KIND_TEXTS, .check = check_rule
#define NAMES(f) .offset = offsetof(struct names, f)
#define ATTRIBUTE .kind = KIND_TEXT, .check = check_attribute
#define CONDITIONS .kind = KIND_TEXTS, .check = check_condition
#define ATTRIBUTES .kind = KIND_TEXTS, .check = check_attribute

const struct setting names_settings[NAME_COUNT + 1] = {
	[NAME_GROUPS] = { .name = "groups", .kind = KIND_TEXT, NAMES(groups),
	  .help = "The filter that all lists match, whatever their address." },
	[NAME_ADDRESS] = { .name = "address", ATTRIBUTES, NAMES(address),
	  .help = "Attributes of a group that hold its addresses. The first holds the list's own, which "
	          "members get to see; the others hold alternates." },
	[NAME_LOCAL_PART] = { .name = "local-part", ATTRIBUTE, NAMES(local_part),
	  .help = "The attribute with the names of a group, usually cn, that are its addresses before "
	          "the @ in a domain of lists where it has no other. Needs a filter, which says what is "
	          "a list." },
	[NAME_NAME] = { .name = "name", ATTRIBUTE, NAMES(name),
	  .help = "The attribute that describes the list to people." },
	[NAME_MEMBER] = { .name = "member", ATTRIBUTE, NAMES(member),
	  .help = "The attribute with the DNs of members. An entry that has it is a group, whatever its "
	          "class. Of uniqueMember the optional identifier behind the DN is left out." },
	[NAME_MEMBER_ALSO] = { .name = "member-also", ATTRIBUTES, NAMES(member_also),
	  .help = "Further attributes like member, for directories whose groups are of several kinds. The "
	          "dereference control is used for member alone." },
	[NAME_MEMBER_ADDRESS] = { .name = "member-address", ATTRIBUTES, NAMES(member_address),
	  .help = "Attributes of a group with the mail addresses of members who have no entry." },
	[NAME_MEMBER_LOGIN] = { .name = "member-login", ATTRIBUTE, NAMES(member_login),
	  .help = "The attribute with the logins of members." },
	[NAME_MEMBER_NAME] = { .name = "member-name", ATTRIBUTE, NAMES(member_name),
	  .help = "The attribute with members as alias files have them: an address, or the name of "
	          "another group (by local-part), or else the login of a person." },
	[NAME_MEMBER_URL] = { .name = "member-url", ATTRIBUTES, NAMES(member_url),
	  .help = "Attributes of a group with LDAP URLs: whatever their search finds, people and groups, are "
	          "members. An entry that has one is a group. A URL names no server; its base lies below "
	          "base, or below one of url-bases, and is base where the URL has none. A mailto: URL is a "
	          "member's address." },
	[NAME_MEMBER_FILTER] = { .name = "member-filter", ATTRIBUTE, NAMES(member_filter),
	  .help = "The same with filters alone, which are looked for below base." },
	[NAME_MEMBER_FILTER_BASE] = { .name = "member-filter-base", ATTRIBUTE, NAMES(member_filter_base),
	  .help = "The attribute of a group with the DN below which its member-filter is looked for instead, "
	          "where there is one: as the base of a URL it lies below base, or below one of url-bases." },
	[NAME_MEMBER_OF] = { .name = "member-of", ATTRIBUTE, NAMES(member_of),
	  .help = "The attribute that people and groups within a group have themselves, with the address of "
	          "that group." },
	[NAME_MEMBER_OF_FILTER] = { .name = "member-of-filter", .kind = KIND_TEXT, NAMES(member_of_filter),
	  .help = "The filter that of those match who count." },
	[NAME_MEMBER_EXCEPT] = { .name = "member-except", ATTRIBUTE, NAMES(member_except),
	  .help = "The attribute of a group with the DNs of who is no member of it though such a search "
	          "finds them." },
	[NAME_PRIMARY_GROUP] = { .name = "primary-group", ATTRIBUTE, NAMES(primary_group),
	  .help = "The attribute of a group with its number." },
	[NAME_PRIMARY_MEMBER] = { .name = "primary-member", ATTRIBUTE, NAMES(primary_member),
	  .help = "The attribute of a person with the number of the primary group, of which that makes a "
	          "member as well. none: nobody is looked for by it." },
	[NAME_OWNER] = { .name = "owner", ATTRIBUTES, NAMES(owner),
	  .help = "Attributes of a group with the DNs of owners." },
	[NAME_OWNER_ADDRESS] = { .name = "owner-address", ATTRIBUTES, NAMES(owner_address),
	  .help = "Attributes with the addresses of owners." },
	[NAME_OWNER_PREFIX] = { .name = "owner-prefix", .kind = KIND_TEXT, NAMES(owner_prefix),
	  .help = "Where no attribute holds owners: what stands before the name of a list in that of the "
	          "group of its owners (by local-part)." },
	[NAME_ERRORS] = { .name = "errors", ATTRIBUTE, NAMES(errors),
	  .help = "The attribute with the address that the list's failures go to." },
	[NAME_SETTINGS] = { .name = "settings", ATTRIBUTE, NAMES(settings),
	  .help = "The attribute with settings of the list itself, one \"name: value\" each; see posts. They "
	          "go before those of this file." },
	[NAME_SIZE] = { .name = "size", ATTRIBUTE, NAMES(size),
	  .help = "The attribute with the size in bytes of the largest post that the list takes; 0 is no "
	          "limit." },
	[NAME_TAG] = { .name = "tag", ATTRIBUTE, NAMES(tag),
	  .help = "The attribute with what is put before the subject of posts: the setting subject-tag of "
	          "the list itself." },
	[NAME_REFUSAL] = { .name = "reject-text", ATTRIBUTE, NAMES(refusal),
	  .help = "The attribute with what whoever posts is told, behind the reply, where the list refuses "
	          "it: its first line, in ASCII." },
	[NAME_STATE] = { .name = "state", ATTRIBUTES, NAMES(state),
	  .help = "Attributes with words that say whether a list takes mail. A list without any is open." },
	[NAME_STATES] = { .name = "states", .kind = KIND_TEXTS, .check = check_state, NAMES(states),
	  .help = "What those words mean, \"disabled=closed\" and so on: open; paused, which puts posts off "
	          "(4xx), also those to lists that the group is within; closed, which refuses them (5xx) "
	          "and leaves the group out of others. \"*\" is any other word; else it is open. Of several "
	          "the worst counts." },
	[NAME_ALTERNATE_FLAG] = { .name = "alternate-flag", ATTRIBUTE, NAMES(alternate_flag),
	  .help = "The attribute that must hold alternate-word for a group to go by its alternates." },
	[NAME_ALTERNATE_WORD] = { .name = "alternate-word", .kind = KIND_TEXT, NAMES(alternate_word),
	  .help = "See alternate-flag." },
	[NAME_POSTING] = { .name = "posting", .kind = KIND_TEXT, NAMES(posting),
	  .check = posting_check_set,
	  .help = "Which attributes of a group say who may post: those of mailGroup, inetMailGroup, "
	          "qmailGroup, iRedMail, exchange, zimbra, tmail (the convention with "
	          "businessCategory), or none. They stand for values of the four settings below, and "
	          "go before the check posters of this file." },
	[NAME_ALLOW] = { .name = "allow", RULES, NAMES(allow),
	  .help = "Attributes of a group that say who may post, each with a word for what its values "
	          "are: address, person (a DN), group (a DN), poster (an address, DN or URL), domain, "
	          "subdomains, glob, sender (an address or domain), filter, ace, members (yes or no), "
	          "login (yes or no)." },
	[NAME_DENY] = { .name = "deny", RULES, NAMES(deny),
	  .help = "The same of who may not, which goes first." },
	[NAME_POLICY] = { .name = "policy", RULES, NAMES(policy),
	  .help = "Attributes of a group with words for who may post: access (iRedMail), broadcast "
	          "(mgrpBroadcasterPolicy), tmail. A word that is not known closes the list." },
	[NAME_MODERATOR] = { .name = "moderator", ATTRIBUTES, NAMES(moderator),
	  .help = "Attributes of a group with the DNs or addresses of moderators." },
	[NAME_MAIL] = { .name = "mail", ATTRIBUTES, NAMES(mail),
	  .help = "Attributes of a person with the address to send to: of the first that has one, the value "
	          "that begins with SMTP: in capitals, or else the first that is a mailbox." },
	[NAME_EVERY_MAIL] = { .name = "every-mail", .kind = KIND_TEXTS, NAMES(every_mail),
	  .help = "Classes of entries that are not a person with several addresses, but several people: each "
	          "of the addresses is a member." },
	[NAME_DISABLED] = { .name = "disabled", CONDITIONS, NAMES(disabled),
	  .help = "Conditions of which one holds for people who get no mail, and are left out and counted: "
	          "\"attribute=value\", where * is any value, or \"attribute&bits\" for a number that has "
	          "one of these bits. none: there are none." },
	[NAME_ENABLED] = { .name = "enabled", CONDITIONS, NAMES(enabled),
	  .help = "Conditions of which one holds for people who get mail although they are disabled." },
	[NAME_PERSON_ADDRESS] = { .name = "person-address", ATTRIBUTES, NAMES(person_address),
	  .help = "Attributes of a person with all addresses: whoever posts from one of them is that "
	          "person." },
	[NAME_PERSON_GROUPS] = { .name = "person-groups", ATTRIBUTE, NAMES(person_groups),
	  .help = "An attribute of a person with the DNs of groups he is in, usually memberOf. A group "
	          "that is there saves the question whether he is a member; one that is not does not." },
	[NAME_LOGIN] = { .name = "login", ATTRIBUTE, NAMES(login),
	  .help = "The attribute of a person with the login. Two people with one login are unsure." },
	[NAME_PEOPLE] = { .name = "people", .kind = KIND_TEXT, NAMES(people),
	  .help = "The filter that people match who are looked for by login." },
	[NAME_NO_MAIL] = { .name = "no-mail", CONDITIONS, NAMES(no_mail),
	  .help = "Which people want no posts: conditions as under disabled." },
	[NAME_DIGEST] = { .name = "digest", CONDITIONS, NAMES(digest),
	  .help = "The same for those who want digests and no single posts. There are no digests yet: they "
	          "get nothing." },
	[NAME_NOT_MINE] = { .name = "not-mine", CONDITIONS, NAMES(not_mine),
	  .help = "The same for those who want no copy of their own posts." },
	[NAME_CLASSES] = { .name = "classes", ATTRIBUTE, NAMES(classes),
	  .help = "The attribute that tells groups from people where members cannot be seen." },
	[NAME_GROUP_CLASSES] = { .name = "group-classes", .kind = KIND_TEXTS, NAMES(group_classes),
	  .help = "Its values that make an entry a group, which is never sent mail itself. Such a group may "
	          "be empty: where no member can be seen it has none." },
	[NAME_NEVER_EMPTY] = { .name = "never-empty", .kind = KIND_TEXTS, NAMES(never_empty),
	  .help = "The same for groups that have a member by their schema: where none can be seen the post "
	          "waits, since the directory does not show them all. Write none for a server whose groups "
	          "of these classes may be empty, and put them into group-classes." },
	[NAME_HIDDEN] = { .name = "hidden", ATTRIBUTE, NAMES(hidden),
	  .help = "The attribute that is TRUE for groups whose members are hidden: where none can be seen "
	          "the post waits." },
	[NAME_COUNT] = { .kind = KIND_END },
};

void
names_complete(struct names *n, const struct preset *p, const char *path,
               struct effective_list *effective)
{
	char *origin = mem_format("preset %s", p->name);

	for (enum name_id i = 0; i < NAME_COUNT; i++) {
		const char *of_set = posting_of_set(n->posting, i);

		setting_complete(&names_settings[i], n, of_set != NULL ? of_set : p->names[i], path, origin,
		                 effective);
	}
	free(origin);
}

/* What else conditions may make of a person, beside enum preference. */
enum { SAYS_DISABLED = 1 << 29, SAYS_ENABLED = 1 << 30 };

static void
add_wishes(struct wish **wishes, size_t *count, const struct text_list *texts, unsigned preference)
{
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i];
		size_t length = strcspn(text, "=&");
		struct wish *w;

		if (text[length] == '\0')        /* none */
			continue;
		*wishes = mem_resize(*wishes, (*count + 1) * sizeof(**wishes));
		w = &(*wishes)[(*count)++];
		*w = (struct wish){ .attribute = mem_copy(text, length), .preference = preference };
		if (text[length] == '=')
			w->value = mem_text(text + length + 1);
		else
			(void)text_number(text + length + 1, &w->bits);
	}
}

struct wish *
wishes_read(const struct names *n, size_t *count_r)
{
	struct wish *wishes = NULL;

	*count_r = 0;
	add_wishes(&wishes, count_r, &n->no_mail, PREFER_NO_MAIL);
	add_wishes(&wishes, count_r, &n->digest, PREFER_DIGEST);
	add_wishes(&wishes, count_r, &n->not_mine, PREFER_NOT_MINE);
	add_wishes(&wishes, count_r, &n->disabled, SAYS_DISABLED);
	add_wishes(&wishes, count_r, &n->enabled, SAYS_ENABLED);
	return wishes;
}

void
wishes_free(struct wish **wishes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free((*wishes)[i].attribute);
		free((*wishes)[i].value);
	}
	free(*wishes);
	*wishes = NULL;
}

bool
wish_is(const struct wish *w, const char *value, size_t length)
{
	int64_t number;
	char *text;
	bool is;

	if (w->value != NULL)
		return strcmp(w->value, "*") == 0 || text_same_n(value, length, w->value);
	text = mem_copy(value, length);
	is = text_number(text, &number) && (number & w->bits) != 0;
	free(text);
	return is;
}

bool
wishes_mail(unsigned *found)
{
	bool gets = (*found & (SAYS_DISABLED | SAYS_ENABLED)) != SAYS_DISABLED;

	*found &= ~(unsigned)(SAYS_DISABLED | SAYS_ENABLED);
	return gets;
}
