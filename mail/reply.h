/*
 * The SMTP replies of rollcall as values: code, enhanced status code (RFC 3463) and a public text
 * that tells nothing of the inside. The private cause goes to the log. A new reply is a row in
 * reply.c.
 */
#ifndef MAIL_REPLY_H
#define MAIL_REPLY_H

#include <stddef.h>

enum reply_id {
	REPLY_NONE,
	REPLY_GREETING,
	REPLY_BYE,
	REPLY_OK,
	REPLY_SENDER_OK,
	REPLY_RCPT_OK,
	REPLY_GO_AHEAD,
	REPLY_ACCEPTED,
	REPLY_DROPPED,
	REPLY_UNSURE,
	REPLY_BUSY,
	REPLY_SHUTDOWN,
	REPLY_DRAINING,
	REPLY_NO_SPACE,
	REPLY_LOCAL_ERROR,
	REPLY_TOO_MANY_RCPTS,
	REPLY_TOO_SLOW,
	REPLY_BAD_COMMAND,
	REPLY_LINE_TOO_LONG,
	REPLY_BARE_LF_COMMAND,
	REPLY_BAD_SYNTAX,
	REPLY_BAD_PARAMETER,
	REPLY_BAD_SEQUENCE,
	REPLY_BAD_RCPT,
	REPLY_NOT_OURS,
	REPLY_NO_SUCH_LIST,
	REPLY_NO_SUCH_ROLE,
	REPLY_RECEIPT,
	REPLY_LIST_PAUSED,
	REPLY_LIST_CLOSED,
	REPLY_MAY_NOT_POST,
	REPLY_ONLY_REPORTS,
	REPLY_NO_REPORTS,
	REPLY_AUTOMATIC,
	REPLY_LOOP,
	REPLY_TOO_BIG,
	REPLY_HEADER_TOO_BIG,
	REPLY_BARE_NEWLINE,
	REPLY_NO_RCPTS,
	REPLY_TOO_MANY_ERRORS,
	REPLY_SPLIT,
	REPLY_LATER,
	REPLY_UNCHECKED,
	REPLY_TOO_MANY_TO,
	REPLY_NOT_NAMED,
	REPLY_HEADER_MATCH,
	REPLY_LACKS_FIELD,
	REPLY_NEED_TLS,
	REPLY_NEED_PROOF,
	REPLY_PROGRAM,
	REPLY_RATE,
	REPLY_CONTENT,
	REPLY_UNSIGNED,
	REPLY_NOT_THE_AUTHORS,
	REPLY_DMARC,
	REPLY_NO_NAME,
	REPLY_COUNT
};

struct reply {
	int code;
	const char *enhanced;             /* "" where the command takes none (RFC 2034 section 3) */
	const char *text;                 /* one line of printable ASCII */
};

const struct reply *reply_of(enum reply_id);

/*
 * "550 5.1.1", "354", or "" for none: to count replies by. Several ids may have one. Until the next
 * call in this thread.
 */
const char *reply_label(size_t id);

#endif
