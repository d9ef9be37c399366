/*
 * Receipts as a measure: how long it takes until the MTA delivers that of a batch. Then it has taken the
 * batch up, with all its recipients, and other mail that came meanwhile has waited as long. Times are ticks
 * in microseconds.
 *
 * Threads: under the lock of the injector.
 */
#ifndef EXPANDER_FANOUT_ECHOES_H
#define EXPANDER_FANOUT_ECHOES_H

#include "expander/fanout/post.h"
#include "expander/fanout/throttle.h"

struct echo;

enum echo_news {
	ECHOES_HOPED_FOR,                 /* the MTA was never asked for any */
	ECHOES_COME,                      /* the last one came, and in time … */
	ECHOES_MISSED                     /* … or did not, or the MTA would not take it */
};

struct echoes {
	struct echo *all;                 /* awaited */
	enum echo_news news;
};

void echoes_close(struct echoes *);

/* A batch that asks for a receipt is about to be sent. */
void echoes_await(struct echoes *, const struct batch *, int64_t now);

/*
 * It was sent; where it was not queued, or without a receipt, none is awaited. True: it was followed, and
 * is not under way any more.
 */
bool echoes_sent(struct echoes *, const struct batch *, bool queued, bool receipt);

/* A receipt, perhaps of another's batch. True: of one that was followed; *sample is how long it took. */
bool echoes_heard(struct echoes *, const char *entry, int64_t batch, int64_t now, struct sample *sample);

/* Gives up receipts that are late. How many of those batches were followed. */
size_t echoes_late(struct echoes *, int64_t now);

#endif
