/* The policy `posters` from inside: its configuration, and the judging; `moderated` has them as well. */
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

/* Adds the rules that the texts of one setting are, which stands in this block. */
int posters_read(struct posters_config *, enum poster_effect, const char *name, const struct text_list *,
                 const struct node *block, struct complaint *);

/* Judges; with `peek` from memory only, and false where that cannot be said from memory. */
bool posters_decide(const struct posters_config *, const struct facts *, enum moment, bool peek,
                    struct deadline, struct verdict *);

/* Likewise: passes where a rule that allows covers whom the posting is proven to be from. */
bool posters_any(const struct posters_config *, const struct facts *, bool peek, struct deadline,
                 struct verdict *);

/* For struct policy. Whoever is known by now will be looked for, unless the rules have no use for that. */
void posters_expect(const void *config, const struct facts *);
void posters_close(void *config);
void posters_describe(const void *config, const struct list *, struct bytes *);

#endif
