/*
 * What a directory exports (RFC 2849): entries with their attributes. Changes and values that stand
 * in other files are refused.
 */
#ifndef BASE_LDIF_H
#define BASE_LDIF_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

struct ldif_value {
	char *name;                       /* of the attribute, without options */
	char *text;                       /* whatever bytes, without NUL */
};

/* Valid during the call only. */
struct ldif_entry {
	size_t line;                      /* where it begins, from 1 */
	const char *dn;
	struct ldif_value *values;
	size_t count;
};

/* The first value of an attribute, or NULL; case does not count. */
const char *ldif_first(const struct ldif_entry *, const char *name);

/* Whether an attribute has this value; case does not count. */
bool ldif_has(const struct ldif_entry *, const char *name, const char *value);

/*
 * Calls take for each entry of what is said to be in `file`, until that says -1 with a complaint. -1
 * with "file:line: …" for what is no LDIF.
 */
int ldif_read(const char *file, const char *text, size_t length,
              int (*take)(void *arg, const struct ldif_entry *, struct complaint *), void *arg,
              struct complaint *);

#endif
