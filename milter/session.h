/*
 * What the milter knows of one SMTP session and of the message in it, and what it thinks of it:
 * everything but libmilter. A session belongs to one thread at a time, as libmilter's contexts do.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include "base/bytes.h"
#include "mail/verdict.h"
#include "milter/pacemaker.h"
#include "milter/service.h"

#include <stdbool.h>
#include <sys/socket.h>

struct session;

/* `address` may be NULL: a client that is not on the network. */
struct session *session_new(struct pacemaker *, const struct sockaddr *address, bool no_replies);
void session_free(struct session **);

/* Whether callbacks that decide nothing were negotiated to need no answer. */
bool session_no_replies(const struct session *);

/*
 * The messages come by no client, but from a program on the MTA's host. The MTA has taken them
 * already and cannot refuse a recipient: session_rcpt() always passes, and session_end() judges.
 */
void session_set_local(struct session *);

/* What the MTA calls the client, after it has looked; and what the client calls itself. May be NULL. */
void session_set_name(struct session *, const char *name);
void session_set_helo(struct session *, const char *helo);

/* The port of the MTA that the client came in by, and the MTA's name for it. May be NULL. */
void session_set_doorway(struct session *, const char *port, const char *name);

/* Whether the client's connection is encrypted by now. */
void session_set_encrypted(struct session *, bool encrypted);

/*
 * MAIL: `path` and its parameters as the client gave them; `resolved` is what the MTA takes the
 * address for, NULL where it does not say; `login` may be NULL. Begins a message.
 */
void session_mail(struct session *, const char *path, const char *resolved, char *const *parameters,
                  const char *login);

/*
 * RCPT: pass for whatever is not ours. An MTA understands many spellings that are no address by RFC
 * 5321: what is not one in a domain of lists, or no list in a shared one, as the client said it may
 * be one as the MTA takes it. (Asked only then, since Postfix folds the case of that, and writes
 * "ss" for a sharp s.) Where neither is an address, and the text names a domain of lists, it is
 * refused. `queue_id` may be NULL, here and below.
 */
struct verdict session_rcpt(struct session *, const char *path, const char *resolved,
                            const char *queue_id);

/* Whether there is anything left to judge: a recipient that is a list, or was to be one. */
bool session_has_lists(const struct session *);

/*
 * Whether the content is to be seen: there are lists to judge it; or, where a stamp is known by the
 * content alone, none is to pass that others have made.
 */
bool session_wants_content(const struct session *);

/* DATA: what can be said about all recipients together. May wait. */
struct verdict session_data(struct session *, const char *queue_id);

/* The content, as it comes. `value` has its folds as LF. */
void session_header(struct session *, const char *name, const char *value);
void session_body(struct session *, const unsigned char *bytes, size_t length);

/*
 * End of message. One reply is for all recipients: it refuses what all of them refuse, and what only
 * some do as milter.mixed says. A local message is also refused if a list among its recipients
 * refuses its sender, since the expander cannot do that. May wait.
 */
struct verdict session_end(struct session *, const char *queue_id);

/*
 * When the message goes on: how many stamps came with it, which are to go; and the value of the one that
 * it is to get (mail/stamp.h). False where it is to get none.
 */
size_t session_stamps(const struct session *);
bool session_stamp(struct session *, const char *queue_id, struct bytes *value);

/*
 * For the reply: the lists that session_data() or session_end() refused it for, where it has other
 * recipients as well; or what the one list that session_rcpt() or these refused it for says to that; or "".
 */
const char *session_names(const struct session *);

/* Forgets the message, not the session. May be called at any time. */
void session_reset(struct session *);

#endif
