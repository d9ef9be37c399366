/*
 * The queues: where every post is from the moment it is accepted until everybody has it. One
 * interface for all back ends; docs/spool.md describes the one on disk, docs/jetstream.md how
 * another would answer. The layer knows what an entry is, and not what a list is.
 *
 * Threads: `struct queues` may be shared. A draft belongs to one thread. An entry belongs to
 * whoever claimed it; note() and sync() alone may be called by several threads at once.
 *
 * Promises of every back end:
 *  - What commit() answered STORED for survives the death of this process and of the machine.
 *  - The name of an entry is made from its content: the same message for the same list and role is
 *    STORED_BEFORE, also after the entry is done, until forget().
 *  - An entry is claimed by one worker at a time; a claim ends with its process.
 *  - A distribution list is there whole or not at all.
 *  - A receipt that was RECEIPT_NOTED is told to whoever has the entry, now or after a crash.
 */
#ifndef QUEUES_QUEUE_H
#define QUEUES_QUEUE_H

#include "base/clock.h"
#include "base/complaint.h"
#include "base/digest.h"
#include "queues/distribution.h"
#include "queues/entry.h"
#include "queues/progress.h"
#include "queues/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the direction in which entries move; never the other way. */
enum queue_id { QUEUE_MODERATION, QUEUE_PENDING, QUEUE_BOUNCE, QUEUE_OUTBOUND, QUEUE_DONE, QUEUE_COUNT };

const char *queue_word(enum queue_id);

enum stored {
	STORE_FULL = -2,                  /* no space: try again later */
	STORE_FAILED = -1,
	STORED = 0,
	STORED_BEFORE = 1                 /* it is there already, or has been: nothing was done */
};

/* What became of a receipt that was heard. */
enum receipt_fate {
	RECEIPT_FAILED,                   /* it could not be written down: let the MTA say it again */
	RECEIPT_NOTED,                    /* durable */
	RECEIPT_LATE,                     /* that is known for good without it */
	RECEIPT_UNKNOWN,                  /* nobody asked for it */
	RECEIPT_FATES
};

/* "noted" … */
const char *receipt_word(enum receipt_fate);

struct queues;
struct draft;

/* A message is to become an entry of this queue. */
struct commitment {
	enum queue_id queue;
	const struct envelope *envelope;
	enum stored result;               /* set by commit() */
};

/* A claimed entry. */
struct entry {
	struct queues *queues;
	char id[DIGEST_NAME + 1];
	enum queue_id queue;
	struct envelope envelope;
	int64_t tries, until;             /* as the last defer record says */
	int64_t spent, since;             /* ms it had been tried for at `since`; see queue_spent() */
	enum decided decided;             /* by whoever moderates it */
	char *damage;                     /* why its progress cannot be read, and nothing be noted; or NULL */
};

/* What is in a queue, without reading the entries. */
struct queue_count {
	size_t entries, held;
	int64_t oldest;                   /* when it came, wall clock; 0: none, or not known of QUEUE_DONE */
};

/* One line for a listing. */
struct entry_summary {
	const char *id;
	enum queue_id queue;
	const struct envelope *envelope;  /* NULL where it cannot be read */
	size_t recipients;                /* 0 while there is no distribution list */
	const struct distribution *frozen;       /* the list; NULL while there is none, or it is not told */
	bool held;                        /* nobody works on it until an operator lets it go */
	const struct tally *tally;
	const char *reason;               /* of the last defer or failure; may be NULL */
};

struct queue_ops {
	const char *name;

	/* ---- taking in ---- */

	/* A message is about to come. NULL with *result. */
	struct draft *(*draft)(struct queues *, enum stored *result, struct complaint *);
	enum stored (*write)(struct draft *, const void *bytes, size_t length, struct complaint *);

	/*
	 * The whole message is written: the name that an entry for this list and role will have.
	 */
	void (*entry_name)(struct draft *, const char *list, const char *role,
	                   char id[DIGEST_NAME + 1]);

	/*
	 * The whole message is written: names are to be made of this key, not of the message's bytes.
	 */
	void (*name_by)(struct draft *, const char *key);

