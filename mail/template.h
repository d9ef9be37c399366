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

enum template_field {
	MEMBER_ADDRESS,
	MEMBER_LOCAL,
	MEMBER_DOMAIN,
	POST_SUBJECT,
	POST_FROM,
	POST_MESSAGE_ID,
	TEMPLATE_FIELDS
};

/* Whether all that looks like a field in a text is one. */
int template_check(const char *text, struct complaint *);

/* Whether it has fields of a member. May be NULL. */
bool template_is_personal(const char *text);

/*
 * The text with the fields that there are values for; those that are NULL stay. Control characters of
 * values become blanks, and what is above 200 octets is cut off. Allocated; NULL for no text.
 */
char *template_fill(const char *text, const char *const values[TEMPLATE_FIELDS]);

#endif
