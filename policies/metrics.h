/* What is counted of policies, in every program that asks them. */
#ifndef POLICIES_METRICS_H
#define POLICIES_METRICS_H

#include "base/metric.h"
#include "policies/inquiry.h"

extern const struct metric policy_metrics[];

/* One answer: how it came about, what the policy said, and what that came to. */
void policy_count(const struct policy *, enum answer_kind, enum decision said, enum decision verdict,
                  int64_t microseconds);

#endif
