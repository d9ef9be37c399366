/* A connection of the SMTP client, as its files see it. */
#ifndef EXPANDER_FANOUT_SMTP_H
#define EXPANDER_FANOUT_SMTP_H

#include "expander/fanout/wire.h"

struct smtp {
	struct wire wire;
	int64_t reply;                    /* ms */
	bool pipelining, size, eight_bit, utf8, dsn, xverp, etrn, starttls;
	bool plain, login;                /* mechanisms of AUTH */
	bool broken;
};

#endif
