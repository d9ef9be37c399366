/* The LMTP server: listeners, and a thread for each connection. */
#ifndef EXPANDER_INTAKE_LMTP_SERVER_H
#define EXPANDER_INTAKE_LMTP_SERVER_H

#include "expander/service.h"
#include "expander/work.h"

struct lmtp_server;

/* Opens all sockets, before root is given up. NULL with a complaint. */
struct lmtp_server *lmtp_server_open(const struct service *, struct complaint *);

/* Accepts connections until lmtp_server_stop(). -1 with a complaint. */
int lmtp_server_start(struct lmtp_server *, struct work *, struct complaint *);

/* Sessions that are in the middle of a transaction, or between two commands. */
size_t lmtp_server_busy(struct lmtp_server *);

/*
 * Accepts no more; sessions end with their message. Waits for them, at most `patience` ms, then
 * cuts them off.
 */
void lmtp_server_stop(struct lmtp_server *, int64_t patience);
void lmtp_server_close(struct lmtp_server **);

#endif
