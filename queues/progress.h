/*
 * What has been done of an entry: the file `progress`, appended to, one JSON object a line.
 *
 *	{"version":1}
 *	{"begin":"outbound","at":…}                     an expander has claimed the entry, in this queue
 *	{"batch":1,"at":…,"first":0,"count":1000}       intent: about to send lines 0 to 999
 *	{…,"receipt":"2k7f…"}                           the same, with a receipt of that token
 *	{…,"mta":"10.0.0.1 port 25"}                    the same, with the MTA that is to have it
 *	{"batch":2,"at":…,"lines":[3,17]}               intent: these lines
 *	{"batch":1,"line":7,"code":550,"text":"…"}      this line was refused for good
 *	{"batch":1,"line":9,"code":450,"text":"…"}      this line was refused for now
 *	{"batch":1,"at":…,"code":250,"id":"4bXn…"}      result: the others of the batch are queued
 *	{"batch":2,"at":…,"code":451,"text":"…"}        result: none of the batch was queued
 *	{"batch":3,"at":…,"code":0,"held":554,…}        the same, by a refusal that is not believed yet
 *	{"decided":"accept","at":…,"id":"root",…}       what became of an entry that was held, and by whom
 *	{"batch":1,"at":…,"recalled":[3,17]}            these lines of it were taken back from the MTA
 *	{"defer":…,"at":…,"tries":3,"spent":…,…}        the whole entry waits until then
 *
 * A batch with an intent and no result is in doubt, until its receipt is heard. A last line without an
 * end was torn by a crash and is cut off. A line in the middle that is no record may have been anything:
 * what was open there stays in doubt, whatever is said of it later, and what begins behind it counts as
 * it stands.
 */
#ifndef QUEUES_PROGRESS_H
#define QUEUES_PROGRESS_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_kind {
	RECORD_BEGIN,                     /* of work: the queue in `text` */
	RECORD_INTENT,
	RECORD_LINE,
	RECORD_RESULT,
	RECORD_RECALL,
	RECORD_DEFER,
	RECORD_DECIDED,
	RECORD_DAMAGE                     /* a line that is no record: `line` from 1, and why in `text` */
};

/* What became of an entry that waited for somebody to decide on it. */
enum decided { DECIDED_NOT, DECIDED_ACCEPT, DECIDED_REJECT, DECIDED_DISCARD, DECIDED_EXPIRE, DECIDED_COUNT };

/* "accept" …; "" for not. */
const char *decided_word(enum decided);

struct record {
	enum record_kind kind;
	int64_t at;                       /* wall clock, milliseconds */
	int64_t batch;                    /* from 1 */
	size_t first, count;              /* of an intent: a range of lines … */
	const uint32_t *lines;            /* … or these, `count` of them, where not NULL, as in a recall */
	size_t line;
	int code;                         /* SMTP reply code; 0: none came, or none that counts */
	int held;                         /* of a result: the code that does not count yet; of a defer: the
	                                     entry is held, and its deaths are history; 0: neither */
	const char *text;                 /* the reply, or the reason; may be NULL */
	const char *id;                   /* the MTA's queue id; of a decision, who made it; may be NULL */
	enum decided decided;
	const char *receipt;              /* of an intent: the token of its receipt; NULL: it asks for none */
	const char *mta;                  /* of an intent: where to; NULL: it does not say */
	int64_t until;                    /* of a defer */
	int64_t tries;
	int64_t spent;                    /* of a defer, and where held: queue_spent(); -1: not said */
};

void progress_head(struct bytes *);
void progress_print(const struct record *, struct bytes *);

/*
 * Calls visit for each record. Returns how many bytes are whole lines, or -1 with a complaint where
 * the file is of a newer version. The record and what it points to is valid during the
 * call.
 */
ptrdiff_t progress_read(const char *text, size_t length, void (*visit)(void *, const struct record *),
                        void *arg, struct complaint *);

/* What became of a line. */
enum line_state {
	LINE_WAITING,
	LINE_DOUBT,                       /* in a batch whose result is not known */
	LINE_SENT,
	LINE_REFUSED,
	LINE_RECALLED                     /* the MTA had it in its queue, and has not any more */
};

/* Why a line was refused. */
struct refusal {
	uint32_t line;
	int code;
	char *text;
};

/* A batch with an intent and no result. Its lines are those that still are LINE_DOUBT. */
struct open_batch {
	struct open_batch *next;
	int64_t batch;
	char *receipt;                    /* NULL: it asked for none */
	char *mta;                        /* NULL: it does not say */
	size_t first, count;              /* as in a record */
	uint32_t *lines;
};

/* The sum of a progress file. */
struct tally {
	uint8_t *lines;                   /* enum line_state of each */
	size_t count;
	size_t waiting, doubt, sent, refused, recalled;
	uint8_t *late;                    /* of each line: 1 where it was put off, and waits */
	int64_t first;                    /* time of the first intent; 0: none */
	int64_t batches;                  /* the highest number used */
	int64_t tries;                    /* times the entry was put off, or a batch failed */
	int64_t until;                    /* it waits until then; 0 for not */
	int64_t put_off;                  /* when that was written */
	int64_t spent, since;             /* queue_spent() at a time; 0 and 0: it was never said */
	int64_t last;                     /* time of the last record */
	enum decided decided;
	char *decided_by, *decided_why;   /* NULL: not said */
	int64_t decided_at;
	char begun_in[16];                /* the queue where work began that had no outcome, or "" */
	size_t deaths;                    /* times it had none and began again, since a batch went */
	int64_t held;                     /* queue_spent() when a refusal was not believed first; -1: none */
	size_t damaged;                   /* the last line that is no record, from 1; 0: all are */
	char *reason;                     /* of the last defer or failed result; NULL: none */
	struct refusal *refusals;         /* of the lines that are LINE_REFUSED */
	size_t refusal_count;
	struct open_batch *open;          /* but those behind which a line is damaged; the last one first */
};

/*
 * Of an entry with `count` lines; zero lines while it has no distribution list. Returns as
 * progress_read().
 */
ptrdiff_t tally_read(struct tally *, size_t count, const char *text, size_t length,
                     struct complaint *);

/* The line of an open batch that has this place in it. */
size_t open_batch_line(const struct open_batch *, size_t i);

void tally_set(struct tally *, size_t line, enum line_state);
void tally_refuse(struct tally *, size_t line, int code, const char *text);

/* Adds an open batch, or takes it out; the states of its lines are the caller's business. */
void tally_open(struct tally *, const struct record *intent);
void tally_forget(struct tally *, const struct open_batch *);
void tally_free(struct tally *);

#endif
