/*
 * A text above and below the body of a post. The body itself stays the same bytes, always: the texts
 * are put before and behind it, in its own encoding where that is possible without looking at it, else
 * as parts of a multipart/mixed (RFC 2046 section 5.1.3) of which the old body is one. What is signed
 * or encrypted as a whole is left alone.
 */
#ifndef MAIL_FOOTER_H
#define MAIL_FOOTER_H

#include "base/bytes.h"
#include "base/text.h"

#include <stdbool.h>

struct footer {
	const char *above, *below;        /* UTF-8, lines that end in LF; NULL: none */
	const char *boundary;             /* a text that is nowhere in the body; ASCII, without blanks */
	bool eight_bit;                   /* the message holds bytes above 127 */
};

/* What is to be done to a message. */
struct framing {
	struct text_list remove;          /* names of its fields that go */
	struct bytes add;                 /* fields that come, with line ends */
	struct bytes before, after;       /* to stand between header and body, and behind the body */
};

/* False: the message is to be left alone, and the framing is empty. */
bool footer_frame(const struct footer *, const char *header, size_t length, struct framing *);
void framing_free(struct framing *);

#endif
