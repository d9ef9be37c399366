/*
 * Members of a list as other programs print them: one a line, a column of a CSV file, or those whom
 * the posts of an mbox were delivered to. UTF-8, lines that end in LF or CRLF.
 */
#ifndef MAIL_MEMBER_LIST_H
#define MAIL_MEMBER_LIST_H

#include "mail/address.h"

#include <stddef.h>

/*
 * Called for each member, with the line of the file it begins in, from 1. A NULL address: `why` says
 * what is wrong with what stands there. All of it is valid during the call only.
 */
typedef void member_list_fn(void *arg, size_t line, const struct address *, const char *why);

/*
 * Reads what is said to be in `file`, for complaints. With a `column` (the name in the first row,
 * case does not count, or its number from 1) it is CSV, with comma, semicolon or tab; a text that
 * begins with "From " is an mbox; others have one member a line: "ann@example.com" or
 * "Ann <ann@example.com>". Empty lines and lines that begin with # say nothing, nor do empty fields.
 *
 * Of a post in an mbox count the fields that the last MTA has put above its Received: X-Original-To,
 * or else Envelope-To, X-Envelope-To, Delivered-To. Never To or Cc, which name the list, nor what
 * stands below, which is of an earlier way.
 *
 * -1 with "file:line: …" where it cannot be read as what it is.
 */
int member_list_read(const char *file, const char *text, size_t length, const char *column, member_list_fn *,
                void *arg, struct complaint *);

#endif
