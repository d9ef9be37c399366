/*
 * What is asked about postings to one destination: its policies in the order of the configuration.
 */
#ifndef POLICIES_CHAIN_H
#define POLICIES_CHAIN_H

#include "policies/policy.h"

struct chain;

/*
 * From the list under `check:`, which may be NULL. A policy that must not be missing (posters) is
 * added with its fallbacks where it is not named. NULL with a complaint.
 */
struct chain *chain_open(const struct node *check, const char *path, struct effective_list *,
                         struct complaint *);
void chain_close(struct chain **);

/*
 * The merged verdict of all policies that can be asked at RCPT, and the name of the policy that
 * decided (NULL for a pass).
 */
struct verdict chain_at_rcpt(const struct chain *, const struct facts *, struct deadline,
                             const char **decided_by);

#endif
