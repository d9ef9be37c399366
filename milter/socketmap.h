/*
 * The listener that tells the MTA which addresses are lists, for domains that lists share with
 * people. Each connection has a thread, so that one which waits for the directory keeps nobody
 * else from what is known; and since MTAs keep theirs open, the one that has been silent longest
 * makes way for a new one when there are too many.
 */
#ifndef MILTER_SOCKETMAP_H
#define MILTER_SOCKETMAP_H

#include "milter/service.h"

struct socketmap;

/* Listens where the service says, which must name a place. May need root. NULL with a complaint. */
struct socketmap *socketmap_open(const struct service *, struct complaint *);

/* Begins to answer, by the service that is the current one at each question. */
int socketmap_start(struct socketmap *, struct complaint *);

/* Ends all connections, and waits for those who wait for the directory. */
void socketmap_close(struct socketmap **);

#endif
