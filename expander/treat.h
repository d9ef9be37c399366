/*
 * How a post is to look: the list's fields, the site's steps, and what is done where the author's domain
 * may forbid that (DMARC). A post that keeps a signature of that domain goes on so; all changes are known
 * before it is asked.
 */
#ifndef EXPANDER_TREAT_H
#define EXPANDER_TREAT_H

#include "base/clock.h"
#include "expander/heading.h"
#include "expander/modify.h"

/* How long to wait for what; and whether the DNS is asked for the last time. */
struct treat_terms {
	struct deadline steps;            /* for sources and programs that the site's steps ask */
	struct deadline dns;
	bool insist;                      /* what is unsure then counts as if the domain forbade it */
};

/*
 * heading_compose() and modify_heading(), and both again as the list's setting `dmarc` says, which is
 * logged. But for COMPOSED with a complaint; COMPOSED_LATER also where it is not known whether the domain
 * forbids anything.
 */
enum composed treat_compose(struct envelope *, const struct site *, const struct target *, const char *id,
                            const char *lhlo, const char *header, size_t length,
                            const struct treat_terms *, struct complaint *);

/* Whether a signature of the author's domain in the header survives what the envelope does to it. */
bool treat_survives(const struct envelope *, const char *header, size_t length, const char *author,
                    bool strict);

/*
 * Puts the message whole into one that has the envelope's fields (RFC 2046 section 5.2.1). Of what stands
 * in it is left out what a step takes out of posts, lest members get it all the same. Steps may be NULL.
 */
void treat_wrap(struct envelope *, const struct modifiers *steps, const char *header, size_t length);

#endif
