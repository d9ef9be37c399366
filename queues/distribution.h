/*
 * The distribution list: the addresses one entry goes to, frozen before the first of them is sent
 * to.
 *
 *	recipients 1                        a word and the version
 *	ann@example.com                     one line an address, canonical,
 *	bob@example.com<TAB>Bob@example.com and behind a tab the spelling to send to, where it differs
 *	end 2                               the number of addresses
 *
 * Whoever reads it puts it into commands of SMTP: a line that holds a control character, or that is
 * no address by its '@', makes the list a damaged one.
 *
 * A file without its last line is not whole, and counts as not there. The lines of the frame hold
 * no '@' and so cannot be addresses. Lines are numbered from 0, in batch order.
 */
#ifndef QUEUES_DISTRIBUTION_H
#define QUEUES_DISTRIBUTION_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The lines of the file, to be appended in this order. */
void distribution_begin(struct bytes *);
void distribution_line(struct bytes *, const char *canonical, const char *spelling);
void distribution_end(struct bytes *, size_t count);

/*
 * Whether this beginning of a file, of at least one line or the whole, says a version that is not
 * ours: then it is for another program. -1 with a complaint if so; what is no list is not newer.
 */
int distribution_check(const char *text, size_t length, struct complaint *);

/* A distribution list that is read in place. */
struct distribution {
	const char *text;                 /* borrowed */
	uint32_t *offsets;                /* of each line */
	size_t count;
};

/* 1 whole, 0 not whole (or empty), -1 of a newer version or damaged, with a complaint. */
int distribution_open(struct distribution *, const char *text, size_t length, struct complaint *);
void distribution_close(struct distribution *);

/* What to send to; not NUL-terminated. */
const char *distribution_address(const struct distribution *, size_t line, size_t *length);

/* Its canonical form, in the same way. */
const char *distribution_canonical(const struct distribution *, size_t line, size_t *length);

#endif
