/* What the milter counts. */
#ifndef MILTER_METRICS_H
#define MILTER_METRICS_H

#include "base/metric.h"

enum milter_metric {
	MILTER_RECIPIENTS,                /* by decision, reply and role */
	MILTER_RECIPIENT_SECONDS,
	MILTER_MESSAGES,                  /* by decision and reply */
	MILTER_LOOKUPS,                   /* by enum answered */
	MILTER_WAITING,
	MILTER_BREAKER,
	MILTER_SESSIONS
};

extern const struct metric milter_metrics[];

#endif
