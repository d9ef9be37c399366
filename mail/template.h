/*
 * Texts of lists with fields of the member and the post in them:
 *
 *	This was sent to {member.address}: {post.subject}
 *	https://intranet.example.com/leave?who={member.address}
 *
 * Within a URI what stands there is escaped for that, elsewhere it stays as it is. A line that would become
 * too long for a message goes on in the next.
 */
#ifndef MAIL_TEMPLATE_H
#define MAIL_TEMPLATE_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether all that looks like a field in a text is one. */
int template_check(const char *text, struct complaint *);

/* Whether it has fields of a member. May be NULL. */
bool template_is_personal(const char *text);

/*
 * The text with its fields filled, of a post with this header and of a member; where that is NULL, its
 * fields stay. What stands in a value is not read again, its control characters become blanks, and what a
 * post says is cut off behind 200 octets. Allocated; NULL for no text.
 */
char *template_fill(const char *text, const char *header, size_t length, const char *member);

#endif
