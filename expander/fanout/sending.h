/* A batch on its way to the MTA: the transaction, and what is on disk before which step of it. */
#ifndef EXPANDER_FANOUT_SENDING_H
#define EXPANDER_FANOUT_SENDING_H

#include "expander/fanout/post.h"
#include "expander/fanout/smtp_client.h"
#include "expander/service.h"

struct sending {
	struct batch *batch;
	char *receipt;                    /* address; NULL: none */
	char *sender;                     /* reverse-path of its only recipient; NULL: that of the post */
	struct bytes head;                /* of a copy for one member */
	size_t body_at;
	char *tail;
	bool xverp;                       /* the MTA is to make those of its recipients */
};

/* Whether a reverse-path of our own can be made for all members of a post. */
bool sending_fits(const struct post *, struct keys *);

/* Members under suspicion go alone, with a reverse-path of their own, where the post is to have that. */
void sending_part(struct post *, const struct service *);

struct sending sending_begin(struct batch *, const struct service *);
void sending_end(struct sending *);

/* Borrows all of it. */
struct transaction sending_transaction(struct sending *);

/*
 * Whether the transaction needs SMTPUTF8: for the post itself, or for an address of the batch.
 * Where the MTA has none, what needs it is refused before it is asked, and the rest goes without.
 */
bool sending_needs_utf8(const struct sending *, bool has, struct outcome *);

#endif
