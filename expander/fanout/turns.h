/*
 * Posts under way, and whose turn it is. Small and urgent ones come first, and wait for no pace, though
 * they count; the others have a batch in turns.
 *
 * Threads: under the lock of the injector.
 */
#ifndef EXPANDER_FANOUT_TURNS_H
#define EXPANDER_FANOUT_TURNS_H

#include "base/map.h"
#include "expander/fanout/paces.h"
#include "expander/fanout/post.h"
#include "expander/pace.h"
#include "expander/service.h"

struct turns {
	struct post *posts;
	size_t count, large;              /* of those, and of those that are neither small nor urgent */
	struct paces *paces;              /* that an operator has set */
	struct pace all;
	struct map *lists, *domains;      /* names → struct named_pace */
	int64_t begun;                    /* ticks: when a large post began last */
	bool any_begun;
};

/* The pace of a list, or of the lists of a domain. */
struct named_pace {
	struct pace pace;
	char name[];
};

/* What a lane can take. */
struct wish {
	const struct service *service;
	size_t most;                      /* recipients of a batch */
	size_t lanes;                     /* that share a post */
	bool xverp;                       /* the MTA makes reverse-paths for members */
	bool large;                       /* not only what is small or urgent */
	struct pace *lane, *mta;
	const char *mta_name;
	int64_t now;                      /* ticks, us */
};

void turns_close(struct turns *);

/* Whether a post is small or urgent. */
bool turns_is_quick(const struct post *, const struct service *);

/* Whether its batches are to ask for receipts: as its destination says, or always where that is gone. */
bool turns_wants_proof(const struct post *, const struct service *);

void turns_add(struct turns *, struct post *);
void turns_remove(struct turns *, struct post *);
bool turns_have_work(const struct turns *);
/* One that is not quick and has so many recipients; NULL: there is none. */
const struct post *turns_long(const struct turns *, size_t recipients);

/* The rate that holds; and, unless `set` is NULL, what an operator has set, or NULL. */
struct rate turns_rate(const struct turns *, const struct service *, enum rate_of, const char *name,
                       const struct pace_rule **set);

/* How long a large post waits for a pace now; microseconds. */
int64_t turns_wait(const struct pace *, const struct rate *, int64_t now);

/*
 * The next batch, of the first post that may have one; that goes to the end of the line. NULL where
 * there is none now: *wait is made the ms until there may be, if that is less.
 */
struct batch *turns_next(struct turns *, const struct wish *, int64_t *wait);

#endif
