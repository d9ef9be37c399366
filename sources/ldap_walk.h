/*
 * The state of one walk, shared by ldap_walk.c (what entries mean) and ldap_read.c (how they are
 * fetched).
 */
#ifndef SOURCES_LDAP_WALK_H
#define SOURCES_LDAP_WALK_H

#include "base/set.h"
#include "sources/ldap_source.h"
#include "sources/ldap_stream.h"

/* A DN that is to be read. */
struct todo {
	char *dn;
	const struct via *via;            /* the groups that lead to it */
	unsigned preferences;             /* of a person who is looked for among the lists */
};

/* First in, first out. Indices stay valid while requests about them are under way. */
struct queue_of_dns {
	struct todo *items;
	size_t first, count, capacity;    /* items[first..count) are waiting */
};

void todo_add(struct queue_of_dns *, const char *dn, size_t length, const struct via *);
size_t todo_waiting(const struct queue_of_dns *);
void todo_free(struct queue_of_dns *);

/* A search for members, as a group asks for it. */
struct dynamic {
	char *base, *filter;
	int scope;
	struct text_list except;          /* DNs of who is no member though it is found */
	const struct via *via;
};

/* First in, first out. */
struct queue_of_searches {
	struct dynamic *items;
	size_t first, count;              /* items[first..count) are waiting */
};

struct via_node;

/*
 * Names are looked for many at a time: among groups, then among people. What such a search leaves
 * in doubt is looked for alone.
 */
enum name_search { NAMING_GROUPS, NAMING_GROUP, NAMING_PEOPLE, NAMING_PERSON, NAMING_COUNT };

struct walk {
	struct ldap_source *source;
	const struct ldap_config *config;
	struct conn *conn;
	struct deadline by;
	int64_t began;                    /* ticks, microseconds */
	member_fn *fn;
	void *arg;
	struct walk_report *report;
	struct complaint *why;
	const char *list;                 /* its DN */
	const struct via *members;        /* of the list itself, where they are read */
	const char *domain;               /* of its address */
	size_t named_members, named_groups;      /* dangling, so far */
	enum technique technique;

	struct queue_of_dns groups;       /* known to be groups, not read yet */
	struct queue_of_dns people;       /* entries of either kind, not read yet */
	struct queue_of_dns single;       /* those that an OR did not find: to be read one by one */
	struct queue_of_dns addresses;    /* not DNs: of members, to be looked for among the lists */
	struct queue_of_dns parted;       /* groups whose members come in parts */
	struct queue_of_searches searches;
	struct queue_of_dns primaries;    /* not DNs: numbers of groups */
	struct queue_of_dns holders;      /* groups whose members are looked for by memberOf */
	struct queue_of_dns named[NAMING_COUNT]; /* not DNs: names of members, to be looked for */
	struct set *seen_groups;          /* DNs, so that cycles end and diamonds cost nothing */
	struct set *seen_people;
	struct set *seen_addresses;       /* canonical, of the queue */
	struct set *seen_groups_named, *seen_logins;
	struct set *seen_searches;
	struct set *waiting_people, *found; /* DNs, during a search by memberOf */
	struct via_node *vias;            /* all of them, to be freed at the end */

	char **member_attributes;         /* what is asked of an entry that may be a person or a group */
	char **group_attributes;          /* what is asked of a group */
	char **group_signs;               /* what only groups have */
	char **deref_attributes;          /* what the dereference control is to tell of members */
	char **placed_attributes;         /* the same where their place says that they are people */
	char **person_attributes;         /* what is asked of a person who is looked for by login */
	char **list_attributes;           /* what is asked of a list that is looked for */
	const struct via *silent;         /* a group of whom the control named nobody; or NULL */
	bool root_gone;
};

/* What an entry's classes say. */
enum entry_kind {
	ENTRY_UNKNOWN,                    /* there are none that we may see */
	ENTRY_PERSON,                     /* as far as they say; members make it a group all the same */
	ENTRY_GROUP,
	ENTRY_FULL_GROUP                  /* that has members, whether or not we see them */
};

