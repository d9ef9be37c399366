/* The step `program`: a program of the site's changes the header of posts. */
#ifndef EXPANDER_REVISE_H
#define EXPANDER_REVISE_H

#include "base/clock.h"
#include "mail/list.h"
#include "policies/modifiers.h"
#include "queues/entry.h"

/*
 * Runs the program on the header as it is by now, and takes over what it prints: inject_add and
 * inject_remove of the envelope. `header` is that of the message. -1 with a complaint, and nothing is
 * changed: it failed, or what it prints is no such header.
 */
int revise(struct envelope *, const struct list *, const struct modifier *, const char *header, size_t length,
           struct deadline, struct complaint *);

#endif
