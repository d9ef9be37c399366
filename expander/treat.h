/*
 * The heading of a post whose author's domain may forbid what the list does to it (DMARC). A post that
 * keeps a signature of that domain goes on as it is; the list's changes are known before they are made.
 */
#ifndef EXPANDER_TREAT_H
#define EXPANDER_TREAT_H

#include "base/clock.h"
#include "expander/heading.h"

/* How long to ask the DNS; and whether it is asked for the last time. */
struct treat_terms {
	struct deadline by;
	bool insist;                      /* what is unsure then counts as if the domain forbade it */
};

/*
 * heading_compose(), with what the list's setting `dmarc` says. FOUND_UNSURE with a complaint: whether
 * the domain forbids anything is not known, and the envelope is as if it did not. FOUND_YES: the post was
 * treated, which is logged; FOUND_NO: there was no need.
 */
enum found treat_compose(struct envelope *, const struct site *, const struct target *, const char *id,
                         const char *lhlo, const char *header, size_t length,
                         const struct treat_terms *, struct complaint *);

/* Whether a signature of the author's domain in the header survives what the envelope does to it. */
bool treat_survives(const struct envelope *, const char *header, size_t length, const char *author,
                    bool strict);

/* Puts the message whole into one that has the envelope's fields (RFC 2046 section 5.2.1). */
void treat_wrap(struct envelope *, const char *header, size_t length);

#endif
