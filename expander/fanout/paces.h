/*
 * Rates that an operator has set while the expander runs, in the place of those of the configuration: in
 * all, for each MTA, lane, list or domain, or for one of them. They hold until they are taken back, over
 * reloads and restarts: they stand in the file `pace` below the state.
 *
 *	{"version":1,"paces":[{"of":"list","name":"staff@lists.example.com","rate":"100/minute","since":…}]}
 *
 * Threads: one that changes them; who reads them sees to it that they are not changed meanwhile.
 */
#ifndef EXPANDER_FANOUT_PACES_H
#define EXPANDER_FANOUT_PACES_H

#include "expander/settings.h"

struct pace_rule {
	enum rate_of of;
	char *name;                       /* of the one MTA, list or domain; NULL: for each */
	char *text;                       /* "100/minute"; "none" is no limit */
	struct rate rate;
	int64_t since;                    /* wall clock, ms */
};

struct paces {
	char *state;                      /* the directory */
	struct pace_rule *rules;
	size_t count;
};

/* The words of enum rate_of. */
extern const char *const paces_words[RATE_COUNT + 1];

/* Reads the file, if there is one. NULL with a complaint: it is damaged. */
struct paces *paces_open(const char *state, struct complaint *);
void paces_close(struct paces **);

/*
 * What they are when this rate is another: the text of one, "none", or "default", for what else holds.
 * Durable when it returns. NULL with a complaint, and nothing is changed.
 */
struct paces *paces_with(const struct paces *, enum rate_of, const char *name, const char *rate,
                         struct complaint *);
/* What they are when nothing is set. The same. */
struct paces *paces_without(const struct paces *, struct complaint *);

/* What was set for this one, or else for each; NULL: nothing. */
const struct pace_rule *paces_find(const struct paces *, enum rate_of, const char *name);

#endif
