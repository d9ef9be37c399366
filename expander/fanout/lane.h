/*
 * A lane: a connection to an MTA, over which one batch goes after the other.
 *
 * Threads: belongs to one.
 */
#ifndef EXPANDER_FANOUT_LANE_H
#define EXPANDER_FANOUT_LANE_H

#include "expander/fanout/sending.h"
#include "expander/pace.h"
#include "expander/service.h"

struct lane {
	struct lane *next;                /* of the injector's */
	size_t number;
	int abandon;                      /* see struct wire */
	struct smtp *smtp;
	char *mta;                        /* where it leads */
	bool used;                        /* a transaction has gone over it */
	int64_t last_used;                /* ticks */
	struct pace pace;
	size_t under_way;                 /* recipients of its batch; under the injector's lock */
};

/* Puts it behind all others, with its number, from 0. Takes it out. */
void lane_join(struct lane **all, struct lane *);
void lane_part(struct lane **all, struct lane *);

/* Makes sure that there is a connection to this MTA. False with a complaint. */
bool lane_connect(struct lane *, const struct service *, const struct mta *, struct complaint *);

/* Runs the transaction; a connection that died while it was idle is made again, once. */
void lane_run(struct lane *, const struct service *, const struct mta *, struct sending *, struct outcome *);

void lane_close(struct lane *);

#endif
