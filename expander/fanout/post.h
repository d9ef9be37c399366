/*
 * A post that is being injected: its distribution list, what has become of each line, and how it is
 * cut into batches. No I/O but the entry's own files.
 *
 * Threads: under the injector's lock, but for post_open() and post_close().
 */
#ifndef EXPANDER_FANOUT_POST_H
#define EXPANDER_FANOUT_POST_H

#include "base/bytes.h"
#include "mail/receipt.h"
#include "queues/queue.h"

/* Which recipients go into one batch. */
enum mates { WITH_OTHERS, WITH_UTF8, ALONE, MATES };

struct post {
	struct post *next;                /* of the injector's posts */
	struct entry *entry;
	struct distribution list;
	struct tally tally;               /* lines of batches under way are LINE_DOUBT */
	struct bytes head;                /* our fields and the header as sent */
	const char *message;              /* as it came */
	size_t message_length;
	const char *body;
	size_t body_length;
	const char *tail;                 /* what stands behind it; NULL: nothing */
	size_t tail_length;
	size_t cursor[MATES];             /* no line of these before it is LINE_WAITING */
	size_t share, share_most, share_lanes;    /* of a batch, and for what that was reckoned */
	size_t busy;                      /* batches under way */
	bool *later;                      /* of each line: waits for the next time */
	size_t later_count;
	size_t most;                      /* recipients of its batches; 0: no limit of its own */
	bool halted;                      /* no further batch this time */
	bool proof;                       /* its batches ask for receipts */
	bool personal;                    /* each member has a copy of its own */
	bool *alone;                      /* of each line: with a reverse-path of its own; or NULL */
	bool own;                         /* each member has a reverse-path of its own, which can be ours */
	bool quick;                       /* it is small or urgent, and waits for no pace */
	int64_t doubt_since;              /* ticks: when the last of the open batches came in doubt */
	bool doubt_later;                 /* what was not queued of them goes the next time */
	char reason[512];                 /* of the last failure */
};

/* The recipients of one transaction. */
struct batch {
	struct post *post;
	int64_t number;
	uint32_t *lines;
	size_t count;
	bool range;                       /* lines[0] and those that follow it */
	int64_t held;                     /* as the tally's, once it is judged */
	char name[DIGEST_NAME + 24];      /* <entry>.<number> */
	char receipt[RECEIPT_TOKEN + 1];  /* "": it asks for none */
	bool noted;                       /* who was refused is on disk */
	const char *mta;                  /* where it is sent to; borrowed */
	size_t beside;                    /* large ones under way with it, at most; 0: it is none */
	bool followed;                    /* it is under way until its receipt is heard */
};

/* Takes over the entry; not where it answers NULL, with a complaint. */
struct post *post_open(struct entry *, struct complaint *);
void post_close(struct post **);

/* Whether a batch can be cut now. */
bool post_has_work(const struct post *);

/*
 * Cuts the next batch, of a post that has work: at most `most` recipients, its receipt counted, not more
 * than makes a fair share among `lanes`, and no more than `allowed`, at least 1, without the receipt.
 */
struct batch *post_cut(struct post *, size_t most, size_t lanes, size_t allowed);

/* Whether the address of a line has letters that only SMTPUTF8 (RFC 6531) can carry. */
bool post_needs_utf8(const struct post *, uint32_t line);

/* Its batches have at most so many recipients from now on. */
void post_limit(struct post *, size_t most);
void batch_free(struct batch **);

/* A line of a batch has come to this. */
void post_sent(struct post *, uint32_t line);
void post_refused(struct post *, uint32_t line, int code, const char *text);
void post_again(struct post *, uint32_t line);          /* at once */
void post_later(struct post *, uint32_t line);          /* next time */

/* Nobody knows whether the MTA has a batch, until its receipt tells: it is an open batch of the tally. */
void post_doubt(struct post *, const struct batch *);
/* It has, or it has not. The open batch goes. */
void post_settle(struct post *, const struct open_batch *, bool queued);

/*
 * The header as it is sent: the envelope's fields, then the message's without those it names; and
 * what stands between it and the body. *body_at is where the rest begins.
 */
void post_rewrite(const struct envelope *, const char *message, size_t length, struct bytes *head,
                  size_t *body_at);

#endif
