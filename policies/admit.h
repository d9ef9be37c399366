/*
 * What every list asks before its own policies do: the rules on roles and null senders. The milter
 * and the LMTP server ask the same, so that the second refuses only what came past the first.
 */
#ifndef POLICIES_ADMIT_H
#define POLICIES_ADMIT_H

#include "policies/site.h"

#include <stddef.h>

/* What is asked about a target. It borrows from that. */
struct subject admit_subject(const struct target *);

/* The rules: whether mail of that sender (NULL: the null sender) is taken there, whoever it is from. */
struct verdict admit_rules(const struct target *, const char *sender);

/*
 * When the recipient is named: the rules, then the policies. The subject is filled in, and is the
 * caller's to free; it names the policy that decided, if it was not a rule.
 */
struct verdict admit_rcpt(const struct site *, const struct target *, const struct terms *,
                          struct subject *);

/* The name of what decided: the policy, or the rule; NULL for a pass. */
const char *admit_decided_by(const struct subject *);

#endif
