/* The policies. A new one is a row here. */
#include "policies/policy.h"

#include <stddef.h>

const struct policy *const policies[] = { &policy_posters, NULL };
