/*
 * The socketmap protocol, as Postfix' socketmap_table(5) and sendmail's map class "socket" speak
 * it: netstrings both ways, many on one connection. A question is "map key", an answer a word and a
 * text. Nothing here does I/O.
 */
#ifndef MILTER_QUERY_H
#define MILTER_QUERY_H

#include "base/bytes.h"
#include "mail/syntax.h"

#include <stdbool.h>

/* A longer question is refused; and the most bytes that one needs with what is around it. */
enum { QUERY_LONGEST = 1024, QUERY_ROOM = QUERY_LONGEST + 6 };

enum query_result { QUERY_WHOLE, QUERY_PART, QUERY_TOO_LONG, QUERY_NONE };

/*
 * The first netstring of what has come. QUERY_WHOLE: `content` lies in place, and *used bytes are
 * done with. QUERY_PART: more has to come. The others say that it never becomes one.
 */
enum query_result query_read(struct slice come, struct slice *content, size_t *used);

/* The map and the key, which may be empty; false where there are no such two. */
bool query_split(struct slice content, struct slice *map, struct slice *key);

/* QUERY_TEMP: ask again later. QUERY_PERM: do not. */
enum query_status { QUERY_OK, QUERY_NOTFOUND, QUERY_TEMP, QUERY_PERM };

/* Adds an answer. */
void query_answer(struct bytes *, enum query_status, const char *text);

#endif
