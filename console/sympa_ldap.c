/* Members whom Sympa finds in a directory: as servers, and as searches by LDAP URLs. */
#include "base/bytes.h"
#include "base/mem.h"
#include "console/sympa.h"
#include "sources/ldap_dn.h"
#include "sources/ldap_url.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_TIMEOUT = 600 };

void
sympa_quote(struct bytes *out, const char *text)
{
	bytes_add_char(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			bytes_add_char(out, '\\');
		bytes_add_char(out, *text);
	}
	bytes_add_char(out, '"');
}

/* ---- servers ---- */

/* A value by either of the names that versions of Sympa have for it. */
static const char *
value_of(const struct sympa_parameter *p, const char *name, const char *before)
{
	const char *value = sympa_value(p, name);

	return value == NULL ? sympa_value(p, before) : value;
}

static bool
says(const struct sympa_parameter *p, const char *name, const char *word)
{
	const char *value = sympa_value(p, name);

	return value != NULL && text_same(value, word);
}

/* Adds one of the hosts as an URI. False: it is none. */
static bool
add_uri(struct bytes *uris, const char *host, size_t length, const char *scheme, const char *port)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]";
	char *text = mem_copy(host, length), *slashes = strstr(text, "://"), *bare = text, *uri;
	bool ok;

	if (slashes != NULL) {
		*slashes = '\0';
		scheme = text_same(text, "ldaps") ? "ldaps" : text_same(text, "ldap") ? scheme : "";
		bare = slashes + 3;
	}
	ok = *scheme != '\0' && *bare != '\0' && bare[strspn(bare, letters)] == '\0';
	uri = mem_format("%s://%s%s%s", scheme, bare, port == NULL || strchr(bare, ':') != NULL ? "" : ":",
	                 port == NULL || strchr(bare, ':') != NULL ? "" : port);
	if (ok) {
		bytes_add_text(uris, uris->length == 0 ? "" : ", ");
		sympa_quote(uris, uri);
	}
	free(uri);
	free(text);
	return ok;
}

/* The servers of a query, with commas between. */
static int
read_uris(const struct import *im, const struct sympa_parameter *p, struct bytes *uris, struct complaint *why)
{
	const char *hosts = sympa_value(p, "host"), *port = sympa_value(p, "port");
	bool secure = says(p, "use_tls", "ldaps") || says(p, "use_ssl", "yes");
	int64_t number;

	if (port != NULL && (!text_number(port, &number) || number < 1 || number > 65535))
		return complain(why, "%s:%zu: port: \"%s\" is none", im->file, sympa_number(p, "port"), port);
	while (hosts != NULL && *hosts != '\0') {
		size_t length = strcspn(hosts, ", ");

		if (length > 0 && !add_uri(uris, hosts, length, secure ? "ldaps" : "ldap", port))
			return complain(why, "%s:%zu: host: \"%.*s\" is no server", im->file,
			                sympa_number(p, "host"), (int)length, hosts);
		hosts += length;
		hosts += strspn(hosts, ", ");
	}
	return uris->length == 0 ? complain(why, "%s:%zu: %s names no host", im->file, p->lines[0].number,
	                                    p->lines[0].name)
	                         : 0;
}

static void
add_setting(struct bytes *lines, const char *name, const char *value)
{
	bytes_format(lines, "    %s: ", name);
	sympa_quote(lines, value);
	bytes_add_char(lines, '\n');
}

/* How it identifies itself. The password itself is copied nowhere. */
static void
add_bind(struct import *im, const struct sympa_parameter *p, struct bytes *lines)
{
	const char *dn = value_of(p, "bind_dn", "user");

	if (dn == NULL)
		return;
	bytes_add_text(lines, "    bind: simple\n");
	add_setting(lines, "bind-dn", dn);
	if (value_of(p, "bind_password", "passwd") == NULL)
		sympa_remark(im, p->lines[0].number, false, "there is no password for %s", dn);
}

/* What Sympa calls things in a query; of one in two levels the search is the first, the person the second. */
struct words {
	const char *suffix, *scope, *filter, *timeout, *attrs, *select;
};

static const struct words one_level = { "suffix", "scope", "filter", "timeout", "attrs", "select" };
static const struct words two_levels = { "suffix1", "scope1", "filter1", "timeout1", "attrs2", "select2" };

/* The address of a person, and of which of them; behind other attributes. */
static void
add_people(struct import *im, const struct sympa_parameter *p, const struct words *w, struct bytes *lines)
{
	const char *attributes = sympa_value(p, w->attrs);
	size_t length = attributes == NULL ? 0 : strcspn(attributes, ", ");
	char *mail = length == 0 ? mem_text("mail") : mem_copy(attributes, length);

	if (!text_same(mail, "mail")) {
		bytes_add_text(lines, "      mail: ");
		sympa_quote(lines, mail);
		bytes_add_text(lines, "\n      person-address: [ mail, mailAlternateAddress, ");
		sympa_quote(lines, mail);
		bytes_add_text(lines, " ]\n");
	}
	if (says(p, w->select, "all")) {
		bytes_add_text(lines, "      every-mail: [ top, person, organizationalPerson, "
		                      "inetOrgPerson, account, posixAccount ]\n");
		sympa_remark(im, sympa_number(p, w->select), false,
		             "%s: all: of people of other classes than these the first address "
		             "counts: see every-mail", w->select);
	}
	free(mail);
}

