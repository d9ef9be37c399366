/* The tag of a list in the Subject of its posts: "[staff] Lunch". */
#ifndef MAIL_SUBJECT_H
#define MAIL_SUBJECT_H

#include "base/bytes.h"

#include <stdbool.h>

/*
 * Adds the value of the Subject field with the tag in front, folded: what the poster wrote follows
 * as the same bytes. False, and nothing added, where the subject has the tag already, wherever ("Re:
 * [staff] Lunch"), or there is none to be sure of: several, or one that is no UTF-8. The tag is
 * UTF-8 without control characters.
 */
bool subject_tag(struct bytes *, const char *tag, const char *header, size_t length);

#endif
