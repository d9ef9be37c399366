/*
 * What an operator sees of the pace, and how it is changed while posts go out: the verbs of rollcallctl pace.
 *
 * Threads: that of the control socket.
 */
#ifndef EXPANDER_FANOUT_PACING_H
#define EXPANDER_FANOUT_PACING_H

#include "base/json.h"
#include "expander/fanout/inject.h"

/* Everything that has a pace: what is set, what goes by, what was learnt, and what slows it down. */
void pacing_show(struct injector *, const struct service *, struct js *answer);

/*
 * "default", or a word of enum rate_of, perhaps a name, and a rate, "none" or "default": "list
 * staff@lists.example.com 100/minute". -1 with a complaint, and nothing is changed.
 */
int pacing_set(struct injector *, const struct service *, const char *arguments, struct complaint *);

#endif
