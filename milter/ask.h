/*
 * Asking whether an address is a list, from a callback that must not wait long. What memory knows
 * is answered at once; the rest waits for the directory under a deadline, at most so many at a
 * time; and when the directory has not answered several times in a row, a breaker opens: nobody
 * waits any more, and the directory is asked in the background until it answers.
 */
#ifndef MILTER_ASK_H
#define MILTER_ASK_H

#include "milter/pacemaker.h"
#include "milter/settings.h"
#include "policies/site.h"

/* The doors to the sources of one site, each with its own count of those who wait. */
struct gates;

struct gates *gates_open(const struct site *, const struct milter_settings *);
void gates_close(struct gates **);

/* How an answer came about, for the log. */
enum answered { ANSWERED_MEMORY, ANSWERED_SOURCE, ANSWERED_STALE, ANSWERED_NOBODY };

/*
 * FOUND_UNSURE comes with a complaint. `pacemaker` beats while this waits; it is NULL where no
 * callback of libmilter does. While the source does not answer, an older memory will do: that an
 * address is a list, and, in a shared domain, that it is none.
 */
enum found gates_find(struct gates *, struct pacemaker *, const struct destination *,
                      const char *canonical, struct target *, enum answered *, struct complaint *);

/* What stands at one of the doors; false behind the last. */
struct gate_view {
	const char *source;               /* as long as the site */
	size_t waiting;
	bool open;                        /* the breaker */
};
bool gates_view(struct gates *, size_t which, struct gate_view *);

#endif
