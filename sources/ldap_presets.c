/* Directory flavours. A new one is a row here, and a word below it. */
#include "sources/ldap_presets.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What all flavours have. RFC 2307 section 3: logins are those of a posixAccount. */
#define PEOPLE                                                                                       \
	[NAME_MAIL] = "mail", [NAME_LOGIN] = "uid", [NAME_PEOPLE] = "(objectClass=posixAccount)",    \
	[NAME_CLASSES] = "objectClass"

/* An auxiliary class such as mailGroup, which any group can have. */
#define MAIL_GROUP                                                                                   \
	[NAME_ADDRESS] = "mail, mailAlternateAddress", [NAME_NAME] = "description",                  \
	[NAME_MEMBER_ADDRESS] = "mgrpRFC822MailMember, rfc822MailMember", [NAME_OWNER] = "owner",    \
	[NAME_ERRORS] = "mgrpErrorsTo"

#define ACTIVE_DIRECTORY_LISTS                                                                       \
	"(|(objectCategory=group)(objectCategory=msExchDynamicDistributionList))"

const struct preset ldap_presets[] = {
	{
		.name = "groupOfNames",
		.names = {
			PEOPLE, MAIL_GROUP,
			[NAME_GROUPS] = "(objectClass=groupOfNames)",
			[NAME_MEMBER] = "member",
			/* draft-findlay-ldap-groupofentries; rfc2307bis has its groupOfMembers */
			[NAME_GROUP_CLASSES] = "groupOfMembers, groupOfEntries",
			/* RFC 4519 sections 3.5 and 3.6 */
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
		},
	},
	{
		.name = "groupOfUniqueNames",
		.names = {
			PEOPLE, MAIL_GROUP,
			[NAME_GROUPS] = "(objectClass=groupOfUniqueNames)",
			[NAME_MEMBER] = "uniqueMember",
			[NAME_GROUP_CLASSES] = "groupOfMembers, groupOfEntries",
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
		},
	},
	{
		.name = "posixGroup",
		.names = {
			PEOPLE, MAIL_GROUP,
			[NAME_GROUPS] = "(objectClass=posixGroup)",
			[NAME_MEMBER_LOGIN] = "memberUid",
			[NAME_GROUP_CLASSES] = "posixGroup",
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
		},
	},
	{
		.name = "nisMailAlias",
		.names = {
			PEOPLE,
			[NAME_GROUPS] = "(objectClass=nisMailAlias)",
			[NAME_LOCAL_PART] = "cn",
			[NAME_MEMBER_NAME] = "rfc822MailMember",
			[NAME_OWNER_PREFIX] = "owner-",
			[NAME_GROUP_CLASSES] = "nisMailAlias",
		},
	},
	{
		.name = "activeDirectory",
		.names = {
			[NAME_GROUPS] = ACTIVE_DIRECTORY_LISTS,
			[NAME_ADDRESS] = "mail, proxyAddresses",
			[NAME_NAME] = "displayName",
			[NAME_MEMBER] = "member",
			[NAME_OWNER] = "managedBy, msExchCoManagedByLink",
			[NAME_MAIL] = "mail, proxyAddresses, targetAddress",
			[NAME_LOGIN] = "sAMAccountName",
			[NAME_PEOPLE] = "(&(objectCategory=person)(objectClass=user))",
			[NAME_CLASSES] = "objectClass",
			[NAME_GROUP_CLASSES] = "group",
			[NAME_NEVER_EMPTY] = "msExchDynamicDistributionList",
			/* MS-ADTS 2.2.16: ADS_UF_ACCOUNT_DISABLE */
			[NAME_DISABLED] = "userAccountControl&2",
			/* Linked, shared, room and equipment mailboxes belong to disabled accounts. */
			[NAME_ENABLED] = "msExchRecipientTypeDetails&54",
			[NAME_HIDDEN] = "hideDLMembership",
			[NAME_DYNAMIC_FILTER] = "msExchDynamicDLFilter",
			[NAME_DYNAMIC_BASE] = "msExchDynamicDLBaseDN",
			[NAME_PRIMARY_GROUP] = "primaryGroupToken",
			[NAME_PRIMARY_MEMBER] = "primaryGroupID",
		},
	},
	{
		/* Groups are not told by posixGroup: those of the compatibility tree have that, too. */
		.name = "freeIPA",
		.names = {
			[NAME_GROUPS] = "(objectClass=ipaUserGroup)",
			/* Its groups have no addresses: these come with mailGroup, which 389-ds knows. */
			[NAME_ADDRESS] = "mail, mailAlternateAddress",
			[NAME_NAME] = "description",
			[NAME_MEMBER] = "member",
			[NAME_MEMBER_ADDRESS] = "mgrpRFC822MailMember",
			[NAME_ERRORS] = "mgrpErrorsTo",
			[NAME_OWNER] = "memberManager, owner",
			[NAME_MAIL] = "mail",
			[NAME_LOGIN] = "uid",
			[NAME_PEOPLE] = "(&(objectClass=posixAccount)(objectClass=inetOrgPerson))",
			[NAME_CLASSES] = "objectClass",
			/* In 389-ds they may have no member, unlike in RFC 4519. */
			[NAME_GROUP_CLASSES] = "ipaUserGroup, nestedGroup, groupOfNames, groupOfUniqueNames",
			[NAME_DISABLED] = "nsAccountLock=TRUE",
		},
	},
};

