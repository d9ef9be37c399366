/* Directory flavours. A new one is a row here, and a word below it. */
#include "sources/ldap_presets.h"

#include <stddef.h>

/* What all flavours have. RFC 2307 section 3: logins are those of a posixAccount. */
#define LOGINS                                                                                       \
	[NAME_LOGIN] = "uid", [NAME_PEOPLE] = "(objectClass=posixAccount)",                          \
	[NAME_CLASSES] = "objectClass"
#define PEOPLE [NAME_MAIL] = "mail", [NAME_PERSON_ADDRESS] = "mail, mailAlternateAddress", LOGINS

/* Of an auxiliary class such as mailGroup, which any group can have. */
#define MAIL_LIST                                                                                    \
	[NAME_NAME] = "description", [NAME_OWNER] = "owner", [NAME_ERRORS] = "mgrpErrorsTo"
#define MAIL_GROUP                                                                                   \
	MAIL_LIST, [NAME_ADDRESS] = "mail, mailAlternateAddress",                                    \
	[NAME_MEMBER_ADDRESS] = "mgrpRFC822MailMember, rfc822MailMember", [NAME_POSTING] = "mailGroup"

#define ACTIVE_DIRECTORY_LISTS                                                                       \
	"(|(objectCategory=group)(objectCategory=msExchDynamicDistributionList))"

