/*
 * The parts of the spool, as they see each other. For queues/spool*.c only; docs/spool.md has the
 * format.
 */
#ifndef QUEUES_SPOOL_H
#define QUEUES_SPOOL_H

#include "base/file.h"
#include "base/map.h"
#include "base/monitor.h"
#include "queues/queue.h"

#include <stdatomic.h>
#include <sys/types.h>

/* When an entry that is not claimed is due. */
struct waiting {
	char id[DIGEST_NAME + 1];
	int64_t due;                      /* ticks: a clock that jumps does not matter */
	uint64_t order;                   /* among those due at the same time: first come, first served */
	bool claimed;
	bool hurried;                     /* due whatever its progress file says */
	bool seen;                        /* by the scan that is going on */
	size_t place;                     /* in the heap, while not claimed */
};

/* What this process knows of one queue. */
struct line_up {
	struct map *known;                /* id → struct waiting */
	struct waiting **heap;            /* by due, of those not claimed */
	size_t count, capacity;
	uint64_t orders;
	int64_t scanned;                  /* ticks; when the directory was read last */
	struct bell due;                  /* for those who wait, see queue_ops.wait */
	uint64_t wakes;
};

enum {
	SPOOL_NAME = 64,                  /* room for the name of a directory in tmp/ */
	SPARES = 128
};

/* Files that messages were in. */
struct spares {
	char name[SPOOL_NAME];            /* of their directory in tmp/ */
	int dir;                          /* the same, locked; -1 until needed */
	uint64_t next;                    /* their names are numbers */
	uint64_t numbers[SPARES];
	size_t count, coming;             /* that are there, and that are on their way */
};

struct spool {
	struct queues queues;
	struct spool_config config;
	int root, tmp;                    /* directories */
	int held;                         /* another; -1 where it is only looked at and was never made */
	int dirs[QUEUE_COUNT];
	struct monitor monitor;           /* over what follows */
	struct line_up line_ups[QUEUE_COUNT];
	struct spares spares;
	struct spool_entry *at_work;      /* those that are claimed */
	bool suspecting;                  /* an entry that a process died of, perhaps, is being worked on */
	atomic_uint_fast64_t made;        /* directories in tmp/; a number for each */
	atomic_int_fast64_t sync_took;    /* microseconds: the last sync of a message */
};

struct spool_entry {
	struct entry entry;
	int dir;                          /* of the entry */
	int lock;                         /* its envelope.json, flock()ed */
	struct file_map message, recipients;
	struct monitor appending;         /* over what follows, while others may note, too */
	int progress;                     /* opened for appending; -1 until needed */
	off_t end;                        /* of its whole records */
	bool torn;                        /* there is a part of one behind the end */
	bool begun;                       /* it says that work began, and of no outcome */
	off_t synced;                     /* what is on disk of it */
	bool syncing;                     /* somebody is at it, up to … */
	off_t target;
	struct known {                    /* batches that are queued, as the record that ends there says */
		int64_t batch;
		off_t end;
	} *known;
	size_t known_count;
	bool lost;                        /* a sync has failed: what comes after one says nothing */

	off_t heard;                      /* of receipts: what the worker was told */

	size_t deaths;                    /* how often work on it began, and the process ended */
	bool suspect;                     /* it is the one that is worked on alone */
	struct spool_entry *before, *after;       /* at work */

	int freezing;                     /* recipients being written, or -1 */
	struct bytes buffer;              /* of it */
	size_t frozen;                    /* lines written */
};

static inline void
step(int number)
{
	if (spool_step != NULL)
		spool_step(number);
}

/* Whether an entry of this name is in a queue behind `queue`. */
bool spool_later(const struct spool *, enum queue_id queue, const char *id);

/* spool_spare.c: files of messages, which are written again. */
int spool_make_message(struct spool *, int dir);        /* an empty one, open for writing; -1 with errno */
int spool_remove_message(struct spool *, int dir);      /* may be gone; -1 with errno */
void spool_drop_spares(struct spool *);

