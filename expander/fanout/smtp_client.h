/*
 * The SMTP client that puts batches into the MTA (RFC 5321, RFC 2920). One connection, many
 * transactions. All commands of a transaction are written in one go and replies read as they come;
 * the message is written from where it lies.
 *
 * Threads: a connection belongs to one thread.
 */
#ifndef EXPANDER_FANOUT_SMTP_CLIENT_H
#define EXPANDER_FANOUT_SMTP_CLIENT_H

#include "base/complaint.h"
#include "base/net.h"
#include "queues/distribution.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smtp;
struct access;

struct smtp_config {
	const struct endpoint *mta;
	const char *hostname;             /* for EHLO */
	int64_t connect, reply;           /* ms */
	int abandon;                      /* see struct wire */
	const struct access *access;      /* TLS, and who we are */
};

struct outcome;

/* One message and the recipients of one batch. All borrowed for the call. */
struct transaction {
	const char *sender;               /* reverse-path; "" is the null sender */
	const char *envid;                /* RFC 3461 section 4.4; sent where the MTA has DSN */
	const struct distribution *list;
	const uint32_t *lines;            /* of the list */
	size_t count;
	const char *head;                 /* our fields and the header as it is to be sent */
	size_t head_length;
	const char *body;                 /* from the empty line on */
	size_t body_length;
	const char *tail;                 /* what stands behind it; may be NULL */
	size_t tail_length;
	bool utf8, eight_bit;
	bool xverp;                       /* the MTA is to make reverse-paths of it; where it has XVERP */
	const char *receipt;              /* address of a receipt recipient, to go first; NULL: none */
	/* Called once, while the MTA looks at the recipients. False: do not send. */
	bool (*begin)(void *arg, struct complaint *);
	/* Called once before the message is sent, when it is known who was refused. False: do not send. */
	bool (*before_message)(void *arg, const struct outcome *, struct complaint *);
	void *arg;
};

/* How far it got. */
enum progress_made {
	SMTP_NOT_STARTED,                 /* the connection had died before: nothing was asked */
	SMTP_NOT_SENT,                    /* certainly not queued */
	SMTP_IN_DOUBT,                    /* the end of data was written, and no reply came */
	SMTP_ANSWERED                     /* the end of data was answered */
};

struct outcome {
	enum progress_made made;
	int code;                         /* of the last reply that counts; 0: none */
	char text[512];                   /* that reply, or what happened */
	char queue_id[64];                /* of the MTA, where its reply tells it */
	int *codes;                       /* reply to each RCPT; 0: none. From the caller, `count` long; those
	                                   * that are not 0 before are not sent to */
	char **texts;                     /* of those that are not 2xx, allocated; from the caller, zeroed */
	bool receipt;                     /* the receipt recipient was accepted */
	char no_receipt[128];             /* why not, where there was to be one */
	bool lost;                        /* the connection could not be made, or was lost, or ended by 421 */
	int64_t took;                     /* us from MAIL to the reply to DATA; 0: it did not come */
	bool closing;                     /* the MTA said 421, or the connection broke: do not use it again */
};

/* Connects and greets. NULL with a complaint. */
struct smtp *smtp_open(const struct smtp_config *, struct complaint *);

/* Runs one transaction. What became of it is in the outcome; nothing else fails. */
void smtp_send(struct smtp *, const struct transaction *, struct outcome *);

bool smtp_has_utf8(const struct smtp *);
bool smtp_has_xverp(const struct smtp *);

/*
 * Connects, and asks the MTA to deliver what it has for a domain (RFC 1985) where it knows how. -1
 * with a complaint where it does not answer.
 */
int smtp_hurry(const struct smtp_config *, const char *domain, struct complaint *);

/* Says QUIT if the connection is in good order. */
void smtp_close(struct smtp **);

#endif
