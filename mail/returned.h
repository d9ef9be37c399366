/*
 * Whom a delivery status notification (RFC 3464) says could not be reached. Anybody can write one: it is a
 * hint.
 *
 * Threads: any.
 */
#ifndef MAIL_RETURNED_H
#define MAIL_RETURNED_H

#include <stddef.h>

/*
 * Calls see for each address that failed for good, canonical: the original recipient where it is named, the
 * final one otherwise. Mail of any other kind names none.
 */
void returned_each(const char *message, size_t length, void (*see)(void *arg, const char *canonical),
                   void *arg);

#endif
