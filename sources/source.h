/*
 * Extension point A: where lists and their members come from. One file per kind of source and one
 * row in registry.c. Everything has three answers: yes, no, unsure; "unsure" is whatever could not
 * be learnt whole, and is never taken for one of the others.
 *
 * Threads: every operation may be called from any thread, and several may run at once on one
 * source.
 */
#ifndef SOURCES_SOURCE_H
#define SOURCES_SOURCE_H

#include "base/clock.h"
#include "base/complaint.h"
#include "base/setting.h"
#include "mail/list.h"

#include <stdbool.h>
#include <stddef.h>

enum found { FOUND_UNSURE = -1, FOUND_NO = 0, FOUND_YES = 1 };

/* Whom of a list to walk. Of moderators there are none in most sources. */
enum people { PEOPLE_MEMBERS, PEOPLE_OWNERS, PEOPLE_MODERATORS };

/* The groups by which a member is one, from the list itself down. */
struct via {
	const struct via *up;             /* NULL above the list itself */
	const char *name;
};

/* What a person wants of lists, as bits. */
enum preference {
	PREFER_NO_MAIL = 1,               /* no posts */
	PREFER_DIGEST = 2,                /* no single ones */
	PREFER_NOT_MINE = 4               /* none of one's own */
};

/*
 * One member. All of it is valid during the call only. A person may come several times, by several
 * ways.
 */
struct member {
	const char *canonical;
	const char *spelling;
	const struct via *via;
	unsigned preferences;             /* as far as the source knows */
};

/* Called for each member, on the walking thread. False ends the walk, which then answers unsure. */
typedef bool member_fn(void *arg, const struct member *);

/*
 * Called for each list of a source, on the calling thread. `also` are its further addresses in the
 * domain, canonical. All of it is valid during the call only. False ends it, with the answer unsure.
 */
typedef bool list_fn(void *arg, const struct list *, const struct text_list *also);

/* Why somebody who is named as a member gets nothing. */
enum omission {
	OMITTED_DANGLING,                 /* does not exist, or cannot be read */
	OMITTED_WITHOUT_ADDRESS,          /* exists and has no mail address */
	OMITTED_REFUSED,                  /* has one that is no mailbox */
	OMITTED_CLOSED,                   /* the entry says: gets no mail */
	OMITTED_COUNT
};

/* Each for people. */
extern const char *const omission_words[OMITTED_COUNT];

/*
 * Called for each of them, on the walking thread. `what` is what stands in the source for him: a DN,
 * a login, the value that is no mailbox; "" where nothing does. Valid during the call only.
 */
typedef void omission_fn(void *arg, enum omission, const char *what, const struct via *);

/* A value that is no member's address, and the group that has it. Printable, and cut off. */
enum { REFUSED_KEPT = 20, REFUSED_SHOWN = 160 };
struct refused_value {
	char group[REFUSED_SHOWN], value[REFUSED_SHOWN];
};

/*
 * Called for a list within the one that is walked, with its own address, canonical; on the walking
 * thread, several times for a list that is met several times. True: it is not walked. Nor are its
 * members any, then.
 */
typedef bool apart_fn(void *arg, const char *canonical);

/* What a walk came across. */
struct walk_report {
	size_t members;                   /* member_fn calls */
	size_t groups;                    /* the list itself included */
	size_t dangling;                  /* members that do not exist, or cannot be read */
	size_t without_address;           /* that exist and have no mail address */
	size_t refused;                   /* whose address is no mailbox */
	size_t closed;                    /* people whose entry says that they get no mail */
	omission_fn *omitted;             /* wants to hear of the four before; or NULL */
	void *omitted_arg;
	apart_fn *apart;                  /* NULL: lists within the list are walked */
	void *apart_arg;
	size_t apart_count;               /* lists that are not */
	struct refused_value kept[REFUSED_KEPT];        /* the first that were refused */
};

/*
 * For sources: counts somebody who is left out, and says so to who wants to hear it. Whoever has a
 * value that is no `what` (an address, as a rule) is refused: it is kept and logged as well.
 */
