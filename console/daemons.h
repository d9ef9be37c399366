/* Asking the daemons over their control sockets. */
#ifndef CONSOLE_DAEMONS_H
#define CONSOLE_DAEMONS_H

#include "base/json.h"
#include "policies/site.h"

/* Their names, ended by NULL. */
extern const char *const daemons[];

/* Whether its control socket is there; one that was killed leaves it. */
bool daemon_is_there(const struct site *, const char *daemon);

/* 0 with the answer, which the caller drops; -1 with a complaint. */
int daemon_ask(const struct site *, const char *daemon, const char *request, struct js **answer_r,
               struct complaint *);

#endif
