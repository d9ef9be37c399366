/*
 * What became of a question or of all of them: merged by one pure function, whatever the order of
 * the answers.
 */
#ifndef MAIL_VERDICT_H
#define MAIL_VERDICT_H

#include "mail/reply.h"

/* From the best to the worst. */
enum decision { DECISION_PASS, DECISION_DEFER, DECISION_REJECT };

struct verdict {
	enum decision decision;
	enum reply_id reply;              /* REPLY_NONE for a pass */
	const char *reason;               /* for the log; a constant text */
};

struct verdict verdict_pass(void);
struct verdict verdict_reject(enum reply_id, const char *reason);
struct verdict verdict_defer(enum reply_id, const char *reason);

/* The worse of two; of two that are equally bad the first, which is the one configured first. */
struct verdict verdict_merge(struct verdict first, struct verdict second);

const char *decision_word(enum decision);

#endif
