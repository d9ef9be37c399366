/*
 * What people are told of a post that is held: those who look after the list that it waits for them, or
 * that its time is over; and the poster that it was not let go. The same facts give the same bytes.
 */
#ifndef MAIL_HELD_NOTICE_H
#define MAIL_HELD_NOTICE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notice_kind {
	NOTICE_HELD,                      /* to the owners */
	NOTICE_EXPIRED,                   /* the same */
	NOTICE_REJECTED                   /* to the poster */
};

struct held_notice {
	enum notice_kind kind;
	const char *hostname;
	const char *id;                   /* of the post's entry */
	const char *list;
	const char *to;                   /* for the To field */
	const char *reason;               /* why it is held; or why it is not let go; may be NULL */
	int64_t now, arrived, keep;       /* wall clock, ms; and how long it is kept, ms */
	bool last;                        /* more of this kind come tomorrow at the earliest */
	const char *post;                 /* its bytes; "" where they cannot be read */
	size_t post_length;
};

void held_notice_print(const struct held_notice *, struct bytes *);

/* A field as people read it: unfolded, decoded, on one line; at most so many bytes of it. */
void held_notice_field(const char *header, size_t length, const char *name, size_t most, struct bytes *);

#endif
