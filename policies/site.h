/*
 * What the configuration says about the whole site: its name, its sources, the domains that hold
 * lists and what is asked about mail to them. Every program reads it, and beside it the part that
 * is its own.
 *
 * A site never changes once it is read. It is shared by reference count: a reload makes another
 * one, and whoever is in the middle of something keeps the old one until the end of that.
 */
#ifndef POLICIES_SITE_H
#define POLICIES_SITE_H

#include "base/keys.h"
#include "base/log.h"
#include "base/net.h"
#include "base/resolver.h"
#include "policies/inquiry.h"
#include "policies/senders.h"
#include "policies/style.h"
#include "sources/source.h"

#include <stdatomic.h>

/* A list that the configuration says something about. */
struct list_block {
	char *address;                    /* canonical */
	struct style style;
	struct modifiers *modifiers;      /* of its posts; NULL: those of its senders, or its destination */
};

struct destination {
	char *domain;                     /* canonical */
	struct source *source;            /* borrowed from the site; may stand for several */
	bool shadow;                      /* nobody is sent anything */
	bool shared;                      /* what is no list there belongs to others */
	char delimiter;                   /* '\0': none */
	int64_t proof;                    /* posts to so many or more ask for receipts; 0: none does */
	struct style style;               /* of its posts, complete */
	struct list_block *lists;
	size_t list_count;
	struct chain *chain;              /* of senders whom no rule is about */
	struct modifiers *modifiers;      /* of its posts; or NULL */
	struct rule *rules;
	size_t rule_count;
};

/*
 * The limits that milter and LMTP server share, so that the latter refuses only what came past the
 * former.
 */
struct limits {
	int64_t message, header;          /* bytes */
	int64_t hops;                     /* Received fields */
};

/* What makes a stamp (mail/stamp.h) count. */
struct stamp_rules {
	int64_t lifetime;                 /* ms */
	int64_t match;                    /* enum stamp_match */
};
enum stamp_match { STAMP_BY_QUEUE_ID, STAMP_BY_DIGEST };

struct site {
	atomic_int references;
	char *file;                       /* the configuration's name */
	char *hostname;
	char *state;                      /* the directory for everything that is kept */
	char *keys;                       /* the directory of keys */
	char *user;                       /* to run as; NULL: as started */
	char *errors;                     /* canonical; for what has no other place to go; or NULL */
	char *log_to;
	int64_t log_level;                /* enum log_level */
	struct networks *networks;        /* trusted ones */
	struct limits limits;
	struct stamp_rules stamp;
	struct source **sources;          /* as they are named, then what unites several */
	size_t named_count, source_count;
	struct senders *senders;
	size_t sender_count;
	struct destination *destinations;
	size_t destination_count;
	struct bulkheads *bulkheads;      /* the workers of policies */
	struct resolver *resolver;
	struct effective_list effective;
};

/* A part of the file that belongs to one program: the rows, and where the values go. */
struct site_part {
	const char *name;                 /* "milter", "lmtp" …; NULL ends a list of them */
	const struct setting *settings;
	void *values;                     /* zeroed; filled on success */
};

/*
 * Reads the file. `parts` are the ones this program reads; parts of other programs are passed over.
 * With `strict` everything that may be wrong is an error; without, a source that cannot be opened
 * is replaced by one that is unsure. NULL with a complaint that names file, line and column; the
 * parts' values are freed then.
 */
struct site *site_load(const char *file, bool strict, const struct site_part *parts,
                       struct complaint *);
struct site *site_hold(struct site *);
void site_drop(struct site **);

/*
 * What every daemon does at a reload before it puts the new site in force: opens the log anew, as it
 * is configured now, and says which settings take effect at the next start only. `new` is NULL where
 * it could not be loaded, and `why` has the cause. -1: the old one stays in force, which is logged.
 */
int site_reload(const char *program, const struct site *old, const struct site *new,
                struct complaint *why);

/* The destination an address lies in, or NULL: none of rollcall's business. */
const struct destination *site_destination(const struct site *, const char *canonical);

/*
 * Whether a text that is no address names a domain of lists all the same: the MTA may have
 * understood it, whatever blanks, comments and quotes are in it. Errs on the side of yes.
 */
bool site_is_named(const struct site *, const char *text);

/* What an address of a destination stands for. */
struct target {
	const struct destination *destination;
	struct list *list;                /* a reference */
	bool stale;                       /* from an old memory, see source_peek_list() */
	enum role role;
	char *recipient;                  /* canonical: what was written to */
	const struct rule *rule;          /* for its senders; NULL: the destination's own checks hold */
	const char *style[STYLE_COUNT];   /* of its posts, see style_merge(); with ROLE_POST only */
};
void target_drop(struct target *);

/* Looks which rule holds for whoever sends. Needs of the facts the session and the sender. */
void target_dispatch(struct target *, const struct facts *, const struct doorway *);

/* What is asked about mail to it; and the name of the block `senders` that says so, or NULL. */
struct chain *target_chain(const struct target *);
const char *target_senders(const struct target *);

/* What is changed in its posts: as its list, its senders or its destination say; NULL: nothing. */
const struct modifiers *target_modifiers(const struct target *);

/* Asks the source, waiting until the deadline. */
enum found site_find(const struct destination *, const char *canonical, struct deadline,
                     struct target *, struct complaint *);

/*
 * For site.c: reads the block `destinations`, when the sources are there; and frees what it made.
 */
int destinations_read(struct site *, const struct node *root, struct complaint *);
void destinations_free(struct site *);

/* While it is read: the source of that name. NULL with a complaint about `at`. */
struct source *site_source(const struct site *, const struct node *at, const char *name, struct complaint *);

/* For site_find.c: what holds for the posts of a list, see style_merge(). */
int destination_style(const struct destination *, const struct list *,
                      const char *style[STYLE_COUNT], struct complaint *);

/* Asks memory only; see source_peek_list(), also for what a stale "no" is good for. */
enum found site_peek(const struct destination *, const char *canonical, bool stale,
                     struct target *);

/* Whether anything that is asked in the site needs that. */
bool site_needs(const struct site *, enum need);

/* The value that a setting has, as text: site_effective(s, "lmtp.listen"). NULL: it has none. */
const char *site_effective(const struct site *, const char *path);

/* The places of files below `state`. Allocated. */
char *site_spool(const struct site *);
char *site_control(const struct site *, const char *program);

/* The site's keys, see keys_open(). NULL with a complaint. */
struct keys *site_keys(const struct site *, struct complaint *);

/* The top rows, for the manual. */
extern const struct setting site_settings[], destination_settings[], limits_settings[], stamp_settings[],
	log_settings[];

#endif
