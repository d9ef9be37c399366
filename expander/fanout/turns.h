/*
 * Posts under way, and whose turn it is. Small and urgent ones come first, and wait for no pace, though
 * they count; the others have a batch in turns.
 *
 * Threads: under the lock of the injector.
 */
#ifndef EXPANDER_FANOUT_TURNS_H
#define EXPANDER_FANOUT_TURNS_H

#include "base/map.h"
#include "expander/fanout/post.h"
#include "expander/pace.h"
#include "expander/service.h"

struct turns {
	struct post *posts;
	size_t count, large;              /* of those, and of those that are neither small nor urgent */
	struct bucket all;
	struct map *lists, *domains;      /* names → struct bucket */
	int64_t begun;                    /* ticks: when a large post began last */
	bool any_begun;
};

/* What a lane can take. */
struct wish {
	const struct service *service;
	size_t most;                      /* recipients of a batch */
	size_t lanes;                     /* that share a post */
	bool xverp;                       /* the MTA makes reverse-paths for members */
	bool large;                       /* not only what is small or urgent */
	struct bucket *lane;
	int64_t now;                      /* ticks, us */
};

void turns_close(struct turns *);

/* Whether a post is small or urgent. */
bool turns_is_quick(const struct post *, const struct service *);

void turns_add(struct turns *, struct post *);
void turns_remove(struct turns *, struct post *);
bool turns_have_work(const struct turns *);

/*
 * The next batch, of the first post that may have one; that goes to the end of the line. NULL where
 * there is none now: *wait is made the ms until there may be, if that is less.
 */
struct batch *turns_next(struct turns *, const struct wish *, int64_t *wait);

#endif
