/*
 * What an LDAP URL of a group (RFC 4516) asks for: a search in the directory that it comes from, and
 * nowhere else.
 */
#ifndef SOURCES_LDAP_URL_H
#define SOURCES_LDAP_URL_H

#include "base/complaint.h"
#include "base/text.h"

struct url_search {
	char *base;
	int scope;
	char *filter;                     /* with parentheses around it */
};

/*
 * Reads a URL. Its base lies within `base`, or one of `bases`; one without a base has the first. -1
 * with a complaint: it is none, or asks for what it must not. Else the caller frees base and filter.
 */
int url_search_read(struct url_search *, const char *text, const char *base,
                    const struct text_list *bases, struct complaint *);

/* Whether a search from the directory may begin there: within `base`, or one of `bases`. */
int url_check_base(const char *dn, const char *base, const struct text_list *bases, struct complaint *);

/* A filter from the directory, with parentheses around it, allocated; NULL with a complaint. */
char *url_filter(const char *text, struct complaint *);

#endif