/* spool_write.c */
/* Makes a directory of its own in tmp/, and opens it. -1 with errno, and no name where there is none. */
int spool_make_dir(struct spool *, const char *kind, char name[SPOOL_NAME], struct complaint *);
struct draft *spool_draft(struct queues *, enum stored *, struct complaint *);
enum stored spool_write(struct draft *, const void *, size_t, struct complaint *);
void spool_name(struct draft *, const char *list, const char *role, char id[DIGEST_NAME + 1]);
void spool_name_by(struct draft *, const char *key);
void spool_commit(struct draft *, struct commitment *, size_t, struct complaint *);
void spool_discard(struct draft **);

/* spool_entry.c */
struct entry *spool_claim(struct queues *, enum queue_id);
int spool_take(struct queues *, enum queue_id, const char *id, struct entry **, struct complaint *);
int spool_message(struct entry *, const char **, size_t *, struct complaint *);
int spool_freeze_begin(struct entry *, struct complaint *);
int spool_freeze_add(struct entry *, const char *, const char *, struct complaint *);
int spool_freeze_finish(struct entry *, struct complaint *);
int spool_recipients(struct entry *, struct distribution *, struct complaint *);
int spool_move(struct entry **, enum queue_id, struct complaint *);
void spool_release(struct entry **, int64_t until);
bool spool_held(struct entry *);

/* spool_progress.c */
int spool_progress(struct entry *, size_t, struct tally *, struct complaint *);
int spool_note(struct entry *, const struct record *, bool durable, struct complaint *);
int spool_sync(struct entry *, struct complaint *);
bool spool_knows(struct spool *, const char *id, int64_t batch);        /* for good, that it is queued */

/* spool_receipt.c */
/* Opens the entry where it is: in the direction of movement, so that it is met if it moves meanwhile. */
int spool_find(const struct spool *, const char *id, enum queue_id *);
enum receipt_fate spool_receipt(struct queues *, const char *id, int64_t batch, const char *token,
                                struct complaint *);
int spool_receipts(struct entry *, void (*)(void *, int64_t, const char *), void *,
                   struct complaint *);

/* spool_deaths.c: entries that end the process that works on them. */
enum begun { BEGUN, BEGIN_LATER, BEGIN_HELD };
enum begun spool_begin(struct spool *, struct spool_entry *);
void spool_rest(struct entry *);
void spool_end(struct spool *, struct spool_entry *, int64_t until);    /* lets it go, until then */
void spool_moved(struct spool_entry *);   /* to another queue, where it has not begun */
void spool_leave(struct queues *);

/* spool_hold.c */
int spool_hold(const struct spool *, const char *id, struct complaint *);
int spool_identify(const struct spool *, struct complaint *);
bool spool_is_held(const struct spool *, const char *id);

/* spool_list.c */
/* A name as this program makes them; whatever else lies in a queue is not ours. */
bool spool_is_name(const char *);
bool spool_look(struct queues *, const char *id, void (*)(void *, const struct entry_summary *), void *);
int spool_each_in(const struct spool *, const char *directory, void (*)(void *, const char *), void *,
                  struct complaint *);
int spool_each_name(const struct spool *, enum queue_id, void (*)(void *, const char *), void *,
                    struct complaint *);
int spool_each(struct queues *, enum queue_id, void (*)(void *, const struct entry_summary *), void *,
               struct complaint *);
int spool_member(struct queues *, const char *beginning, const char *list, size_t line, char **address,
                 struct complaint *);
int spool_count(struct queues *, enum queue_id, struct queue_count *, struct complaint *);
size_t spool_forget(struct queues *, int64_t before);
void spool_clean_tmp(struct spool *);

/* spool_scan.c: which entry is next. */
void line_up_init(struct line_up *);
void line_up_free(struct line_up *);
void spool_arrived(struct spool *, enum queue_id, const char *id);      /* a new entry is there */
bool spool_next(struct spool *, enum queue_id, char id[DIGEST_NAME + 1], bool *hurried);
void spool_put_back(struct spool *, enum queue_id, const char *id, int64_t wait);      /* ms */
void spool_keep(struct spool *, enum queue_id, const char *id);         /* it came here claimed */
void spool_gone(struct spool *, enum queue_id, const char *id);
void spool_wait(struct queues *, enum queue_id, struct deadline);
void spool_wake(struct queues *, enum queue_id);
size_t spool_hurry(struct queues *, const char *id);

#endif