const char *const ldap_preset_words[] = { "groupOfNames", "groupOfUniqueNames", "posixGroup",
	                                  "nisMailAlias", "activeDirectory", "freeIPA", NULL };

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

/* attribute=value, or attribute&bits: see ldap_conditions.c. */
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

#define NAMES(f) .offset = offsetof(struct names, f)
#define ATTRIBUTE .kind = KIND_TEXT, .check = check_attribute
#define ATTRIBUTES .kind = KIND_TEXTS, .check = check_attribute
#define CONDITIONS .kind = KIND_TEXTS, .check = check_condition

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
	[NAME_MEMBER_ADDRESS] = { .name = "member-address", ATTRIBUTES, NAMES(member_address),
	  .help = "Attributes of a group with the mail addresses of members who have no entry." },
	[NAME_MEMBER_LOGIN] = { .name = "member-login", ATTRIBUTE, NAMES(member_login),
	  .help = "The attribute with the logins of members." },
	[NAME_MEMBER_NAME] = { .name = "member-name", ATTRIBUTE, NAMES(member_name),
	  .help = "The attribute with members as alias files have them: an address, or the name of "
	          "another group (by local-part), or else the login of a person." },
	[NAME_OWNER] = { .name = "owner", ATTRIBUTES, NAMES(owner),
	  .help = "Attributes of a group with the DNs of owners." },
	[NAME_OWNER_PREFIX] = { .name = "owner-prefix", .kind = KIND_TEXT, NAMES(owner_prefix),
	  .help = "Where no attribute holds owners: what stands before the name of a list in that of the "
	          "group of its owners (by local-part)." },
	[NAME_ERRORS] = { .name = "errors", ATTRIBUTE, NAMES(errors),
	  .help = "The attribute with the address that the list's failures go to." },
	[NAME_SETTINGS] = { .name = "settings", ATTRIBUTE, NAMES(settings),
	  .help = "The attribute with settings of the list itself, one \"name: value\" each; see posts. They "
	          "go before those of this file." },
	[NAME_MAIL] = { .name = "mail", ATTRIBUTES, NAMES(mail),
	  .help = "Attributes of a person with the address to send to: of the first that has one, the value "
	          "that begins with SMTP: in capitals, or else the first that is a mailbox." },
	[NAME_LOGIN] = { .name = "login", ATTRIBUTE, NAMES(login),
	  .help = "The attribute of a person with the login. Two people with one login are unsure." },
	[NAME_PEOPLE] = { .name = "people", .kind = KIND_TEXT, NAMES(people),
	  .help = "The filter that people match who are looked for by login." },
	[NAME_CLASSES] = { .name = "classes", ATTRIBUTE, NAMES(classes),
	  .help = "The attribute that tells groups from people where members cannot be seen." },
	[NAME_GROUP_CLASSES] = { .name = "group-classes", .kind = KIND_TEXTS, NAMES(group_classes),
	  .help = "Its values that make an entry a group, which is never sent mail itself. Such a group may "
	          "be empty: where no member can be seen it has none." },
	[NAME_NEVER_EMPTY] = { .name = "never-empty", .kind = KIND_TEXTS, NAMES(never_empty),
	  .help = "The same for groups that have a member by their schema: where none can be seen the post "
	          "waits, since the directory does not show them all. Write none for a server whose groups "
	          "of these classes may be empty, and put them into group-classes." },
	[NAME_DISABLED] = { .name = "disabled", CONDITIONS, NAMES(disabled),
	  .help = "Conditions of which one holds for people who get no mail: \"attribute=value\", or "
	          "\"attribute&bits\" for a number that has one of these bits. none: there are none." },
	[NAME_ENABLED] = { .name = "enabled", CONDITIONS, NAMES(enabled),
	  .help = "Conditions of which one holds for people who get mail although they are disabled." },
	[NAME_HIDDEN] = { .name = "hidden", ATTRIBUTE, NAMES(hidden),
	  .help = "The attribute that is TRUE for groups whose members are hidden: where none can be seen "
	          "the post waits." },
	[NAME_DYNAMIC_FILTER] = { .name = "dynamic-filter", ATTRIBUTE, NAMES(dynamic_filter),
	  .help = "The attribute of a group with a filter that its members match." },
	[NAME_DYNAMIC_BASE] = { .name = "dynamic-base", ATTRIBUTE, NAMES(dynamic_base),
	  .help = "The attribute with the DN below which such members are looked for; base, if there is "
	          "none." },
	[NAME_PRIMARY_GROUP] = { .name = "primary-group", ATTRIBUTE, NAMES(primary_group),
	  .help = "The attribute of a group with its number." },
	[NAME_PRIMARY_MEMBER] = { .name = "primary-member", ATTRIBUTE, NAMES(primary_member),
	  .help = "The attribute of a person with the number of the primary group, of which that makes a "
	          "member as well. none: nobody is looked for by it." },
	[NAME_COUNT] = { .kind = KIND_END },
};

void
names_complete(struct names *n, const struct preset *p, const char *path,
               struct effective_list *effective)
{
	char *origin = mem_format("preset %s", p->name);

	for (enum name_id i = 0; i < NAME_COUNT; i++)
		setting_complete(&names_settings[i], n, p->names[i], path, origin, effective);
	free(origin);
}
