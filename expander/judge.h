/*
 * What is thought of a message behind the MTA. The milter has judged it already: that is what a valid
 * stamp says, and nothing is asked again but where a list was unsure, or came in by an alias. Without
 * one is asked what can be asked without the session.
 */
#ifndef EXPANDER_JUDGE_H
#define EXPANDER_JUDGE_H

#include "expander/service.h"
#include "mail/stamp.h"
#include "policies/admit.h"

/* A message as LMTP brought it, or as it lies in an entry. Borrowed. */
struct arrival {
	const char *sender;               /* canonical; NULL: the null sender */
	const char *queue_id, *ident;     /* of the top Received, and of XFORWARD; or "" */
	const char *header;
	size_t header_length;
	int64_t size;
	int64_t taken;                    /* wall clock: when an entry was made of it; 0: none is yet */
};

/* The stamp of a message. */
struct credentials {
	enum stamp_state state;
	struct stamp stamp;               /* empty unless it is valid */
};

/*
 * The first valid one, if there are several; else what is wrong with the first. Of what was taken it
 * must have been valid then, whichever queue id that was by.
 */
void credentials_read(struct credentials *, const struct service *, const struct arrival *);
void credentials_free(struct credentials *);

/* What becomes of the message for one list. */
struct judgement {
	struct target *target;            /* the caller's to fill; it is told which senders it is */
	struct subject subject;
	struct verdict verdict;
	bool quiet;                       /* a refusal that is told nobody */
	const char *by;                   /* what decided; NULL for a pass */
	bool stamped;                     /* the stamp names the list, and says so */
};

/*
 * Fills in the rest. Borrows from the credentials. Returns by the deadline. What was taken is not
 * counted yet, by checks that count.
 */
void judge(const struct service *, const struct arrival *, const struct credentials *, struct deadline,
           struct judgement *, size_t count);

/* The message goes to a list by which it passed: counts it. */
void judge_count(const struct service *, const struct arrival *, const struct credentials *,
                 struct judgement *);

#endif
