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
	struct text_list owner;           /* DNs */
	char *owner_prefix;               /* of the name of the group of owners */
	char *errors;                     /* an address */
	char *settings;                   /* of the list, "name: value" */
	struct text_list mail;            /* of a person, the first that has one */
	char *login;                      /* of a person */
	char *people;                     /* a filter: who has a login */
	char *classes;                    /* the attribute that tells groups from people */
	struct text_list group_classes;   /* its values that make an entry a group */
	struct text_list never_empty;     /* those of groups that have members by their schema */
	struct text_list disabled;        /* conditions, see ldap_conditions.c: who gets no mail */
	struct text_list enabled;         /* and who gets it all the same */
	char *hidden;                     /* TRUE where the members of a group are hidden */
	char *dynamic_filter;             /* a filter that members match */
	char *dynamic_base;               /* the DN below which they are looked for */
	char *primary_group;              /* a number of the group */
	char *primary_member;             /* which people have who are its members */
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
	NAME_MAIL,
	NAME_LOGIN,
	NAME_PEOPLE,
	NAME_CLASSES,
	NAME_GROUP_CLASSES,
	NAME_NEVER_EMPTY,
	NAME_DISABLED,
	NAME_ENABLED,
	NAME_HIDDEN,
	NAME_DYNAMIC_FILTER,
	NAME_DYNAMIC_BASE,
	NAME_PRIMARY_GROUP,
	NAME_PRIMARY_MEMBER,
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
