/*
 * The worker of the pending queue: asks the source who is on the list at this moment, freezes the
 * answer as the distribution list, and moves the entry to the outbound queue. An answer that is not
 * whole is thrown away and asked for again later: nobody has been sent anything by then.
 */
#ifndef EXPANDER_FANOUT_EXPAND_H
#define EXPANDER_FANOUT_EXPAND_H

#include "expander/work.h"

worker_fn expand_worker;

#endif
