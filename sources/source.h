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

/* Whom of a list to walk. */
enum people { PEOPLE_MEMBERS, PEOPLE_OWNERS };

/* The groups by which a member is one, from the list itself down. */
struct via {
	const struct via *up;             /* NULL above the list itself */
	const char *name;
};

/*
 * One member. All of it is valid during the call only. A person may come several times, by several
 * ways.
 */
struct member {
	const char *canonical;
	const char *spelling;
	const struct via *via;
};

/* Called for each member, on the walking thread. False ends the walk, which then answers unsure. */
typedef bool member_fn(void *arg, const struct member *);

/*
 * Called for each list of a source, on the calling thread. `also` are its further addresses in the
 * domain, canonical. All of it is valid during the call only. False ends it, with the answer unsure.
 */
typedef bool list_fn(void *arg, const struct list *, const struct text_list *also);

/* What a walk came across. */
struct walk_report {
	size_t members;                   /* member_fn calls */
	size_t groups;                    /* the list itself included */
	size_t dangling;                  /* members that do not exist, or cannot be read */
	size_t without_address;           /* that exist and have no mail address */
	size_t refused;                   /* whose address is no mailbox */
	size_t closed;                    /* people whose entry says that they get no mail */
};

/*
 * The message that members are read for, where a source makes a difference. The same for all lists
 * that a message came for, since nobody gets it twice.
 */
struct occasion {
	const char *sender;               /* reverse-path; "" is the null sender */
	const char *queue_id;             /* of the MTA; NULL: not known */
	const char *message_id;           /* NULL: it has none */
	int64_t size;                     /* bytes */
};

struct source;

struct source_ops {
	const char *kind;
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
	 * FOUND_YES: these were all. FOUND_UNSURE: some may be missing. NULL in a source that can
	 * only be asked about one.
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
	 * Asks whether the source answers at all, whatever it says, and nothing from memory:
	 * FOUND_UNSURE where it does not. NULL: by looking for a list that nobody has.
	 */
	enum found (*probe)(struct source *, struct deadline, struct complaint *);
	void (*close)(struct source *);
};

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
enum found source_each_list(struct source *, const char *domain, struct deadline, list_fn *,
                            void *arg, struct complaint *);
enum found source_each_recipient(struct source *, const struct list *, const struct occasion *,
                                 struct deadline, member_fn *, void *arg, struct walk_report *,
                                 struct complaint *);
enum found source_probe(struct source *, struct deadline, struct complaint *);
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
	int64_t yes, no, stale, entries, workers, patience;
};
struct source *cache_wrap(struct source *inner, const struct cache_config *);

/* Several sources as one, see union.c. They stay the caller's, and outlive it. */
struct source *source_unite(struct source *const *inner, size_t count);

/* The source that cannot be opened: always unsure, for this reason. */
struct source *fail_open(const char *name, const char *reason);

extern const struct source_kind source_ldap, source_sql, source_table, source_program, source_file,
	source_fail;

#endif