/* What a source says of a server, but for its name. */
static int
describe(struct import *im, const struct sympa_parameter *p, const struct words *w, struct bytes *attributes,
         struct bytes *lines, struct complaint *why)
{
	const char *timeout = sympa_value(p, w->timeout), *ca = sympa_value(p, "ca_file");
	struct bytes uris = { 0 };
	int rc = read_uris(im, p, &uris, why);
	int64_t seconds;

	bytes_format(lines, "    uri: [ %s ]\n", bytes_text(&uris));
	bytes_free(&uris);
	if (rc < 0)
		return -1;
	if (says(p, "use_tls", "starttls") || says(p, "use_start_tls", "yes"))
		bytes_add_text(lines, "    starttls: yes\n");
	if (says(p, "ca_verify", "none") || says(p, "ca_verify", "optional"))
		sympa_remark(im, sympa_number(p, "ca_verify"), false,
		             "ca_verify: %s: certificates are always verified", sympa_value(p, "ca_verify"));
	if (sympa_value(p, "ssl_cert") != NULL)
		sympa_remark(im, sympa_number(p, "ssl_cert"), false, "ssl_cert has no counterpart");
	if (ca != NULL)
		add_setting(lines, "ca-file", ca);
	add_bind(im, p, lines);
	if (timeout != NULL && (!text_number(timeout, &seconds) || seconds < 1))
		return complain(why, "%s:%zu: %s: \"%s\" is no number of seconds", im->file,
		                sympa_number(p, w->timeout), w->timeout, timeout);
	if (timeout != NULL)
		bytes_format(lines, "    timeout: %llds\n",
		             (long long)(seconds > LONGEST_TIMEOUT ? LONGEST_TIMEOUT : seconds));
	add_people(im, p, w, attributes);
	if (attributes->length > 0)
		bytes_format(lines, "    attributes:\n%s", attributes->data);
	return 0;
}

/* The server of a query, new if none is described like this. */
static struct sympa_server *
find_server(struct import *im, const struct sympa_parameter *p, const struct words *w,
            struct bytes *attributes, struct complaint *why)
{
	struct sympa *all = im->own;
	struct sympa_server *s;
	struct bytes lines = { 0 };

	if (describe(im, p, w, attributes, &lines, why) < 0) {
		bytes_free(&lines);
		return NULL;
	}
	for (s = all->servers; s != NULL; s = s->next)
		if (strcmp(s->settings, bytes_text(&lines)) == 0)
			break;
	if (s == NULL) {
		s = mem_new(sizeof(*s));
		s->name = mem_format("sympa-%zu", ++all->count);
		s->settings = mem_text(bytes_text(&lines));
		s->uri = mem_copy(s->settings + strlen("    uri: "),
		                  strcspn(s->settings + strlen("    uri: "), "\n"));
		*all->last_server = s;
		all->last_server = &s->next;
	}
	bytes_free(&lines);
	return s;
}

/* ---- searches ---- */

static const char *
scope_of(const char *scope)
{
	static const char *const words[] = { "sub", "one", "base", NULL };

	if (scope == NULL || text_same(scope, "subtree"))
		return words[0];
	for (size_t i = 0; words[i] != NULL; i++)
		if (text_same(scope, words[i]))
			return words[i];
	return NULL;
}

/* A search, the server of which has these attributes besides those of people. */
static int
take_search(struct import *im, struct sympa_list *l, const struct sympa_parameter *p, const struct words *w,
            struct bytes *attributes, struct complaint *why)
{
	const char *suffix = sympa_value(p, w->suffix), *filter = sympa_value(p, w->filter),
	           *scope = scope_of(sympa_value(p, w->scope));
	struct sympa_search *s, **end = &l->searches;
	struct sympa_server *server;

	if (suffix == NULL || *suffix == '\0' || filter == NULL || *filter == '\0')
		return complain(why, "%s:%zu: %s has no %s", im->file, p->lines[0].number, p->lines[0].name,
		                filter == NULL || *filter == '\0' ? w->filter : w->suffix);
	if (scope == NULL)
		return complain(why, "%s:%zu: %s: \"%s\" is none of sub, one, base", im->file,
		                sympa_number(p, w->scope), w->scope, sympa_value(p, w->scope));
	if (says(p, w->select, "regex")) {
		sympa_remark(im, sympa_number(p, w->select), true,
		             "%s: %s: regex: addresses are not chosen by a pattern", l->list->address,
		             w->select);
		return 0;
	}
	server = find_server(im, p, w, attributes, why);
	if (server == NULL)
		return -1;
	s = mem_new(sizeof(*s));
	*s = (struct sympa_search){ server, mem_text(im->file), sympa_number(p, w->filter), mem_text(suffix),
		                    mem_text(scope), mem_text(filter), NULL };
	while (*end != NULL)
		end = &(*end)->next;
	*end = s;
	return 0;
}

