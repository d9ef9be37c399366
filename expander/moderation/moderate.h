/*
 * Posts that are held: those who look after the list are told, once each; what an operator decides is
 * carried out where it was not yet; and what nobody decides on in time is thrown away.
 */
#ifndef EXPANDER_MODERATION_MODERATE_H
#define EXPANDER_MODERATION_MODERATE_H

#include "expander/work.h"

/* One of them is enough for a process. */
worker_fn moderation_worker;

#endif
