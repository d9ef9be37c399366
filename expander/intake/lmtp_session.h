/*
 * One LMTP connection (RFC 2033): the dialogue, and the way of a message into the queues. A
 * recipient is answered 250 only when the message is on disk for it.
 */
#ifndef EXPANDER_INTAKE_LMTP_SESSION_H
#define EXPANDER_INTAKE_LMTP_SESSION_H

#include "expander/service.h"
#include "expander/work.h"

#include <stdatomic.h>

/*
 * Talks until the client goes away or is sent away. Closes nothing. `client` is for the log. *idle
 * is kept: whether nothing was begun, so that the session may be ended by shutting down the reading
 * side.
 */
void lmtp_session(struct work *, int fd, const char *client, atomic_bool *idle);

#endif
