/*
 * What a directory calls things. A preset is a row of names for one flavour of directory; each name
 * can be overridden by the site.
 */
#ifndef SOURCES_LDAP_PRESETS_H
#define SOURCES_LDAP_PRESETS_H

#include "base/setting.h"
#include "mail/list.h"

struct names {
	char *groups;                     /* a filter: which entries are lists at all */
	struct text_list address;         /* of the list: its own, then its alternates */
	char *local_part;                 /* names of the group that are addresses; NULL: none are */
	char *name;                       /* of the list, for people */
	char *member;                     /* DNs */
	struct text_list member_also;     /* DNs as well */
	struct text_list member_address;  /* addresses */
	char *member_login;               /* logins of people */
	char *member_name;                /* addresses, names of groups, or logins of people */
	struct text_list member_url;      /* LDAP URLs whose search finds members */
	char *member_filter;              /* filters that do */
	char *member_filter_base;         /* the DN below which they do */
	char *member_of;                  /* of members: the address of the group they are in */
	char *member_of_filter;           /* a filter: who counts of those */
	char *member_except;              /* DNs that those searches find in vain */
	char *primary_group;              /* a number of the group */
	char *primary_member;             /* which people have who are its members */
	struct text_list owner;           /* DNs */
	struct text_list owner_address;   /* addresses */
	char *owner_prefix;               /* of the name of the group of owners */
	char *errors;                     /* an address */
	char *settings;                   /* of the list, "name: value" */
	char *size;                       /* of the largest post, in bytes */
	char *tag;                        /* what is put before the subject */
	char *refusal;                    /* what is told to whose posts are refused */
	struct text_list state;           /* words that say whether a group takes mail */
	struct text_list states;          /* what they mean: "word=open", paused or closed */
	char *alternate_flag;             /* of a group, with this word if it goes by alternates; */
	char *alternate_word;             /* NULL: all do */
	char *posting;                    /* a set of the four that follow */
	struct text_list allow, deny;     /* "attribute kind": who may post, and who may not */
	struct text_list policy;          /* "attribute kind": with words of its own for that */
	struct text_list moderator;       /* DNs, addresses */
	struct text_list mail;            /* of a person, the first that has one */
	struct text_list every_mail;      /* classes of entries that are several people */
	struct text_list disabled;        /* conditions: who gets no mail, */
	struct text_list enabled;         /* and who gets it all the same */
	char *login;                      /* of a person */
	struct text_list person_address;  /* of a person: all of them */
	char *person_groups;              /* of a person: DNs of groups, where that can be trusted */
	char *people;                     /* a filter: who has a login */
	struct text_list no_mail, digest, not_mine;      /* conditions: who wants what */
	char *classes;                    /* the attribute that tells groups from people */
	struct text_list group_classes;   /* its values that make an entry a group */
	struct text_list never_empty;     /* those of groups that have members by their schema */
	char *hidden;                     /* TRUE where the members of a group are hidden */
};

/* The rows of `attributes:`, in this order. */
enum name_id {
	NAME_GROUPS,
	NAME_ADDRESS,
	NAME_LOCAL_PART,
	NAME_NAME,
	NAME_MEMBER,
	NAME_MEMBER_ALSO,
	NAME_MEMBER_ADDRESS,
	NAME_MEMBER_LOGIN,
	NAME_MEMBER_NAME,
	NAME_MEMBER_URL,
	NAME_MEMBER_FILTER,
	NAME_MEMBER_FILTER_BASE,
	NAME_MEMBER_OF,
	NAME_MEMBER_OF_FILTER,
	NAME_MEMBER_EXCEPT,
	NAME_PRIMARY_GROUP,
	NAME_PRIMARY_MEMBER,
	NAME_OWNER,
	NAME_OWNER_ADDRESS,
	NAME_OWNER_PREFIX,
	NAME_ERRORS,
	NAME_SETTINGS,
	NAME_SIZE,
	NAME_TAG,
	NAME_REFUSAL,
	NAME_STATE,
	NAME_STATES,
	NAME_ALTERNATE_FLAG,
	NAME_ALTERNATE_WORD,
	NAME_POSTING,
	NAME_ALLOW,
	NAME_DENY,
	NAME_POLICY,
	NAME_MODERATOR,
	NAME_MAIL,
	NAME_EVERY_MAIL,
	NAME_DISABLED,
	NAME_ENABLED,
	NAME_LOGIN,
	NAME_PERSON_ADDRESS,
	NAME_PERSON_GROUPS,
	NAME_PEOPLE,
	NAME_NO_MAIL,
	NAME_DIGEST,
	NAME_NOT_MINE,
	NAME_CLASSES,
	NAME_GROUP_CLASSES,
	NAME_NEVER_EMPTY,
	NAME_HIDDEN,
	NAME_COUNT
};

struct preset {
	const char *name;
	const char *names[NAME_COUNT];    /* several with ", " between; NULL: it has none */
};

extern const struct preset ldap_presets[];
extern const char *const ldap_preset_words[];

/* A condition: what a person wants, or is, where an attribute has a value. */
struct wish {
	char *attribute;
	char *value;                      /* "*": any; NULL: a number that has one of the bits */
	int64_t bits;
	unsigned preference;              /* enum preference, or what wishes_mail() knows */
};

/* All wishes of the names, allocated. */
struct wish *wishes_read(const struct names *, size_t *count_r);
void wishes_free(struct wish **, size_t count);
/* Whether a value of the attribute says so. */
bool wish_is(const struct wish *, const char *value, size_t length);
/* Whether a person gets mail by all that was found. Leaves enum preference. */
bool wishes_mail(unsigned *found);

/* What a word means by "word=meaning" texts; "*" is any other, and LIST_OPEN what is not said. */
enum list_state names_state(const struct text_list *states, const char *word, size_t length);

/* The rows of `attributes:`, which override a preset. */
extern const struct setting names_settings[NAME_COUNT + 1];

/* Puts the preset's names where the site wrote none. */
void names_complete(struct names *, const struct preset *, const char *path,
                    struct effective_list *);

#endif
