/*
 * The worker of the bounce queue: hands what came to a list's bounce address, and reports of our
 * own, to those who look after the list. Bounces are never expanded; where nobody is named they are
 * kept, and counted by `rollcallctl queue`.
 */
#ifndef EXPANDER_BOUNCES_HANDOVER_H
#define EXPANDER_BOUNCES_HANDOVER_H

#include "expander/work.h"

worker_fn handover_worker;

#endif
