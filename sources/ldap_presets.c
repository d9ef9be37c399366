/* Directory flavours. A new one is a row here, and a word below it. */
#include "sources/ldap_presets.h"

#include "base/mem.h"

#include <stdlib.h>

const struct preset ldap_presets[] = {
	{
		.name = "groupOfNames",
		.summary = "RFC 4519 groups whose members are DNs, with mail attributes from an "
		           "auxiliary class such as mailGroup.",
		.names = {
			[NAME_GROUPS] = "(objectClass=groupOfNames)",
			[NAME_ADDRESS] = "mail, mailAlternateAddress",
			[NAME_NAME] = "description",
			[NAME_MEMBER] = "member",
			[NAME_MEMBER_ADDRESS] = "mgrpRFC822MailMember, rfc822MailMember",
			[NAME_OWNER] = "owner",
			[NAME_ERRORS] = "mgrpErrorsTo",
			[NAME_MAIL] = "mail",
			[NAME_CLASSES] = "objectClass",
			/* draft-findlay-ldap-groupofentries; rfc2307bis has its groupOfMembers */
			[NAME_GROUP_CLASSES] = "groupOfMembers, groupOfEntries",
			/* RFC 4519 sections 3.5 and 3.6 */
			[NAME_NEVER_EMPTY] = "groupOfNames, groupOfUniqueNames",
		},
	},
};

const char *const ldap_preset_words[] = { "groupOfNames", NULL };

const struct setting names_settings[NAME_COUNT + 1] = {
	[NAME_GROUPS] = { .name = "groups", .kind = KIND_TEXT, .offset = offsetof(struct names, groups),
	  .help = "The filter that all lists match, whatever their address." },
	[NAME_ADDRESS] = { .name = "address", .kind = KIND_TEXTS, .offset = offsetof(struct names, address),
	  .help = "Attributes of a group that hold its addresses. The first holds the list's own, which "
	          "members get to see; the others hold alternates." },
	[NAME_NAME] = { .name = "name", .kind = KIND_TEXT, .offset = offsetof(struct names, name),
	  .help = "The attribute that describes the list to people." },
	[NAME_MEMBER] = { .name = "member", .kind = KIND_TEXT, .offset = offsetof(struct names, member),
	  .help = "The attribute with the DNs of members. An entry that has it is a group, whatever its "
	          "class." },
	[NAME_MEMBER_ADDRESS] = { .name = "member-address", .kind = KIND_TEXTS,
	  .offset = offsetof(struct names, member_address),
	  .help = "Attributes of a group with the mail addresses of members who have no entry." },
	[NAME_OWNER] = { .name = "owner", .kind = KIND_TEXT, .offset = offsetof(struct names, owner),
	  .help = "The attribute with the DNs of owners." },
	[NAME_ERRORS] = { .name = "errors", .kind = KIND_TEXT, .offset = offsetof(struct names, errors),
	  .help = "The attribute with the address that the list's failures go to." },
	[NAME_SETTINGS] = { .name = "settings", .kind = KIND_TEXT, .offset = offsetof(struct names, settings),
	  .help = "The attribute with settings of the list itself, one \"name: value\" each; see posts. They "
	          "go before those of this file." },
	[NAME_MAIL] = { .name = "mail", .kind = KIND_TEXT, .offset = offsetof(struct names, mail),
	  .help = "The attribute of a person with the address to send to; of several values the first "
	          "that is a mailbox." },
	[NAME_CLASSES] = { .name = "classes", .kind = KIND_TEXT, .offset = offsetof(struct names, classes),
	  .help = "The attribute that tells groups from people where members cannot be seen." },
	[NAME_GROUP_CLASSES] = { .name = "group-classes", .kind = KIND_TEXTS,
	  .offset = offsetof(struct names, group_classes),
	  .help = "Its values that make an entry a group, which is never sent mail itself. Such a group may "
	          "be empty: where no member can be seen it has none." },
	[NAME_NEVER_EMPTY] = { .name = "never-empty", .kind = KIND_TEXTS,
	  .offset = offsetof(struct names, never_empty),
	  .help = "The same for groups that have a member by their schema: where none can be seen the post "
	          "waits, since the directory does not show them all. Write none for a server whose groups "
	          "of these classes may be empty, and put them into group-classes." },
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
