/*
 * Is this message an automatic reply (RFC 3834)? Such a message answers a post or a member, and
 * must never go to a whole list. A message that a program made without being asked by mail (cron,
 * monitoring: Auto-Submitted: auto-generated) is not one.
 */
#ifndef MAIL_AUTOMATIC_H
#define MAIL_AUTOMATIC_H

#include <stdbool.h>
#include <stddef.h>

/* The field that says so, for the log; NULL where it is none. */
const char *automatic_reply(const char *header, size_t length);

/* Whether any program made it, asked or not: an Auto-Submitted field that says anything but "no". */
bool automatic_any(const char *header, size_t length);

#endif
