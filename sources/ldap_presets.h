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
	char *mail;                       /* of a person */
	struct text_list alternates;      /* of a person: further addresses */
	char *login;                      /* of a person */
	char *people;                     /* a filter: who has a login */
	struct text_list no_mail, digest, not_mine;      /* of a person, "attribute=value" */
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
	NAME_MAIL,
	NAME_ALTERNATES,
	NAME_LOGIN,
	NAME_PEOPLE,
	NAME_NO_MAIL,
	NAME_DIGEST,
	NAME_NOT_MINE,
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

/* What a person wants, where an attribute has a value. */
struct wish {
	char *attribute, *value;          /* "*": any */
	unsigned preference;              /* enum preference */
};

/* All wishes of the names, allocated. */
struct wish *wishes_read(const struct names *, size_t *count_r);
void wishes_free(struct wish **, size_t count);
/* Whether a value of the attribute says so. */
bool wish_is(const struct wish *, const char *value, size_t length);

/* The rows of `attributes:`, which override a preset. */
extern const struct setting names_settings[NAME_COUNT + 1];

/* Puts the preset's names where the site wrote none. */
void names_complete(struct names *, const struct preset *, const char *path,
                    struct effective_list *);

#endif
