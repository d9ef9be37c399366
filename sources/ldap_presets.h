/*
 * What a directory calls things. A preset is a row of names for one flavour of directory; each name
 * can be overridden by the site.
 */
#ifndef SOURCES_LDAP_PRESETS_H
#define SOURCES_LDAP_PRESETS_H

#include "base/setting.h"

struct names {
	char *groups;                     /* a filter: which entries are lists at all */
	struct text_list address;         /* of the list: its own, then its alternates */
	char *local_part;                 /* names of the group that are addresses; NULL: none are */
	char *name;                       /* of the list, for people */
	char *member;                     /* DNs */
	struct text_list member_address;  /* addresses */
	char *member_login;               /* logins of people */
	char *member_name;                /* addresses, names of groups, or logins of people */
	char *owner;                      /* DNs */
	char *owner_prefix;               /* of the name of the group of owners */
	char *errors;                     /* an address */
	char *settings;                   /* of the list, "name: value" */
	char *posting;                    /* a set of the four that follow */
	struct text_list allow, deny;     /* "attribute kind": who may post, and who may not */
	struct text_list policy;          /* "attribute kind": with words of its own for that */
	struct text_list moderator;       /* DNs, addresses */
	char *mail;                       /* of a person */
	char *login;                      /* of a person */
	struct text_list person_address;  /* of a person: all of them */
	char *member_of;                  /* of a person: DNs of groups, where that can be trusted */
	char *people;                     /* a filter: who has a login */
	char *classes;                    /* the attribute that tells groups from people */
	struct text_list group_classes;   /* its values that make an entry a group */
	struct text_list never_empty;     /* those of groups that have members by their schema */
};

/* The rows of `attributes:`, in this order. */
enum name_id {
	NAME_GROUPS,
	NAME_ADDRESS,
	NAME_LOCAL_PART,
	NAME_NAME,
	NAME_MEMBER,
	NAME_MEMBER_ADDRESS,
	NAME_MEMBER_LOGIN,
	NAME_MEMBER_NAME,
	NAME_OWNER,
	NAME_OWNER_PREFIX,
	NAME_ERRORS,
	NAME_SETTINGS,
	NAME_POSTING,
	NAME_ALLOW,
	NAME_DENY,
	NAME_POLICY,
	NAME_MODERATOR,
	NAME_MAIL,
	NAME_LOGIN,
	NAME_PERSON_ADDRESS,
	NAME_MEMBER_OF,
	NAME_PEOPLE,
	NAME_CLASSES,
	NAME_GROUP_CLASSES,
	NAME_NEVER_EMPTY,
	NAME_COUNT
};

struct preset {
	const char *name;
	const char *names[NAME_COUNT];    /* several with ", " between; NULL: it has none */
};

extern const struct preset ldap_presets[];
extern const char *const ldap_preset_words[];

/* The rows of `attributes:`, which override a preset. */
extern const struct setting names_settings[NAME_COUNT + 1];

/* Puts the preset's names where the site wrote none. */
void names_complete(struct names *, const struct preset *, const char *path,
                    struct effective_list *);

#endif
