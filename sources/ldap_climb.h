/*
 * Whether somebody is in a group, asked upwards: what ldap_climb.c, which goes from level to level,
 * and ldap_inquiry.c, which asks the server and hears its answers, have together. For these only.
 */
#ifndef SOURCES_LDAP_CLIMB_H
#define SOURCES_LDAP_CLIMB_H

#include "base/bytes.h"
#include "base/set.h"
#include "sources/ldap_source.h"

/* A search by which a group has members. */
struct group_search {
	size_t group;                     /* index of whose it is */
	char *base, *filter;
	int scope;
};

/* A group that has members by searches, or by addresses among them. */
struct search_group {
	char *dn;
	bool wanted;                      /* it is what was asked for */
	bool unreadable;                  /* one of its searches is none, or may not be */
	struct text_list own;             /* its addresses, canonical */
	struct text_list terms;           /* to look for it as a member */
	struct text_list except;          /* DNs of whom its searches find in vain */
	struct text_list addresses;       /* members, canonical */
};

enum inquiry_kind {
	ASK_GROUPS,                       /* which groups have this as member */
	ASK_SEARCHES,                     /* which searches a group, or all groups, have */
	ASK_FOUND,                        /* whether searches find the person, or a group */
	ASK_BACK,                         /* which groups the entry itself says that it is in */
	ASK_PRIMARY                       /* the number of its primary group */
};

/* One search for the server. */
struct inquiry {
	enum inquiry_kind kind;
	char *base, *filter;
	int scope;
	size_t first, count;              /* ASK_FOUND: of the searches */
	const char *whom;                 /* the same: DN of the group that may be found; NULL: the person */
	int id;
};

struct climb {
	struct ldap_source *source;
	const struct names *names;
	struct conn *conn;
	const struct person *person;
	const char *domain;               /* of the list: names of groups are addresses there */
	const struct text_list *dns;      /* of groups that are asked for */
	const char *name;                 /* of one more; or NULL */
	struct deadline by;
	struct complaint *why;
	bool doubtful;                    /* something could not be judged from below */

	struct set *seen;                 /* DNs of groups that have the person */
	struct set *addresses;            /* of them and of the person, canonical */
	struct text_list terms;           /* of the next level: who is looked for as a member */
	struct text_list whom;            /* the same: DNs of groups that searches may find */

	struct inquiry *inquiries;        /* that wait */
	size_t first, count;              /* inquiries[first..count) */
	struct search_group *groups;
	size_t group_count;
	struct set *groups_known;         /* their DNs */
	struct group_search *searches;
	size_t search_count;

	char **attributes;                /* of a group that has the person */
	char **search_attributes;         /* of a group that may have searches */
	char **back_attributes, **primary_attributes;   /* of a person */
};

/* ldap_climb.c: a group that has the person. True: it is what was asked for. */
bool climb_take_group(struct climb *, LDAPMessage *entry);
/* The same of one whose searches are known, by its number. */
bool climb_take_search_group(struct climb *, size_t number);
/* Adds what a group is looked for by, as a member, and gives its addresses. True: it was asked for. */
bool climb_look_for_group(struct climb *, LDAPMessage *entry, const char *dn, struct text_list *own_r);
/* Adds a term to those of the next level, and empties it. */
void climb_add_term(struct climb *, struct bytes *term);

/* ldap_inquiry.c: what is to be asked; takes over the filter. */
void inquire(struct climb *, enum inquiry_kind, const char *base, int scope, char *filter);
/* Asks whether the searches from `first` on find somebody: the person, or the group with the DN. */
void inquire_found(struct climb *, size_t first, const char *whom);
/* Asks what waits, as much as may be on its way at once; more may wait then. */
enum found inquiries_run(struct climb *);
bool inquiries_waiting(const struct climb *);
void inquiries_free(struct climb *);

#endif
