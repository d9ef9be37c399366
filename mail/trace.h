/*
 * Traces of a message's way: the Received field an LMTP server adds (RFC 5321 section 4.4), and
 * what the fields tell about where the message has been.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The field, line end included. `from` may be NULL. The same arguments give the same bytes. */
void trace_received(struct bytes *, const char *from, const char *by, const char *id,
                    const char *list_address, int64_t arrived);

/*
 * Whether the message has been through this list: a List-Post or List-Id of the list, or one of our
 * own Received fields for it, which survives a list behind us that puts its own List fields in
 * their place.
 */
bool trace_passed(const char *header, size_t length, const char *list_address);

/* How many Received fields there are. */
size_t trace_hops(const char *header, size_t length);

/*
 * The queue id in the top Received field, which the MTA put there last. False where none is found.
 */
bool trace_queue_id(const char *header, size_t length, char *id, size_t size);

/* When the MTA says in the top Received field that it took the message (mail/date.h); -1: it does not. */
int64_t trace_taken(const char *header, size_t length);

#endif