	/*
	 * Stores the message once for each commitment, under the name that entry_name() gives.
	 * Whether it is possible is seen for all before the first becomes visible. Each gets its
	 * own result; STORED means durable. The complaint is that of the last failure.
	 */
	void (*commit)(struct draft *, struct commitment *, size_t count, struct complaint *);

	/* Always the last call. What was not committed leaves nothing behind. */
	void (*discard)(struct draft **);

	/* ---- working ---- */

	/*
	 * The next entry of a queue that is due and that nobody has, of those that came through
	 * this process in the order in which they came; NULL where there is none now.
	 * Entries whose envelope cannot be read are logged and left alone for a while.
	 */
	struct entry *(*claim)(struct queues *, enum queue_id);

	/*
	 * This entry of the queue, due or not, if nobody has it. 1, 0 where it is not there; -1 with a
	 * complaint where it cannot be had now.
	 */
	int (*take)(struct queues *, enum queue_id, const char *id, struct entry **, struct complaint *);

	/*
	 * Waits until claim() may find something, or the deadline, or wake(), which is for all that wait for
	 * this queue. An entry that comes wakes one of them.
	 */
	void (*wait)(struct queues *, enum queue_id, struct deadline);
	void (*wake)(struct queues *, enum queue_id);

	/* Makes a deferred entry due now; NULL: all of them. How many. */
	size_t (*hurry)(struct queues *, const char *id);

	/* The message's bytes, until the entry is let go. */
	int (*message)(struct entry *, const char **data, size_t *length, struct complaint *);

	/*
	 * The distribution list: begin throws away what is there, finish makes it durable and
	 * whole. recipients() gives it, and 0 where it is not whole.
	 */
	int (*freeze_begin)(struct entry *, struct complaint *);
	int (*freeze_add)(struct entry *, const char *canonical, const char *spelling,
	                  struct complaint *);
	int (*freeze_finish)(struct entry *, struct complaint *);
	int (*recipients)(struct entry *, struct distribution *, struct complaint *);

	/* Sums up the progress of an entry with `count` recipients. */
	int (*progress)(struct entry *, size_t count, struct tally *, struct complaint *);

	/*
	 * Adds a record, whole or not at all; a durable one is on disk when it returns.
	 */
	int (*note)(struct entry *, const struct record *, bool durable, struct complaint *);

	/*
	 * Makes what was noted durable; one for all who ask at the same time. Once it has failed, it fails
	 * until the entry is claimed anew.
	 */
	int (*sync)(struct entry *, struct complaint *);

	/*
	 * A receipt was heard: this batch of this entry is in the MTA's queue. Needs no claim; any
	 * number of threads and processes. A token that no intent has is RECEIPT_UNKNOWN.
	 */
	enum receipt_fate (*receipt)(struct queues *, const char *id, int64_t batch, const char *token,
	                             struct complaint *);

	/* Calls see for each receipt that was noted, by whomever, since whoever has the entry asked last. */
	int (*receipts)(struct entry *, void (*see)(void *, int64_t batch, const char *token), void *arg,
	                struct complaint *);

	/*
	 * Moves the entry on. The claim goes with it, except into QUEUE_DONE, which ends it and
	 * drops the message. After a failure the entry is where it was and still claimed.
	 */
	int (*move)(struct entry **, enum queue_id, struct complaint *);

	/*
	 * A claimed entry only waits from now on, until it is let go: it is not to be taken for what the
	 * process dies of meanwhile.
	 */
	void (*rest)(struct entry *);

	/* Whether nobody is to work on this entry until an operator lets it go. Any thread. */
	bool (*held)(struct entry *);

	/* Lets the entry go, to be claimed again not before `until` (wall clock; 0: at once). */
	void (*release)(struct entry **, int64_t until);

	/*
	 * The process ends in good order, though others still work on entries: those are not to be taken
	 * for what it died of. From any thread; the last call.
	 */
	void (*leave)(struct queues *);

	/* ---- looking ---- */

	/* Calls see for each entry of a queue. Needs no claim. */
	int (*each)(struct queues *, enum queue_id,
	            void (*see)(void *, const struct entry_summary *), void *arg,
	            struct complaint *);

	/* Calls see for that entry, in whatever queue. Whether there is one. */
	bool (*look)(struct queues *, const char *id, void (*see)(void *, const struct entry_summary *),
	             void *arg);