void walk_omit(struct walk_report *, enum omission, const char *what, size_t length, const struct via *);
void source_refuse(struct walk_report *, const struct via *, const char *value, size_t length,
                   const char *what);

/* For sources: whether a list that was met within another is left alone. */
bool walk_apart(struct walk_report *, const char *canonical);

/* Adds what an inner walk refused, which is logged already. */
void source_refuse_too(struct walk_report *, const struct walk_report *inner);

/* One server of a source, for people. All of it is valid during the call only. */
struct server_report {
	const char *kind;                 /* of the source */
	const char *name;
	const char *error;                /* NULL: it answers */
	const char *technique;            /* by which members are read from it; NULL: there is but one */
	const char *reason;               /* of that */
	int64_t round_trip;               /* microseconds that a small question took */
};
typedef void server_fn(void *arg, const struct server_report *);

/*
 * What somebody who uses a source knows of one server of it, as he met it himself. Times are wall clock,
 * in milliseconds; 0 is never. All of it is valid during the call only, which must not wait.
 */
struct server_standing {
	const char *name;
	size_t connections;               /* open ones */
	int64_t connected;                /* the last one was made */
	const char *technique;            /* by which members were read last, whole; NULL: none were */
	int64_t read;
	const char *error;                /* the last; NULL: there was none */
	int64_t failed;
};
typedef void standing_fn(void *arg, const struct server_standing *);

/*
 * The message that members are read for, where a source makes a difference. The same for all lists
 * that a message came for, since nobody gets it twice.
 */
struct occasion {
	const char *sender;               /* reverse-path; "" is the null sender */
	const char *queue_id;             /* of the MTA; NULL: not known */
	const char *message_id;           /* NULL: it has none */
	int64_t size;                     /* bytes */
	apart_fn *apart;                  /* NULL: lists within the list are walked */
	void *apart_arg;
};

/* What a program is told of it by its environment: adds variables. */
void occasion_describe(const struct occasion *, struct text_list *environment);

/*
 * Whom a posting is from, as far as that is known: by a login, or else by an address, canonical. The
 * other one is NULL; or, beside a login, the address that it stands for where a source knows people
 * by nothing else.
 */
struct identity {
	const char *login, *address;
};

/* Somebody. Immutable, shared between threads by reference count. */
struct person {
	char *key;                        /* the source's; NULL: it does not know the person */
	char *login, *address;            /* as the person was asked for; either may be NULL */
	struct text_list addresses;       /* all, canonical, once each */
	struct text_list logins;
	struct text_list groups;          /* keys of groups that the person is known to be in; not all */
};

/* Somebody of whom no more is known. One reference. */
struct person *person_new(const struct identity *);
struct person *person_hold(struct person *);
void person_drop(struct person **);

/* A member_fn that looks for a person among members, and stops at him. */
struct person_look {
	const struct person *person;
	bool found;
};
bool person_look(void *look, const struct member *);

struct source;