/* ldap_walk.c: what an entry means. False: the walk has failed, and why is said. */
bool walk_group_entry(struct walk *, LDAPMessage *entry, const struct via *);
bool walk_any_entry(struct walk *, LDAPMessage *entry, const struct via *);
void walk_dangling(struct walk *, const char *dn, const struct via *);

/* What an entry is, as far as it was known before, when it has one more class. */
enum entry_kind walk_kind(const struct walk *, enum entry_kind, const char *class, size_t length);

/* Whether so many members in sight are believable for a group of its kind. */
bool walk_members_shown(struct walk *, LDAPMessage *entry, bool any);

/* Whether the server has given all values, but for those of `member`: see walk_in_parts(). */
bool walk_is_whole(struct walk *, LDAPMessage *entry);

/* Whether an entry has members of any kind. */
bool walk_has_members(struct walk *, LDAPMessage *entry);

/* The length of the DN that a value of the member attribute begins with. */
size_t walk_dn_length(const struct walk *, const char *value, size_t length);

/* The members of a group that are no values of `member`. */
bool walk_literals(struct walk *, LDAPMessage *entry, const struct via *);

/* ldap_member.c: a member that is this person. */
bool walk_person(struct walk *, LDAPMessage *entry, const struct via *);

/* A value that is the address of a member. */
bool walk_literal(struct walk *, const struct berval *, const struct via *);

/* Counts and logs a value that is no member's. */
void walk_refuse(struct walk *, const struct berval *, const struct via *, const char *what);

/* Hands a member to the caller. False when told to stop. */
bool walk_emit(struct walk *, const struct address *, const struct via *, unsigned preferences);

/* Does something with each value of an attribute, which may be NULL, until that says false. */
bool walk_values(struct walk *, LDAPMessage *entry, const char *attribute,
                 bool (*)(struct walk *, const struct berval *, const struct via *),
                 const struct via *);

/* A group that was found by a name or an address, and is to be read, unless it was before. */
void walk_queue_group(struct walk *, LDAPMessage *entry, const struct via *);

/* An entry of either kind that is to be read, unless it was before. */
void walk_queue(struct walk *, const char *dn, size_t length, const struct via *);

/* One more step on the way from the list to a member. */
const struct via *walk_via(struct walk *, const struct via *up, const char *name, size_t length);

/* The same for a group: its address, or its DN. */
const struct via *walk_via_group(struct walk *, const struct via *up, LDAPMessage *entry,
                                 const char *dn);

/*
 * ldap_owners.c: queues the owners of a list, or its moderators. FOUND_NO: there is no such list. Unless
 * it says FOUND_YES the walk is over.
 */
enum found walk_role(struct walk *, const struct list *, enum people, const struct via *);

/*
 * ldap_refs.c: a group with the dereference control's answer, which comes in pieces. The entry is what
 * is left of it.
 */
struct pieces;
struct pieces *pieces_open(struct walk *, const struct via *, struct known_place *);
bool pieces_take(struct pieces *, enum piece, struct view);
bool walk_group_pieces(struct walk *, LDAPMessage *entry, struct pieces *);
void pieces_close(struct pieces **);

/*
 * ldap_place.c: where so many people of the list are, who have a class; the place is taken over. And the
 * place of the list's people, if it is known, and no group is there, which is asked now. NULL: that is not
 * so, or not sure.
 */
void place_remember(struct walk *, struct place *, size_t people, const char *class, size_t length);
struct known_place *place_of_people(struct walk *);
bool place_has(const struct known_place *, const char *dn, size_t length);
void place_missed(struct known_place *, size_t members); /* so many members were elsewhere */

