/*
 * What every list asks before its own policies do: the rules on roles, null senders, automatic
 * replies and loops. The milter and the LMTP server ask the same, so that the second refuses only
 * what came past the first.
 */
#ifndef POLICIES_ADMIT_H
#define POLICIES_ADMIT_H

#include "policies/site.h"

#include <stddef.h>

/* When the recipient is named. *decided_by names the rule or policy; NULL for a pass. */
struct verdict admit_rcpt(const struct target *, const struct facts *, struct deadline,
                          const char **decided_by);

/* When the whole header is known. */
struct verdict admit_header(const struct site *, const struct target *, const char *header,
                            size_t length);

#endif
