/*
 * What is asked about postings to one destination: its policies in the order of the configuration,
 * and what their failing means. Never changes once it is open.
 */
#ifndef POLICIES_CHAIN_H
#define POLICIES_CHAIN_H

#include "base/bytes.h"
#include "policies/policy.h"

/* What becomes of an answer that is no pass. */
enum action { ACTION_REJECT, ACTION_DEFER, ACTION_HOLD, ACTION_TAG, ACTION_LOG_ONLY, ACTION_ACCEPT };

/* One policy as one destination asks it. */
struct link {
	const struct policy *policy;
	void *config;
	enum action on_fail, on_unsure;
	enum action without_session;      /* reject, defer, hold or accept */
	const char *tag;                  /* its word in the field TAGS_FIELD */
	unsigned place;                   /* among all of the site, from 1 */
	char *origin;                     /* rollcall.yaml:12, or "default" */
	char *settings;                   /* what holds, as text: links of equal policy and text ask alike */
	struct setting *rows;             /* of `settings` and of the actions */
};

struct chain {
	struct link *links;
	size_t count;
};

/*
 * From the list under `check:`, which may be NULL. Policies that are always asked are added where
 * they are not named. `place` is the last one used so far. NULL with a complaint.
 */
struct chain *chain_open(const struct node *check, const char *path, unsigned *place,
                         struct effective_list *, struct complaint *);
void chain_close(struct chain **);

/* Whether the link is asked then, about that role, where these of enum need are not met. */
bool link_asks(const struct link *, enum moment, enum role, unsigned lacking);

/* Whether any of it is asked then. */
bool chain_asks(const struct chain *, enum moment, enum role, unsigned lacking);

/* Whether it can refuse posts to that list. */
bool link_concerns(const struct link *, const struct list *);

/* Whether anything that is asked of it at the end needs that. */
bool chain_needs(const struct chain *, enum need, enum role);

/* Tells all that want to know that a message was taken for the list in the facts. */
void chain_accepted(const struct chain *, const struct facts *);

/*
 * What becomes of a message that is judged without what these needs stand for, by the checks that could
 * not be asked for want of them. The link that decided, or NULL for a pass.
 */
struct verdict chain_lacking(const struct chain *, enum role, unsigned lacking,
                             const struct link **decided_by);

/* Tells all that want to know that a list is being looked for; see struct policy. */
void chain_expect(const struct chain *, const struct facts *);

/* Adds whom the policies let post to a list, as far as they say it in words. */
void chain_describe(const struct chain *, const struct list *, struct bytes *);

/* What an answer comes to, at the link's place. */
struct verdict link_verdict(const struct link *, struct verdict answer);

/* The worst that can come of it: pass where it only logs. */
enum decision link_worst(const struct link *);

/*
 * Adds what will be asked after RCPT about that list and can refuse it loudly: recipients with the
 * same text will fare the same.
 */
void chain_later(const struct chain *, const struct list *, enum role, struct bytes *);

/* Settings of every check, for the manual. */
extern const struct setting action_settings[];

#endif
