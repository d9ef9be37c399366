/*
 * The DKIM signatures of a message (RFC 6376), by libopendkim, which is not let near the DNS: it says
 * which keys it wants, and is given them. The only file that knows it is signatures.c.
 *
 * Threads: any; one struct belongs to one thread.
 */
#ifndef MAIL_SIGNATURES_H
#define MAIL_SIGNATURES_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

struct signatures;

/*
 * Reads the whole message in the file, whose position is not used. NULL with a complaint: the file cannot
 * be read. A message that is none has no signatures.
 */
struct signatures *signatures_read(int file, struct complaint *);
void signatures_close(struct signatures **);

/*
 * How many can be verified at all, the uppermost first: not more than ten, and none that covers the
 * beginning of the body only (l=).
 */
size_t signatures_count(const struct signatures *);

/* The name of the TXT record with its key. */
const char *signatures_key_name(const struct signatures *, size_t i);

/* The record's text, which is copied. Without one it does not hold. */
void signatures_give_key(struct signatures *, size_t i, const char *text);

/* Once, when all keys are given. */
void signatures_verify(struct signatures *);

/* The canonical domain that a signature is of. */
const char *signatures_domain(const struct signatures *, size_t i);

/* Whether it holds. After signatures_verify(). */
bool signatures_hold(const struct signatures *, size_t i);

#endif
