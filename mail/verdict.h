/*
 * What became of a question or of all of them: merged by pure functions, whatever the order of the
 * answers.
 */
#ifndef MAIL_VERDICT_H
#define MAIL_VERDICT_H

#include "mail/reply.h"

#include <stdbool.h>

/* From the best to the worst. */
enum decision {
	DECISION_PASS,
	DECISION_TAG,                     /* it goes on, with a field that says what it failed */
	DECISION_HOLD,                    /* it is taken, and waits for somebody to let it go */
	DECISION_DEFER,
	DECISION_REJECT,
	DECISION_COUNT
};

enum { REASON_SIZE = 400, TAGS_SIZE = 80 };

/* The field by which members, and their programs, are told. None that comes from elsewhere goes on. */
#define TAGS_FIELD "X-Rollcall-Tag"

struct verdict {
	enum decision decision;
	enum reply_id reply;              /* REPLY_NONE where it is taken */
	/* Where in the configuration it was asked, from 1; 0 for the rules that hold everywhere. */
	unsigned place;
	char reason[REASON_SIZE];         /* for the log; cut off where it is longer */
	char tags[TAGS_SIZE];             /* of what is taken: "dkim=fail, storm=unsure" */
};

struct verdict verdict_pass(void);
struct verdict verdict_reject(enum reply_id, const char *reason);
struct verdict verdict_defer(enum reply_id, const char *reason);

/* The same verdict with another reason. */
struct verdict verdict_because(struct verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The worse of two; of two that are equally bad the one configured first, and the first where they
 * stand at one place.
 */
struct verdict verdict_merge(struct verdict first, struct verdict second);

/* Whether the client is told that it is taken; and whether it goes on to members at once. */
bool verdict_takes(const struct verdict *);
bool verdict_goes(enum decision);

/* One check more tags a posting, once: by a word, and whether it was unsure. False where there is no room. */
bool verdict_tag(struct verdict *, const char *word, bool unsure);

/*
 * A posting is held, for one more reason: each stands in the verdict once, behind the name of its check.
 * They are cut off where they are longer than there is room.
 */
void verdict_also(struct verdict *, const char *check, const char *reason);

/* The same of what was said at one moment and, later, at another. */
struct verdict verdict_join(struct verdict before, struct verdict now);

/* Whether a further answer that is at worst `worst` could take the place of this one. */
bool verdict_yields(const struct verdict *, enum decision worst, unsigned place);

const char *decision_word(enum decision);

/*
 * ---- Several recipients. The end of a message has one reply for all of them. ----
 */

/* What to do where some would take a message and some would not. */
enum mixed {
	MIXED_SPLIT,                      /* refuse all; it was seen to at RCPT that they agree */
	MIXED_REFUSE_ALL,
	MIXED_BOUNCE                      /* let it go on: the MTA returns what is refused behind it */
};

/* What one recipient that is a list says. */
struct voice {
	struct verdict verdict;
	/* It need not be told: what goes on is dropped for it, and nobody waits for an answer. */
	bool quiet;
};

/*
 * The verdict on the whole message. `others` counts the recipients that take it anyway. Refused is
 * what every recipient refuses; and, but for MIXED_BOUNCE, what any of them is told.
 */
struct verdict verdict_of_all(enum mixed, const struct voice *, size_t count, size_t others);

#endif
