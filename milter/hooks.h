/* libmilter's callbacks. */
#ifndef MILTER_HOOKS_H
#define MILTER_HOOKS_H

#include "milter/pacemaker.h"

/*
 * Registers them with libmilter under this connection string (its own notation). -1 when it
 * refuses.
 */
int hooks_register(const char *connection);

/* The pacemaker for sessions, before the first of them. */
void hooks_use(struct pacemaker *);

#endif
