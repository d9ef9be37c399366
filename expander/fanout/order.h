/*
 * The order in which members are sent to. It loses nobody, whatever the DNS says: what is not known
 * is ordered as if nothing had been asked.
 */
#ifndef EXPANDER_FANOUT_ORDER_H
#define EXPANDER_FANOUT_ORDER_H

#include "expander/fanout/prepare.h"

/* `how` is a word of the setting order; NULL leaves it as it is. Among equals it stays as it is. */
void order_roster(struct roster *, const char *how, const struct preparing *);

#endif
