/*
 * The expander as configured at one moment. A reload makes another; whoever is in the middle of
 * something keeps the one it began with.
 */
#ifndef EXPANDER_SERVICE_H
#define EXPANDER_SERVICE_H

#include "expander/access.h"
#include "policies/site.h"

#include <stdatomic.h>

struct service {
	atomic_int references;
	struct site *site;
	struct lmtp_settings lmtp;
	struct outbound_settings outbound;
	struct networks *networks;        /* that may connect to LMTP */
	struct mta *mtas;
	size_t mta_count;
	int64_t weight;                   /* of all of them */
	struct rate rates[RATE_COUNT];
	struct access access;
	struct keys *keys;
	char *receipts;                   /* the domain of receipt recipients; canonical */
};

/* NULL with a complaint. With `strict`, a source that cannot be opened is an error, too. */
struct service *service_load(const char *file, bool strict, struct complaint *);

/* Makes it the one that service_current() gives a reference to; takes over the caller's. */
void service_install(struct service *);
struct service *service_current(void);
void service_drop(struct service **);

#endif
