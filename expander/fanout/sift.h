/*
 * A program of the site's that decides who of the members that are left gets a post, and in which
 * order: it gets their addresses on its standard input, one a line, and prints those who do.
 */
#ifndef EXPANDER_FANOUT_SIFT_H
#define EXPANDER_FANOUT_SIFT_H

#include "expander/fanout/prepare.h"

/*
 * Leaves out those whom the program does not print, and puts the others in its order. -1 with a
 * complaint where it does not end well, in time, and with whole lines that make sense; the roster is
 * of no use then.
 */
int sift(const struct preparing *, const struct list *, const char *const *style, struct roster *,
         struct complaint *);

#endif