/* Who gets mail at all. */
#define IREDMAIL_ACTIVE                                                                              \
	"(accountStatus=active)(!(domainStatus=disabled))(enabledService=mail)(enabledService=deliver)"

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
		/* draft-howard-rfc2307bis: posixGroup is auxiliary, and members are DNs, logins, or both. */
		.name = "rfc2307bis",
		.names = {
			PEOPLE, MAIL_GROUP,
			[NAME_GROUPS] = ("(|(objectClass=posixGroup)(objectClass=groupOfNames)"
			                 "(objectClass=groupOfMembers))"),
			[NAME_MEMBER] = "member",
			[NAME_MEMBER_LOGIN] = "memberUid",
			[NAME_GROUP_CLASSES] = "posixGroup, groupOfMembers, groupOfEntries",
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
		},
	},
	{
		/* Where the server computes `member` from the URLs as well, its values are read, too. */
		.name = "groupOfURLs",
		.names = {
			PEOPLE, MAIL_GROUP,
			[NAME_GROUPS] = "(objectClass=groupOfURLs)",
			[NAME_MEMBER] = "member",
			[NAME_MEMBER_URL] = "memberURL",
			[NAME_GROUP_CLASSES] = "groupOfURLs, groupOfMembers, groupOfEntries",
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
		},
	},
	{
		/* The aliases that sendmail looks up in LDAP, of any host and cluster. */
		.name = "sendmail",
		.names = {
			PEOPLE,
			[NAME_GROUPS] = ("(&(objectClass=sendmailMTAAliasObject)"
			                 "(sendmailMTAAliasGrouping=aliases))"),
			[NAME_LOCAL_PART] = "sendmailMTAKey",
			[NAME_NAME] = "description",
			[NAME_MEMBER_NAME] = "sendmailMTAAliasValue",
			[NAME_MEMBER_URL] = "sendmailMTAAliasURL",
			[NAME_MEMBER_FILTER] = "sendmailMTAAliasSearch",
			[NAME_OWNER_PREFIX] = "owner-",
			[NAME_GROUP_CLASSES] = "sendmailMTAAliasObject",
		},
	},
	{
		/* Netscape's; there groupOfUniqueNames may be empty. */
		.name = "mailGroup",
		.names = {
			PEOPLE, MAIL_GROUP,
			[NAME_GROUPS] = "(objectClass=mailGroup)",
			[NAME_MEMBER] = "uniqueMember",
			[NAME_MEMBER_ALSO] = "mailEnhancedUniqueMember",
			[NAME_MEMBER_URL] = "mgrpDeliverTo",
			[NAME_MEMBER_EXCEPT] = "mgrpDeliverException",
			[NAME_SIZE] = "mgrpMsgMaxSize",
			[NAME_REFUSAL] = "mgrpMsgRejectText",
			[NAME_GROUP_CLASSES] = "mailGroup, groupOfUniqueNames, groupOfNames",
		},
	},
	{
		/* Sun's. No status is active, a status that is none is inactive. */
		.name = "inetMailGroup",
		.names = {
			MAIL_LIST, LOGINS, [NAME_POSTING] = "inetMailGroup",
			[NAME_MAIL] = "mail",
			[NAME_PERSON_ADDRESS] = "mail, mailAlternateAddress, mailEquivalentAddress",
			[NAME_GROUPS] = "(objectClass=inetMailGroup)",
			[NAME_ADDRESS] = "mail, mailAlternateAddress, mailEquivalentAddress",
			[NAME_MEMBER] = "uniqueMember",
			[NAME_MEMBER_ADDRESS] = "mgrpRFC822MailMember, rfc822MailMember",
			[NAME_MEMBER_URL] = "memberURL, mgrpDeliverTo",
			[NAME_SIZE] = "mgrpMsgMaxSize",
			[NAME_REFUSAL] = "mgrpMsgRejectText",
			[NAME_TAG] = "mgrpListTag",
			[NAME_STATE] = "inetMailGroupStatus",
			[NAME_STATES] = "active=open, disabled=closed, deleted=closed, *=paused",
			[NAME_DISABLED] = ("inetUserStatus=disabled, inetUserStatus=deleted, "
			                   "inetUserStatus=removed, mailUserStatus=disabled, "
			                   "mailUserStatus=deleted, mailUserStatus=removed"),
			[NAME_GROUP_CLASSES] = "inetMailGroup, groupOfUniqueNames, groupOfNames, groupOfURLs",
		},
	},
	{
		.name = "qmailGroup",
		.names = {
			PEOPLE, [NAME_POSTING] = "qmailGroup",
			[NAME_GROUPS] = "(objectClass=qmailGroup)",
			[NAME_ADDRESS] = "mail, mailAlternateAddress",
			[NAME_NAME] = "description",
			[NAME_MEMBER] = "dnmember",
			[NAME_MEMBER_ADDRESS] = "rfc822member",
			[NAME_MEMBER_FILTER] = "filtermember",
			[NAME_ERRORS] = "bounceadmin",
			[NAME_SIZE] = "mailSizeMax",
			[NAME_STATE] = "accountStatus",
			[NAME_STATES] = "disabled=closed, deleted=closed",
			[NAME_DISABLED] = "accountStatus=disabled, accountStatus=deleted",
			[NAME_GROUP_CLASSES] = "qmailGroup",
		},
	},
	{
		/* A list that mlmmj serves has its members elsewhere. */
		.name = "iRedMail",
		.names = {
			[NAME_MAIL] = "mail", [NAME_PERSON_ADDRESS] = "mail, shadowAddress", LOGINS,
			[NAME_POSTING] = "iRedMail",
			[NAME_GROUPS] = ("(&(objectClass=mailList)" IREDMAIL_ACTIVE
			                 "(!(enabledService=mlmmj)))"),
			[NAME_ADDRESS] = "mail, shadowAddress",
			[NAME_ALTERNATE_FLAG] = "enabledService",
			[NAME_ALTERNATE_WORD] = "shadowaddress",
			[NAME_NAME] = "cn",
			[NAME_MEMBER_ADDRESS] = "mailForwardingAddress",
			[NAME_MEMBER_OF] = "memberOfGroup",
			[NAME_MEMBER_OF_FILTER] = ("(&" IREDMAIL_ACTIVE ")"),
			[NAME_OWNER_ADDRESS] = "listOwner",
			[NAME_SIZE] = "maxMessageSize",
			[NAME_STATE] = "enabledService",
			[NAME_STATES] = "mlmmj=paused",
			[NAME_EVERY_MAIL] = "mailExternalUser",
			[NAME_GROUP_CLASSES] = "mailList, mailAlias",
		},
	},
	{
		.name = "zimbra",
		.names = {
			LOGINS, [NAME_POSTING] = "zimbra",
			[NAME_PERSON_ADDRESS] = "zimbraMailDeliveryAddress, mail, zimbraMailAlias",
			[NAME_GROUPS] = "(|(objectClass=zimbraDistributionList)(objectClass=zimbraGroup))",
			[NAME_ADDRESS] = "mail, zimbraMailAlias",
			[NAME_NAME] = "displayName",
			[NAME_MEMBER_ADDRESS] = "zimbraMailForwardingAddress",
			[NAME_MEMBER_URL] = "memberURL",
			[NAME_STATE] = "zimbraMailStatus",
			[NAME_STATES] = "disabled=closed",
			[NAME_MAIL] = "zimbraMailDeliveryAddress",
			[NAME_DISABLED] = ("zimbraAccountStatus=closed, zimbraAccountStatus=pending, "
			                   "zimbraMailStatus=disabled"),
			[NAME_GROUP_CLASSES] = "zimbraDistributionList, zimbraGroup, zimbraGroupStaticUnit",
		},
	},
	{
		/* Twake Mail's convention: a groupOfNames with an address, and nothing else. */
		.name = "tmail",
		.names = {
			PEOPLE, [NAME_POSTING] = "tmail",
			[NAME_GROUPS] = "(&(objectClass=groupOfNames)(mail=*))",
			[NAME_ADDRESS] = "mail",
			[NAME_NAME] = "description",
			[NAME_MEMBER] = "member",
			[NAME_OWNER] = "owner",
			[NAME_GROUP_CLASSES] = "groupOfMembers, groupOfEntries",
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
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
			[NAME_PERSON_ADDRESS] = "mail, proxyAddresses, targetAddress",
			[NAME_POSTING] = "exchange",
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
			[NAME_MEMBER_FILTER] = "msExchDynamicDLFilter",
			[NAME_MEMBER_FILTER_BASE] = "msExchDynamicDLBaseDN",
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
			[NAME_MAIL] = "mail", [NAME_PERSON_ADDRESS] = "mail, mailAlternateAddress",
			[NAME_POSTING] = "mailGroup",
			[NAME_LOGIN] = "uid",
			[NAME_PEOPLE] = "(&(objectClass=posixAccount)(objectClass=inetOrgPerson))",
			[NAME_CLASSES] = "objectClass",
			/* In 389-ds they may have no member, unlike in RFC 4519. */
			[NAME_GROUP_CLASSES] = ("ipaUserGroup, nestedGroup, groupOfNames, "
			                        "groupOfUniqueNames, posixGroup"),
			[NAME_DISABLED] = "nsAccountLock=TRUE",
		},
	},
};

const char *const ldap_preset_words[] = { "groupOfNames", "groupOfUniqueNames", "posixGroup",
	                                  "nisMailAlias", "rfc2307bis", "groupOfURLs", "sendmail",
	                                  "mailGroup", "inetMailGroup", "qmailGroup", "iRedMail",
	                                  "zimbra", "tmail", "activeDirectory", "freeIPA", NULL };
