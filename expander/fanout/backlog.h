/* How much an MTA on this host has to do, as far as its queue directory can be read. */
#ifndef EXPANDER_FANOUT_BACKLOG_H
#define EXPANDER_FANOUT_BACKLOG_H

#include <stddef.h>

/*
 * How many messages wait, counted up to `most`: with Postfix those in incoming and active, with sendmail the
 * qf files. 0 where the directory cannot be read, which is logged now and then.
 */
size_t backlog_count(const char *directory, size_t most);

#endif
