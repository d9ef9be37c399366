/*
 * Authentication-Results (RFC 8601): what a server found out about a message. Read strictly: a field that
 * is not written as it should be says nothing at all.
 */
#ifndef MAIL_RESULTS_H
#define MAIL_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

struct result {
	char *method;                     /* "dkim", in lower case, as are the other names */
	char *result;                     /* "pass" */
	struct property {
		char *name;               /* "header.d" */
		char *value;              /* as it is written, without quotes */
	} *properties;
	size_t count;
};

struct results {
	char *server;                     /* the authserv-id: who says so, by its own account */
	struct result *all;
	size_t count;
};

/*
 * Reads a field's value, unfolded. False: it is malformed or of another version, and nothing is to be
 * freed.
 */
bool results_parse(struct results *, const char *value);
void results_free(struct results *);

/* The value of a property, or NULL. */
const char *result_property(const struct result *, const char *name);

#endif