/* A request under way: which DNs of a queue it is about. */
struct request {
	int id;
	size_t first, count;
	bool *answered;                   /* per DN of an OR */
	bool deref;                       /* with the dereference control */
	struct known_place *place;        /* where everybody is a person; or NULL */
	struct pieces *pieces;            /* of a group that came in such */
	size_t entries;
	bool doubtful;                    /* an entry came that answers nothing that was asked */
};

/*
 * ldap_lists.c: a member's address, which may be that of a list; false when told to stop. And the
 * requests about the queue of such addresses.
 */
bool walk_address(struct walk *, const struct address *, const struct via *, bool literal,
                  unsigned preferences);
bool lists_send(struct walk *, struct queue_of_dns *, struct request *);
bool lists_entry(struct walk *, struct queue_of_dns *, struct request *, LDAPMessage *);
bool lists_done(struct walk *, struct queue_of_dns *, struct request *, int code);

/*
 * ldap_logins.c: a member that is a login, or a value as alias files have them; false when told to
 * stop. And the requests about the queues of names.
 */
bool walk_login(struct walk *, const struct berval *, const struct via *);
bool walk_alias(struct walk *, const struct berval *, const struct via *);
bool names_send(struct walk *, struct queue_of_dns *, struct request *);
bool names_entry(struct walk *, struct queue_of_dns *, struct request *, LDAPMessage *);
bool names_done(struct walk *, struct queue_of_dns *, struct request *, int code);

/*
 * ldap_or.c: the requests about many DNs in one filter. or_works(): whether the server finds entries by
 * their DN.
 */
bool or_works(struct conn *, const char *base, struct deadline);
bool or_send(struct walk *, struct queue_of_dns *, struct request *);
bool or_entry(struct walk *, struct queue_of_dns *, struct request *, LDAPMessage *);
bool or_done(struct walk *, struct queue_of_dns *, struct request *, int code);

/*
 * ldap_dynamic.c: queues the searches that find members of a group, or that one URL is, which is refused
 * where it may not be; and runs the next of them. False: one cannot be understood, or did not find all.
 */
bool walk_dynamic(struct walk *, LDAPMessage *entry, const struct via *);
bool walk_url(struct walk *, const struct berval *, const struct via *);
bool searches_waiting(const struct walk *);
bool searches_run(struct walk *);
void searches_free(struct walk *);

/*
 * The same file: runs one search for members, whose doing is for complaints; and takes what one found,
 * unless it was a member before.
 */
bool walk_find(struct walk *, const struct dynamic *, const char *doing,
               bool (*entry)(void *, LDAPMessage *), void *arg);
bool walk_take_found(struct walk *, LDAPMessage *entry, const struct via *);

/*
 * ldap_found.c: queues the searches for members of a group by numbers and by memberOf, of whom
 * `members` are known by their DN; and runs the next of them. False: it did not find all.
 */
void walk_queue_finds(struct walk *, LDAPMessage *entry, const struct via *, size_t members);
bool finds_waiting(const struct walk *);
bool finds_run(struct walk *);
void finds_free(struct walk *);

/*
 * ldap_range.c: whether a group came with a part of its members only; queues it; and reads the next of
 * the queue. False: a part is missing, or may be.
 */
bool walk_in_parts(const struct walk *, LDAPMessage *entry);
void walk_queue_parts(struct walk *, LDAPMessage *entry, const struct via *);
bool parts_run(struct walk *);

/*
 * ldap_state.c: whether a group on the way is closed, which is logged, or paused, and then the walk
 * has failed.
 */
enum list_state walk_group_state(struct walk *, LDAPMessage *entry, const struct via *);

/* ldap_attributes.c: what to ask for. */
void walk_choose_attributes(struct walk *);
void walk_free_attributes(struct walk *);

/* ldap_read.c: sends a request; and fetches what is waiting in the queues until they are empty. */
bool walk_search(struct walk *, const char *base, int scope, const char *filter, char **attributes,
                 LDAPControl **controls, int *id, const char *doing);
enum found walk_read(struct walk *);

#endif
