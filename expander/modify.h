/* What a site changes in posts, after everything that rollcall puts there itself. */
#ifndef EXPANDER_MODIFY_H
#define EXPANDER_MODIFY_H

#include "policies/site.h"
#include "queues/entry.h"

/* Whether a post looks as it should. */
enum composed {
	COMPOSED,
	COMPOSED_LATER,                   /* that is not known yet: all lists of the message wait for it */
	COMPOSED_NOT                      /* it cannot, and is not to go out otherwise */
};

/*
 * The steps that hold for the target, one after the other, on what heading_compose() has made:
 * inject_add and inject_remove of the envelope. `header` is that of the message. Steps that ask a source
 * or a program have their answers by the deadline. But for COMPOSED with a complaint.
 */
enum composed modify_heading(struct envelope *, const struct target *, const char *header, size_t length,
                             struct deadline, struct complaint *);

/* ---- for steps in files of their own ---- */

/* What is put before the message: without the fields of a name, and with some more. */
void modify_drop(struct envelope *, const char *name);
void modify_put(struct envelope *, const char *fields);

#endif
