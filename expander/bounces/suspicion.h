/*
 * Whom a bounce is about is suspect from then on, where the list asks for that.
 *
 * Threads: that of bounces.
 */
#ifndef EXPANDER_BOUNCES_SUSPICION_H
#define EXPANDER_BOUNCES_SUSPICION_H

#include "expander/service.h"
#include "queues/queue.h"

/* A bounce that came for the list. Doing it again changes nothing. */
void suspicion_raise(struct entry *, const struct service *, const struct list *);

#endif