	/*
	 * Who is in a line of the distribution list of an entry for a list, of whose name the beginning is
	 * known: 1 with the canonical address, allocated; 0 where there is no such entry any more, or line;
	 * -1 with a complaint. Looks through the names of all entries. Needs no claim.
	 */
	int (*member)(struct queues *, const char *beginning, const char *list, size_t line,
	              char **address, struct complaint *);

	/* Counts the entries of a queue; cheap enough to be asked every few seconds. */
	int (*count)(struct queues *, enum queue_id, struct queue_count *, struct complaint *);

	/* Forgets entries that were done before `before` (wall clock). How many. */
	size_t (*forget)(struct queues *, int64_t before);

	void (*close)(struct queues *);
};

/* The beginning of every back end. */
struct queues {
	const struct queue_ops *ops;
	void (*told)(void *, const char *id, int64_t batch);   /* see queue_listen() */
	void *told_arg;
};

/*
 * From now on this is called for each receipt that is heard in this process and that an intent asks
 * for, by the thread that hears it. With NULL it ends: afterwards no call is under way.
 */
void queue_listen(struct queues *, void (*told)(void *, const char *id, int64_t batch), void *arg);

/* As ops->receipt(), and tells whoever listens. */
enum receipt_fate queue_receipt(struct queues *, const char *id, int64_t batch, const char *token,
                                struct complaint *);

/* The beginning of every back end's draft. */
struct draft {
	struct queues *queues;
};

void queues_close(struct queues **);

/*
 * Puts an entry off until the schedule's next time, with a record that says why and how often that
 * was; lets it go.
 */
void queue_defer(struct entry **, const struct schedule *, const char *reason);

/*
 * For how long it has been tried to get on with an entry, in milliseconds of the schedule; by the
 * clock where nobody can say, since its progress cannot be read.
 */
int64_t queue_spent(const struct entry *, const struct schedule *);

/* Whether the time for trying is over, and it was tried some times. */
bool queue_expired(const struct entry *, const struct schedule *);

/*
 * Makes an entry of a text, named by a key: made again, in other words, it is still the same. `id` is set
 * where it is STORED or STORED_BEFORE.
 */
enum stored queue_put(struct queues *, enum queue_id, const struct envelope *, const char *key,
                      const struct bytes *text, char id[DIGEST_NAME + 1], struct complaint *);

/* ---- the spool ---- */

struct spool_config {
	char *path;                       /* the directory; made where it is missing */
	int64_t rescan;                   /* ms between looks for entries that others put there */
	int64_t longest;                  /* ms that an entry waits at most, whatever it says; 0: no limit */
	bool read_only;                   /* to look only: nothing is made, claimed or removed */
};

/* Takes a copy of the config. Network file systems are refused. */
struct queues *spool_open(const struct spool_config *, struct complaint *);

/*
 * What an operator decides about the entries that are held, since the spool was restored, or about
 * one of them: work on them again, or be done with them unsent. Expanders need not be told. -1 with
 * a complaint, else 0 and how many.
 */
int spool_release_held(const char *path, const char *id, bool discard, size_t *count,
                       struct complaint *);

/*
 * Holds an entry from now on, durably; whoever works on it begins no further batch. 1; 0 where there is none
 * that is not done; -1 with a complaint.
 */
int spool_hold_entry(const char *path, const char *id, struct complaint *);

/*
 * Claims an entry of a spool that was opened read_only, wherever it is, also where it is held or done: an
 * operator is about to decide about it. Waits until nobody works on it. NULL with a complaint; *exists says
 * whether it is there.
 */
struct entry *spool_seize(struct queues *, const char *id, struct deadline, bool *exists,
                          struct complaint *);

/*
 * Calls visit for each record of an entry's progress, in whatever queue it is. 1; 0 where there is no such
 * entry; -1 with a complaint.
 */
int spool_history(struct queues *, const char *id, void (*visit)(void *, const struct record *), void *arg,
                  struct complaint *);

/*
 * Called at each numbered step of docs/spool.md, if not NULL: for tests that stop the process
 * there.
 */
extern void (*spool_step)(int step);

#endif
