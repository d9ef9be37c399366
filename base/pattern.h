/*
 * Regular expressions of the site's, matched against what comes from anybody: by PCRE2, within
 * limits on steps and memory. Case is ignored, text is UTF-8.
 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stddef.h>

struct pattern;

enum matched { MATCHED_UNSURE = -1, MATCHED_NO = 0, MATCHED_YES = 1 };

/* NULL with a complaint that says where it is wrong. */
struct pattern *pattern_open(const char *text, struct complaint *);
void pattern_close(struct pattern **);

/*
 * Whether it matches anywhere; unsure where it cannot be told within the limits. Bytes that are no
 * UTF-8 match nothing. Any thread.
 */
enum matched pattern_matches(const struct pattern *, const char *text, size_t length);

/*
 * The text with each match replaced, added to `out`; nothing is unless something matches. In the
 * replacement $1 is what the first group matched, $0 all of it, $$ a dollar: -1 with a complaint for
 * one that says something else, or names a group that is not there. The text is UTF-8.
 * Unsure also where it matches more than a hundred times, or 64 KiB come out.
 */
int pattern_check_replacement(const struct pattern *, const char *with, struct complaint *);
enum matched pattern_replace(const struct pattern *, const char *text, size_t length, const char *with,
                             struct bytes *out);

#endif
