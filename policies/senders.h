/*
 * Dispatch: who sends decides which checks hold for mail to a destination. The blocks `senders` of
 * the site say who, in the order of the file; of those that say something for a destination the
 * first that holds counts, and where none does the destination's own checks.
 */
#ifndef POLICIES_SENDERS_H
#define POLICIES_SENDERS_H

#include "base/net.h"
#include "policies/chain.h"
#include "policies/modifiers.h"

/* Where a client came in: what the MTA calls its own socket. NULL: not known. */
struct doorway {
	const char *port;
	const char *name;
};

/* Who sends. What is left out holds for everybody. */
struct senders {
	char *name;
	struct text_list from;            /* canonical addresses and domains, ".domain", or "<>" */
	struct networks *networks;        /* NULL: any */
	struct text_list ports;           /* numbers and names */
	int64_t authenticated;            /* enum authenticated */
	struct chain *chain;              /* for destinations that say nothing of their own; or NULL */
	char *told;                       /* what was asked for, as text: no two are alike */
};

/*
 * Reads the blocks `senders` of the root: allocated, *count of them, to be freed also after a failure,
 * which is -1 with a complaint.
 */
int senders_read(const struct node *root, struct senders **, size_t *count, unsigned *place,
                 struct effective_list *, struct complaint *);
void senders_free(struct senders *, size_t count);

/* What one of them means for a destination. */
struct rule {
	const struct senders *who;
	struct chain *chain;
	struct modifiers *modifiers;      /* of their posts; NULL: those of others */
	bool own;                         /* the chain is the destination's, not the block's */
};

/*
 * The rules of a destination, from its block. Allocated, *count of them, to be freed also after a
 * failure. `path` is the destination's.
 */
int rules_read(struct site *, const struct node *block, const char *path, struct rule **, size_t *rule_count,
               unsigned *place, struct complaint *);
void rules_free(struct rule *, size_t count);

/* The first that holds, or NULL. Behind the MTA, where nobody knows who sends, none does. */
const struct rule *rules_find(const struct rule *, size_t count, const struct facts *,
                              const struct doorway *);

/* Whether somebody with a login, or without, can be one of them; and whether anybody can who wants to. */
bool senders_may_be(const struct senders *, bool authenticated);
bool senders_are_anyone(const struct senders *);

/* Rows for the manual: of a block at the top, and of one in a destination. */
extern const struct setting senders_settings[], sender_checks_settings[];

#endif
