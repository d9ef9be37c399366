/*
 * What an operator's program (outbound.recall) says of an MTA's queue, and does there. Told "list" and queue
 * ids it keeps the MTA from delivering these any further, waits for deliveries that are under way, and prints
 * for each recipient that is left "id address"; told "remove" it throws them away. Both can be repeated, and
 * ids that are gone are none of its business.
 */
#ifndef CONSOLE_RECALL_H
#define CONSOLE_RECALL_H

#include "base/complaint.h"
#include "base/text.h"

#include <stdbool.h>

/* Whether it may stand on a command line: letters and digits. */
bool recall_is_id(const char *id);

/*
 * Runs the program with a word and ids of one MTA ("host port 25", or NULL), which is in its environment
 * as ROLLCALL_MTA. Calls see for each line that it prints. -1 with a complaint.
 */
int recall_run(const struct text_list *program, const char *word, const char *mta,
               const struct text_list *ids, void (*see)(void *, const char *id, const char *address),
               void *arg, struct complaint *);

#endif
