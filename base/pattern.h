/*
 * Regular expressions of the site's, matched against what comes from anybody: by PCRE2, within
 * limits on steps and memory. Case is ignored, text is UTF-8.
 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

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

#endif