struct source_ops {
	const char *kind;
	bool moderators;                  /* each_member is to be asked for them */
	/*
	 * Looks for a list by any of its addresses. `addresses` are canonical, in the order in
	 * which they count; the list found is that of the first that belongs to one, and *which_r
	 * its index. FOUND_YES gives a reference to the list. Two lists with the same address are
	 * FOUND_UNSURE.
	 */
	enum found (*find_list)(struct source *, const char *const *addresses, size_t count,
	                        struct deadline, struct list **list_r, size_t *which_r,
	                        struct complaint *);
	/*
	 * The same from memory, at once; FOUND_UNSURE for what is not known. With `stale` what has
	 * been true lately will do; a FOUND_NO of that kind is no reason to refuse anything. NULL in
	 * a source that remembers nothing.
	 */
	enum found (*peek_list)(struct source *, const char *const *addresses, size_t count,
	                        bool stale, struct list **list_r, size_t *which_r);
	/*
	 * As find_list, with nothing from memory. NULL in a source that remembers nothing.
	 */
	enum found (*find_fresh)(struct source *, const char *const *addresses, size_t count,
	                         struct deadline, struct list **list_r, size_t *which_r,
	                         struct complaint *);
	/*
	 * Walks all people of a list as they are now, nested groups included. FOUND_YES: these were
	 * all. FOUND_NO: there is no such list any more. FOUND_UNSURE: some may be missing, so that
	 * nothing of what was walked may be used.
	 */
	enum found (*each_member)(struct source *, const struct list *, enum people, struct deadline,
	                          member_fn *, void *arg, struct walk_report *, struct complaint *);
	/*
	 * Names all lists that have an address in the domain, in any order, as they are now.
	 * FOUND_YES: these were all. FOUND_UNSURE: some may be missing, or the source is not told how,
	 * see source_cannot_list().
	 */
	enum found (*each_list)(struct source *, const char *domain, struct deadline, list_fn *,
	                        void *arg, struct complaint *);
	/*
	 * Walks the members who get a message, as each_member does. NULL: they are the same for any.
	 */
	enum found (*each_recipient)(struct source *, const struct list *, const struct occasion *,
	                             struct deadline, member_fn *, void *arg, struct walk_report *,
	                             struct complaint *);
	/*
	 * Names all addresses of the person who has this one, that included. FOUND_NO: it knows of
	 * no such person, or of several. NULL: it knows of no people.
	 */
	enum found (*each_address)(struct source *, const char *canonical, struct deadline, member_fn *,
	                           void *arg, struct complaint *);
	/*
	 * Walks the people who match a filter of the site's. FOUND_YES: these were all. NULL: it has no
	 * filters.
	 */
	enum found (*each_match)(struct source *, const char *filter, struct deadline, member_fn *,
	                         void *arg, struct complaint *);
	/*
	 * Who this is. FOUND_YES gives a reference; FOUND_NO: nobody it knows, and no list is a person;
	 * two people are FOUND_UNSURE. NULL in a source that knows people by their address alone: it
	 * knows everybody.
	 */
	enum found (*find_person)(struct source *, const struct identity *, struct deadline,
	                          struct person **person_r, struct complaint *);
	/*
	 * Whether a rule that the source judges, see poster_asks_source(), is about the person. At a cost
	 * that does not grow with the list; NULL: by walking.
	 */
	enum found (*covers)(struct source *, const struct list *, const struct poster *,
	                     const struct person *, struct deadline, struct complaint *);
	/* The same from memory, at once; FOUND_UNSURE for what is not known. NULL: nothing is. */
	enum found (*peek_person)(struct source *, const struct identity *, struct person **person_r);
	enum found (*peek_covers)(struct source *, const struct list *, const struct poster *,
	                          const struct person *);
	/* Somebody will be asked for soon: begins to, and does not wait. NULL: it does not help. */
	void (*expect_person)(struct source *, const struct identity *);
	/*
	 * Asks whether the source answers at all, whatever it says, and nothing from memory:
	 * FOUND_UNSURE where it does not. NULL: by looking for a list that nobody has.
	 */
	enum found (*probe)(struct source *, struct deadline, struct complaint *);
	/*
	 * Asks each server what it can do, on a new connection. NULL: as if the source were one server,
	 * by a probe.
	 */
	void (*each_server)(struct source *, struct deadline, server_fn *, void *arg);
	/* Tells of each server what is known of it, and asks nobody. NULL: it has none to tell of. */
	void (*each_standing)(struct source *, standing_fn *, void *arg);
	void (*close)(struct source *);
};

/* For a source that could name its lists, and is not told how. FOUND_UNSURE. */
enum found source_cannot_list(struct source *, const char *reason, struct complaint *);

/* The beginning of every source. */
struct source {
	const struct source_ops *ops;
	char *name;                       /* from the configuration */
};

enum found source_find_list(struct source *, const char *const *addresses, size_t count,
                            struct deadline, struct list **list_r, size_t *which_r,
                            struct complaint *);
enum found source_find_fresh(struct source *, const char *const *addresses, size_t count,
                             struct deadline, struct list **list_r, size_t *which_r,
                             struct complaint *);
enum found source_peek_list(struct source *, const char *const *addresses, size_t count, bool stale,
                            struct list **list_r, size_t *which_r);
