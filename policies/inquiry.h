/*
 * Asking: all policies of all lists of a message at one moment, together. What never waits is
 * asked on the spot, the rest on the workers of its resource; what two lists ask alike is asked
 * once. What changes something by being asked (`last`) waits for the others, and is asked for lists
 * that all of them let the message pass to. It is over when no answer that is missing could change
 * a verdict, or at the deadline: an answer that has not come by then is "unsure". What is missing
 * then is cancelled.
 *
 * The verdicts depend on the answers alone, not on their order. A check that only logs is never
 * waited for: where it waits, it goes on by itself, and logs its answer when it has one.
 */
#ifndef POLICIES_INQUIRY_H
#define POLICIES_INQUIRY_H

#include "policies/bulkhead.h"
#include "policies/chain.h"

enum answer_kind { ANSWER_GIVEN, ANSWER_LATE, ANSWER_BUSY, ANSWER_CANCELLED, ANSWER_APART };

/* What one policy said about one list. */
struct answer {
	const struct link *link;
	enum answer_kind how;
	struct verdict said;              /* by the policy */
	struct verdict verdict;           /* what it comes to */
	int64_t took;                     /* µs */
};

/* One list that is asked for. */
struct subject {
	const struct chain *chain;
	struct list *list;                /* borrowed, as is the address that was written to */
	struct source *source;            /* of the list */
	bool stale;                       /* the list is from an old memory */
	const char *recipient;
	enum role role;
	/* The outcome. */
	struct verdict verdict;
	const struct link *decided_by;    /* NULL for a pass */
	struct answer *answers;           /* in the order of the configuration */
	size_t answer_count;
};

struct terms {
	enum moment moment;
	const struct facts *facts;        /* but for list and role */
	struct deadline by;
	bool everything;                  /* wait for all answers, also those that change nothing */
	/* Called before and after a wait. May be NULL. */
	void (*around)(void *arg, bool begins);
	void *arg;
};

/* Fills in the outcomes. Any thread; returns by the deadline. */
void inquiry_run(struct bulkheads *, const struct terms *, struct subject *, size_t count);

void subject_free(struct subject *);

/* "posters=pass max-size=reject", with milliseconds where it took any; for the log. */
void subject_describe(const struct subject *, struct bytes *);

#endif