int
sympa_take_query(struct import *im, struct sympa_list *l, const struct sympa_parameter *p,
                 struct complaint *why)
{
	struct bytes attributes = { 0 };
	int rc = take_search(im, l, p, &one_level, &attributes, why);

	bytes_free(&attributes);
	return rc;
}

int
sympa_take_two_levels(struct import *im, struct sympa_list *l, const struct sympa_parameter *p,
                      struct complaint *why)
{
	struct bytes attributes = { 0 };
	int rc = 0;

	if (sympa_second_level(im, l, p, &attributes))
		rc = take_search(im, l, p, &two_levels, &attributes, why);
	bytes_free(&attributes);
	return rc;
}

/* ---- places and URLs ---- */

/* The DN above, or "". */
static const char *
above(const char *dn)
{
	for (; *dn != '\0' && *dn != ','; dn++)
		if (*dn == '\\' && dn[1] != '\0')
			dn++;
	return *dn == ',' ? dn + 1 + strspn(dn + 1, " ") : "";
}

/* Whether groups had better lie further up: beside people, not among them. */
static bool
is_narrow(const char *dn)
{
	static const char *const wide[] = { "dc=", "o=", "c=" };

	for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++)
		if (strncasecmp(dn, wide[i], strlen(wide[i])) == 0)
			return false;
	return *above(dn) != '\0';
}

/* What two searches have in common need not be an entry: what is not below the first is named. */
static void
place_search(const struct sympa_search *s)
{
	struct sympa_server *server = s->server;
	const char *base = s->suffix;

	if (server->base == NULL) {
		while (is_narrow(base))
			base = above(base);
		server->base = mem_text(base);
	} else if (!dn_within(base, server->base)) {
		text_list_add_once(&server->others, base);
	}
}

/* As a part of a URL (RFC 3986): whatever could end it, or be taken for something else. */
static void
add_part(struct bytes *url, const char *text)
{
	static const char plain[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~=,()&!*@:+";

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL)
			bytes_add_char(url, *text);
		else
			bytes_format(url, "%%%02x", (unsigned char)*text);
	}
}

char *
sympa_url(const struct sympa_search *s)
{
	struct bytes url = { 0 };

	bytes_add_text(&url, "ldap:///");
	add_part(&url, s->suffix);
	bytes_format(&url, "??%s?", s->scope);
	add_part(&url, s->filter);
	return bytes_take(&url);
}

/* Whether the source will take the URL. */
static int
check_search(const struct sympa_search *s, struct complaint *why)
{
	char *url = sympa_url(s);
	struct url_search read;
	int rc = url_search_read(&read, url, s->server->base, &s->server->others, why);

	free(url);
	free(read.base);
	free(read.filter);
	return rc < 0 ? complain_within(why, "%s:%zu", s->file, s->line) : 0;
}

/* ---- all together ---- */

/* A list that is in none of the files is a member, by its address. */
static void
find_included(struct import *im, struct sympa_list *l)
{
	struct sympa *all = im->own;

	im->file = l->file;
	for (struct sympa_include *i = l->includes; i != NULL; i = i->next) {
		i->list = all->lists;
		while (i->list != NULL && strcmp(i->list->list->address, i->address) != 0)
			i->list = i->list->next;
		if (i->list != NULL)
			continue;
		import_member(im, l->list, i->line, i->address);
		sympa_remark(im, i->line, false, "%s: %s is not in these files: posts go to its address",
		             l->list->address, i->address);
	}
}

/* Lists within lists are as many as there are files at most. */
static void
add_searches(struct sympa_list *to, struct sympa_list *from)
{
	if (from->reached == to)
		return;
	from->reached = to;
	for (const struct sympa_search *s = from->searches; s != NULL; s = s->next) {
		to->all = mem_resize(to->all, (to->count + 1) * sizeof(*to->all));
		to->all[to->count++] = s;
	}
	for (const struct sympa_include *i = from->includes; i != NULL; i = i->next)
		if (i->list != NULL)
			add_searches(to, i->list);
}

int
sympa_resolve(struct import *im, struct complaint *why)
{
	struct sympa *all = im->own;
	int rc = 0;

	for (struct sympa_list *l = all->lists; l != NULL; l = l->next)
		find_included(im, l);
	for (struct sympa_list *l = all->lists; l != NULL; l = l->next)
		add_searches(l, l);
	for (const struct sympa_list *l = all->lists; l != NULL; l = l->next)
		for (const struct sympa_search *s = l->searches; s != NULL; s = s->next)
			place_search(s);
	for (const struct sympa_list *l = all->lists; l != NULL; l = l->next)
		for (const struct sympa_search *s = l->searches; rc == 0 && s != NULL; s = s->next)
			rc = check_search(s, why);
	return rc;
}
