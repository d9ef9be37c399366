/*
 * The grammar of SMTP and LMTP (RFC 5321 section 4.1.1, RFC 2033), the same for our server, our
 * client and the milter. Nothing here allocates; all slices point into the line they were found in.
 */
#ifndef MAIL_SYNTAX_H
#define MAIL_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
	const char *at;
	size_t length;
};

enum verb {
	VERB_LHLO,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_RSET,
	VERB_NOOP,
	VERB_XFORWARD,
	VERB_QUIT,
	VERB_OTHER,
	VERB_COUNT
};

/* The verb of a command line (without its line end) and what stands behind it, trimmed. */
enum verb syntax_verb(const char *line, size_t length, struct slice *argument);

/*
 * "FROM:<path> parameters" or "TO:<path> parameters", `keyword` being "FROM" or "TO". The path
 * comes without its <> and without a source route (RFC 5321 appendix C says to ignore one); that of
 * a null sender has length zero.
 */
bool syntax_path(struct slice argument, const char *keyword, struct slice *path,
                 struct slice *parameters);

/* The '>' that ends a path; one inside a quoted local part does not. NULL where there is none. */
const char *syntax_path_end(const char *at, const char *end);

/*
 * Whether the text between <> or without them is a path: strips the brackets. For what a milter
 * gets.
 */
struct slice syntax_unbracket(const char *text);

/*
 * The next "KEY" or "KEY=value" of `rest`. False at the end. A malformed one has a key of length
 * zero.
 */
bool syntax_parameter(struct slice *rest, struct slice *key, struct slice *value);

bool slice_is(struct slice, const char *word);          /* but for ASCII case */

/* The number in a slice of decimal digits; false for anything else, or above 2^62. */
bool slice_number(struct slice, long long *number);

/* A line of a reply, without its line end: 250-8BITMIME. */
struct reply_line {
	int code;
	bool more;                        /* another line of the same reply follows */
	struct slice text;
};
bool syntax_reply(const char *line, size_t length, struct reply_line *);

/* The enhanced status code a reply text begins with (RFC 2034); length zero for none. */
struct slice syntax_enhanced(struct slice text);

#endif
