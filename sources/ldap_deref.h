/*
 * The answer of the dereference control, read in place: for each value of the dereferenced
 * attribute its DN and the attributes of the entry it names. (draft-masarati-ldap-deref; values are
 * BER.)
 */
#ifndef SOURCES_LDAP_DEREF_H
#define SOURCES_LDAP_DEREF_H

#include <stdbool.h>
#include <stddef.h>

/* A stretch of BER; `at` moves as it is read. */
struct view {
	const unsigned char *at, *end;
};

struct deref {
	struct view dn;
	struct view attributes;           /* empty: no such entry, or nothing of it may be read */
};

/* One value of the control, without its header. False where it is no such thing. */
bool deref_read(struct view reference, struct deref *);

/* The values of one attribute; false where the entry has none. */
bool deref_attribute(struct view attributes, const char *name, struct view *values);

/* The next value of an attribute. */
bool deref_value(struct view *values, struct view *value);

#endif
