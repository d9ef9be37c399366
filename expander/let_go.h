/*
 * Lists that all held one message, in the order in which they let it go: each leaves out the members of
 * those before it, as lists that passed it do. That order is written down below the state, in a file for
 * each message, so that it is the same for whoever works on them, whenever. A message is known by the name
 * that the MTA has for it.
 */
#ifndef EXPANDER_LET_GO_H
#define EXPANDER_LET_GO_H

#include "base/complaint.h"
#include "queues/entry.h"

/*
 * A held post is let go: durably gives its list a place behind those that were. Again, it keeps the one it
 * has. Any thread and process. -1 with a complaint.
 */
int let_go_note(const char *state, const struct envelope *, struct complaint *);

/* Adds those that were let go before this one to `before`, if it was held. -1 with a complaint. */
int let_go_before(const char *state, struct envelope *, struct complaint *);

/* Forgets messages that the last list has let go before that moment (wall clock). */
void let_go_sweep(const char *state, int64_t before);

#endif
