/*
 * The report on a post that did not reach everybody: a delivery status notification (RFC 3464) to
 * whoever looks after the list. The same facts give the same bytes, so that a report that is made a
 * second time after a crash is recognised as the first.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dsn_failure {
	const char *address;              /* not NUL-terminated */
	size_t length;
	int code;                         /* of the reply; 0: none came */
	const char *text;
};

struct dsn {
	const char *hostname;
	const char *id;                   /* of the post's entry */
	const char *list;
	const char *to;                   /* for the To field */
	int64_t arrived, now;             /* wall clock, ms */
	size_t members;                   /* 0: it is not known how many there are */
	size_t sent;
	bool anonymous;                   /* it says how many failed, and by which codes; not who */
	const char *reason;               /* why it was given up; NULL: it was not */
	size_t failures;                  /* how many there are */
	/* The i-th failure. */
	void (*failure)(void *arg, size_t i, struct dsn_failure *);
	void *arg;
	const char *header;               /* of the post */
	size_t header_length;
};

void dsn_print(const struct dsn *, struct bytes *);

#endif