enum found source_each_member(struct source *, const struct list *, enum people, struct deadline,
                              member_fn *, void *arg, struct walk_report *, struct complaint *);

/* The same for who wants to hear of those who are left out. */
enum found source_each_member_told(struct source *, const struct list *, enum people, struct deadline,
                                   member_fn *, void *arg, omission_fn *, void *omitted_arg,
                                   struct walk_report *, struct complaint *);
enum found source_each_list(struct source *, const char *domain, struct deadline, list_fn *,
                            void *arg, struct complaint *);
enum found source_each_recipient(struct source *, const struct list *, const struct occasion *,
                                 struct deadline, member_fn *, void *arg, struct walk_report *,
                                 struct complaint *);
enum found source_each_address(struct source *, const char *canonical, struct deadline, member_fn *,
                               void *arg, struct complaint *);
enum found source_each_match(struct source *, const char *filter, struct deadline, member_fn *, void *arg,
                             struct complaint *);
enum found source_find_person(struct source *, const struct identity *, struct deadline,
                              struct person **person_r, struct complaint *);
enum found source_covers(struct source *, const struct list *, const struct poster *,
                         const struct person *, struct deadline, struct complaint *);
/* The same by walking, where the source has nothing better, or has not found anybody. */
enum found source_walk_covers(struct source *, const struct list *, const struct poster *,
                              const struct person *, struct deadline, struct complaint *);
enum found source_peek_person(struct source *, const struct identity *, struct person **person_r);
enum found source_peek_covers(struct source *, const struct list *, const struct poster *,
                              const struct person *);
void source_expect_person(struct source *, const struct identity *);
enum found source_probe(struct source *, struct deadline, struct complaint *);
void source_each_server(struct source *, struct deadline, server_fn *, void *arg);
void source_each_standing(struct source *, standing_fn *, void *arg);
void source_close(struct source **);

/* A kind of source, as the registry lists it. */
struct source_kind {
	const char *name;                 /* the word in the configuration, and the file's name */
	const char *summary;              /* one line for the manual */
	const struct setting *settings;
	const struct setting *attributes; /* rows of a part within the block, for the manual; or NULL */
	size_t config_size;
	/* Checks what rows cannot, and reads parts within the block. May be NULL. */
	int (*check)(void *config, const struct node *block, const char *path,
	             struct effective_list *, struct complaint *);
	/*
	 * Whether what may come and go while the source is in use is there now: asked where everything
	 * that may be wrong is to be an error. May be NULL.
	 */
	int (*inspect)(const void *config, struct complaint *);
	/*
	 * Makes the source; takes over the config, whatever it answers. Does not wait for servers.
	 */
	struct source *(*open)(const char *name, void *config, struct complaint *);
};

/* Rows that every kind has. */
#define SOURCE_SETTINGS                                                                              \
	{ .name = "kind", .kind = KIND_PART, .flags = SETTING_REQUIRED,                              \
	  .help = "Which kind of source this is." },                                                \
	{ .name = "cache", .kind = KIND_PART,                                                        \
	  .help = "What is remembered of lookups, see below. Members are never remembered." }

/* The kinds, ended by NULL. */
extern const struct source_kind *const source_kinds[];

/*
 * Makes a source from its block in the configuration, with its cache around it. A block that is
 * wrong is a complaint with its place. A source that cannot be opened for another reason is
 * replaced by one that is always unsure, and logged, so that the daemon answers 4xx; with `strict`
 * that is a complaint as well.
 */
struct source *source_from_config(const struct node *block, bool strict, struct effective_list *,
                                  struct complaint *);

/* The cache, see cache.c. Takes over the inner source. */
extern const struct setting cache_settings[];
struct cache_config {
	int64_t yes, no, stale, people, entries, workers, patience;
};
struct source *cache_wrap(struct source *inner, const struct cache_config *);

/* Several sources as one, see union.c. They stay the caller's, and outlive it. */
struct source *source_unite(struct source *const *inner, size_t count);

/* The source that cannot be opened: always unsure, for this reason. */
struct source *fail_open(const char *name, const char *reason);

extern const struct source_kind source_ldap, source_sql, source_table, source_program, source_file,
	source_fail;

#endif
