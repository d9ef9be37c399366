/* The policy `posters` from inside: its configuration, and the judging. */
#ifndef POLICIES_POSTERS_H
#define POLICIES_POSTERS_H

#include "policies/policy.h"

/* Whom a posting is judged by that nobody has proven to be from somebody. */
enum { BY_PROVEN, BY_ENVELOPE, BY_FROM };

struct posters_config {
	struct text_list allow, deny;
	int64_t by;
	char *login_domain;               /* or NULL */
	struct poster_list rules;         /* of both */
};

/* Judges; with `peek` from memory only, and false where that cannot be said from memory. */
bool posters_decide(const struct posters_config *, const struct facts *, enum moment, bool peek,
                    struct deadline, struct verdict *);

/* For struct policy. Whoever is known by now will be looked for, unless the rules have no use for that. */
void posters_expect(const void *config, const struct facts *);
void posters_describe(const void *config, const struct list *, struct bytes *);

#endif
