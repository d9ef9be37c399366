/*
 * Filters for a directory, and nothing else builds them: values go in by typed holes and come out
 * escaped (RFC 4515 section 3), whatever they hold.
 */
#ifndef SOURCES_LDAP_QUERY_H
#define SOURCES_LDAP_QUERY_H

#include "base/bytes.h"
#include "base/complaint.h"
#include "sources/ldap_presets.h"

#include <stddef.h>

/* Adds "(attribute=value)". */
void query_equals(struct bytes *, const char *attribute, const char *value, size_t length);

/*
 * The filter that finds a list by any of `count` canonical addresses: in an attribute with
 * addresses, the domain in either of its forms; or, of those in `domain`, by the group's name where
 * names are addresses. `filter` is the site's, and may be NULL.
 */
void query_list(struct bytes *, const struct names *, const char *filter, const char *domain,
                const char *const *addresses, size_t count);

/* The filter that finds all groups that may be lists: those that have an address, or a name. */
void query_lists(struct bytes *, const struct names *, const char *filter);

/* The filter that finds entries with the login, or with the address, of a person; one may be NULL. */
void query_person(struct bytes *, const struct names *, const char *login, const char *address);

/* Adds "(attribute=value)" for an address, the domain in either of its forms. */
void query_address(struct bytes *, const char *attribute, const char *address);

/* Whether the text of a setting is a filter as far as its parentheses go. */
int query_check_filter(const char *text, struct complaint *);

#endif
