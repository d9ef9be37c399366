/* The header of messages that rollcall writes itself, to whoever looks after a list. */
#ifndef MAIL_NOTICE_H
#define MAIL_NOTICE_H

#include "base/bytes.h"

#include <stdint.h>

struct notice {
	const char *hostname;
	const char *id;                   /* of its Message-ID, before the @ */
	const char *to;
	const char *subject;
	int64_t now;                      /* wall clock, ms */
	const char *type;                 /* of its content; of more than one line with a tab behind each */
};

/* The fields, and the empty line behind them. The content is 8bit. */
void notice_head(const struct notice *, struct bytes *);

/* Adds text of others on one line: what controls, blanks stand for. */
void notice_add_line(struct bytes *, const char *text, size_t length);

#endif
