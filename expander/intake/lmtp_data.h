/*
 * The transaction of a session: who sends what to whom, and the message itself on its way into a
 * draft.
 */
#ifndef EXPANDER_INTAKE_LMTP_DATA_H
#define EXPANDER_INTAKE_LMTP_DATA_H

#include "base/stream.h"
#include "expander/intake/content.h"
#include "expander/service.h"
#include "mail/reply.h"
#include "queues/queue.h"

/* One accepted RCPT. */
struct recipient {
	struct target target;             /* of the first that named this list and role; else empty */
	size_t same_as;                   /* index of that first one: its own, mostly */
	char *spelling;
	enum reply_id reply;              /* after the end of data */
	char id[DIGEST_NAME + 1];         /* of the entry, where the reply is REPLY_ACCEPTED */
};

struct mail {
	char *sender;                     /* as spelled; "" is the null sender; NULL: no MAIL yet */
	char *sender_canonical;           /* NULL: the null sender, or no mailbox */
	bool utf8;
	char ident[64];                   /* XFORWARD IDENT=; "" where there was none */
	enum reply_id wrong;              /* what is said to every list; REPLY_NONE: nothing */
	struct recipient *recipients;
	size_t count;
};

void mail_reset(struct mail *);

/* Adds a recipient, merged with an equal one. Takes the target over. */
void mail_add(struct mail *, struct target *, const char *spelling, size_t length);

/*
 * Reads the content and stores it; sets every recipient's reply. STREAM_OK when the end of data was
 * read, whatever became of the message.
 */
enum stream_result mail_receive(struct mail *, struct stream *, struct queues *,
                                const struct service *, const char *lhlo);

#endif
