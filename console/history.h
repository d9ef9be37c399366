/* What happened to one recipient of a post: by its progress, and by the log of the MTA. */
#ifndef CONSOLE_HISTORY_H
#define CONSOLE_HISTORY_H

#include "base/complaint.h"
#include "base/json.h"
#include "base/text.h"
#include "queues/progress.h"

#include <stddef.h>

struct history {
	struct js *events;                /* array: at, event, batch, mta, queue_id, code, text, until */
	struct js *log;                   /* array: lines */
	/* While it is read. */
	size_t line;
	int64_t batch;                    /* that the line was in last; 0: none */
	struct text_list ids;             /* the MTA's queue ids of its batches */
};

struct history history_new(void);
void history_free(struct history *);

/* Reads the progress of an entry of the spool, for a line of its distribution list. -1 with a complaint. */
int history_read(struct history *, const char *spool, const char *id, size_t line, struct complaint *);

/* Adds lines of a log that name the address and one of the queue ids. -1 with a complaint. */
int history_search(struct history *, const char *file, const char *address, struct complaint *);

#endif
