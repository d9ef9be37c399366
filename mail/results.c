/* Reading Authentication-Results: words, with comments and blanks between them. */
#include "mail/results.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Many more than any server finds out. */
enum { MOST = 100 };

/* Skips blanks and comments, which may be nested. NULL: one does not end. */
static const char *
skip(const char *at)
{
	size_t depth = 0;

	for (; at != NULL && *at != '\0'; at++) {
		if (*at == '(')
			depth++;
		else if (depth > 0 && *at == ')')
			depth--;
		else if (depth > 0 && *at == '\\' && at[1] != '\0')
			at++;
		else if (depth == 0 && *at != ' ' && *at != '\t')
			break;
	}
	return depth > 0 ? NULL : at;
}

/* A name: letters, digits and what binds them. */
static const char *
read_name(const char *at, char **name)
{
	size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	if (n == 0)
		return NULL;
	*name = mem_copy(at, n);
	for (char *c = *name; *c != '\0'; c++)
		*c = text_lower(*c);
	return at + n;
}

static const char *
read_quoted(const char *at, struct bytes *value)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		if (*at == '\0')
			return NULL;
		bytes_add_char(value, *at);
	}
	return at + 1;
}

/*
 * A value: a quoted string, a domain, an address, or some base64; also nothing, as some write it for
 * the null sender. `end` are the octets that end it besides blanks.
 */
static const char *
read_value(const char *at, const char *end, char **value)
{
	struct bytes b = { 0 };

	if (*at == '"')
		at = read_quoted(at, &b);
	else
		while ((unsigned char)*at > ' ' && *at != 0x7f && strchr(end, *at) == NULL)
			bytes_add_char(&b, *at++);
	*value = bytes_take(&b);
	return at;
}

/* What stands behind this octet and what is around it; NULL where it is another. */
static const char *
pass(const char *at, char octet)
{
	at = skip(at);
	return at == NULL || *at != octet ? NULL : skip(at + 1);
}

/* Version 1, which may be left out. */
static const char *
read_version(const char *at)
{
	char *digits = NULL;

	if (at != NULL && *at >= '0' && *at <= '9') {
		at = read_name(at, &digits);
		if (at != NULL && strcmp(digits, "1") != 0)
			at = NULL;
		free(digits);
	}
	return skip(at);
}

/* "ptype.property=value". What has no type is passed over: "reason=value", and what some servers add. */
static const char *
read_property(const char *at, struct result *r)
{
	struct property *p;
	char *type = NULL, *name = NULL, *value = NULL;

	at = read_name(at, &type);
	at = skip(at);
	if (at != NULL && *at == '.') {
		at = pass(at, '.');
		at = at == NULL ? NULL : skip(read_name(at, &name));
	}
	at = at == NULL ? NULL : pass(at, '=');
	at = at == NULL ? NULL : skip(read_value(at, ";()\"", &value));
	if (at != NULL && name != NULL) {
		char *whole = mem_format("%s.%s", type, name);

		if (result_property(r, whole) != NULL || r->count >= MOST) {
			at = NULL;        /* which of them would count? */
			free(whole);
		} else {
			r->properties = mem_resize(r->properties, (r->count + 1) * sizeof(*p));
			p = &r->properties[r->count++];
			*p = (struct property){ whole, value };
			value = NULL;
		}
	}
	free(type);
	free(name);
	free(value);
	return at;
}

/* "method/1=result properties", up to the next semicolon. */
static const char *
read_result(const char *at, struct result *r)
{
	at = skip(read_name(at, &r->method));
	if (at != NULL && *at == '/')
		at = read_version(pass(at, '/'));
	at = at == NULL ? NULL : pass(at, '=');
	at = at == NULL ? NULL : skip(read_name(at, &r->result));
	while (at != NULL && *at != '\0' && *at != ';')
		at = read_property(at, r);
	return at;
}

static const char *
read_results(const char *at, struct results *rs)
{
	const char *none = at == NULL ? NULL : pass(at, ';');

	/* "; none": nothing was looked at. */
	if (none != NULL && strncasecmp(none, "none", 4) == 0 && (none = skip(none + 4)) != NULL &&
	    *none == '\0')
		return none;
	while (at != NULL && *at != '\0' && rs->count < MOST) {
		at = pass(at, ';');
		if (at == NULL)
			break;
		rs->all = mem_resize(rs->all, (rs->count + 1) * sizeof(*rs->all));
		rs->all[rs->count] = (struct result){ 0 };
		at = read_result(at, &rs->all[rs->count++]);
	}
	return at;
}

bool
results_parse(struct results *rs, const char *value)
{
	const char *at;

	*rs = (struct results){ 0 };
	at = skip(value);
	at = at == NULL ? NULL : read_value(at, ";()\"=", &rs->server);
	if (at != NULL)
		at = *rs->server == '\0' ? NULL : read_version(skip(at));
	at = read_results(at, rs);
	if (at != NULL && *at == '\0')
		return true;
	results_free(rs);
	return false;
}

void
results_free(struct results *rs)
{
	for (size_t i = 0; i < rs->count; i++) {
		for (size_t p = 0; p < rs->all[i].count; p++) {
			free(rs->all[i].properties[p].name);
			free(rs->all[i].properties[p].value);
		}
		free(rs->all[i].properties);
		free(rs->all[i].method);
		free(rs->all[i].result);
	}
	free(rs->all);
	free(rs->server);
	*rs = (struct results){ 0 };
}

const char *
result_property(const struct result *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->properties[i].name, name) == 0)
			return r->properties[i].value;
	return NULL;
}
