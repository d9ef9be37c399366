/* The transactions of an entry with the MTAs, as its progress tells them. */
#ifndef CONSOLE_TRANSACTIONS_H
#define CONSOLE_TRANSACTIONS_H

#include "queues/queue.h"

struct transaction {
	int64_t batch;
	char *mta;                        /* NULL: it does not say */
	char *id;                         /* the MTA's queue id; NULL: not known */
	bool taken;                       /* the MTA has it */
};

struct transactions {
	struct transaction *all;          /* oldest first */
	size_t count;
	uint32_t *last;                   /* of each line the one it was in last, from 1; 0: none */
	size_t lines;
};

/* Of an entry with so many recipients. -1 with a complaint; to be freed in any case. */
int transactions_read(struct transactions *, struct queues *, const char *id, size_t lines,
                      struct complaint *);
void transactions_free(struct transactions *);

#endif
