/* A session from inside, for the files that judge it. */
#ifndef MILTER_STATE_H
#define MILTER_STATE_H

#include "mail/address.h"
#include "milter/message.h"
#include "milter/session.h"
#include "policies/admit.h"

#include <arpa/inet.h>

/* What a list thinks of the message so far. */
struct outcome {
	struct voice voice;
	const char *by;                   /* a policy or rule; NULL for a pass */
};

struct session {
	struct service *service;
	struct pacemaker *pacemaker;
	bool no_replies;
	bool trusted;
	bool local;
	bool encrypted;
	char client[INET6_ADDRSTRLEN];
	char *client_name, *helo;         /* NULL: not known */
	struct doorway doorway;           /* its texts are ours */

	/* The message. */
	char *sender;                     /* canonical, or as given where no mailbox; NULL: <> */
	bool sender_odd;                  /* it is no mailbox */
	char *login;
	char instance[40];                /* of all messages of all hosts */
	int64_t announced;                /* SIZE=, or 0 */
	struct target *lists;             /* accepted recipients that are lists */
	struct outcome *outcomes;         /* one for each list: a pass, or held, until DATA */
	size_t list_count, list_room;
	size_t stamp_size;                /* that they take in a stamp, at most */
	size_t others;                    /* recipients that are none of our business */
	size_t unknown;                   /* of a local message, that are no lists */
	struct verdict refused;           /* of a local message, merged: what RCPT could not say */
	struct bytes later;               /* what will be asked of the recipients so far, where split */
	struct bytes names;               /* of lists that refuse it, or what the one list says to that */
	struct message message;
	size_t stamps;                    /* that came with it */
	bool past_data, prepared;
	bool drain_known, draining;       /* whether mail is put off, as of the first list */
};

/* An address as the client gave it, and as the MTA takes it (may be NULL). False for what is none. */
bool session_parse_said(const char *path, struct address *);
bool session_parse_resolved(const char *resolved, struct address *);

/* What is known by now. It points into the session. */
struct facts session_facts(const struct session *);

/* What to do with a message that some of its recipients would take, and some would not. */
enum mixed session_mixed(const struct session *);

/* Before anything of the content: whether it is to be kept in a file. */
void session_prepare(struct session *);

/* For struct terms, with the session's pacemaker: while a callback waits. */
void session_wait(void *pacemaker, bool begins);

/*
 * One line of the log for one decision. `asked` may be NULL; `rule` is what decided, where no policy
 * did. `began` is in µs, or 0.
 */
void session_log(const struct session *, const char *event, const char *queue_id, const char *recipient,
                 const struct target *, struct verdict, const struct subject *asked, const char *rule,
                 int64_t began);

#endif
