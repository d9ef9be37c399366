/*
 * Lists in an LDAP directory. This file is the source's settings and its operations; finding is in
 * ldap_find.c, reading members in ldap_walk.c, connections in ldap_conn.c.
 */
#include "base/file.h"
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const char *const bind_words[] = { "none", "simple", "external", NULL };
const char *const ldap_technique_words[] = { "auto", "deref", "or", "base", "memberof", NULL };

#define FIELD(f) offsetof(struct ldap_config, f)

static const struct setting settings[] = {
	SOURCE_SETTINGS,
	{ .name = "uri", .kind = KIND_TEXTS, .offset = FIELD(conn.uri), .flags = SETTING_REQUIRED,
	  .min = "1",
	  .help = "The servers, ldap://, ldaps:// or ldapi://, in order of preference: the next is used "
	          "when one does not answer." },
	{ .name = "bind", .kind = KIND_WORD, .offset = FIELD(conn.bind), .fallback = "none",
	  .words = bind_words,
	  .help = "How to identify: none (anonymous), simple (with bind-dn and password-file), external "
	          "(by the user of this process over ldapi, or by certificate)." },
	{ .name = "bind-dn", .kind = KIND_TEXT, .offset = FIELD(conn.bind_dn),
	  .help = "The DN of a simple bind." },
	{ .name = "password-file", .kind = KIND_TEXT, .offset = FIELD(password_file),
	  .help = "A file whose first line is the password of a simple bind. It is read at the start and at "
	          "each reload, by the user that the daemons run as." },
	{ .name = "starttls", .kind = KIND_FLAG, .offset = FIELD(conn.starttls), .fallback = "no",
	  .help = "Encrypt an ldap:// connection by StartTLS. The certificate is always verified." },
	{ .name = "ca-file", .kind = KIND_TEXT, .offset = FIELD(conn.ca_file),
	  .help = "The certificates of authorities to trust, PEM. Without it those of the system." },
	{ .name = "base", .kind = KIND_TEXT, .offset = FIELD(base), .flags = SETTING_REQUIRED,
	  .help = "The DN below which groups and people are." },
	{ .name = "url-bases", .kind = KIND_TEXTS, .offset = FIELD(url_bases),
	  .help = "Further DNs below which LDAP URLs of groups may look for members; see member-url." },
	{ .name = "preset", .kind = KIND_WORD, .offset = FIELD(preset), .fallback = "groupOfNames",
	  .words = ldap_preset_words, .help = "What the directory calls things." },
	{ .name = "attributes", .kind = KIND_PART,
	  .help = "Names that differ from the preset's, see below." },
	{ .name = "filter", .kind = KIND_TEXT, .offset = FIELD(filter),
	  .help = "A filter that a group must match, besides the preset's, to be a list. Must be there "
	          "where the names of groups are addresses (local-part)." },
	{ .name = "technique", .kind = KIND_WORD, .offset = FIELD(technique), .fallback = "auto",
	  .words = ldap_technique_words,
	  .help = "How addresses of members are read: deref (the dereference control), or (filters "
	          "with many DNs), base (one search for each). auto takes the first of these that the "
	          "server is seen to support. memberof (a search for each group, by that attribute of its "
	          "members, and for those it does not find as auto) is never taken by itself." },
	{ .name = "or-terms", .kind = KIND_NUMBER, .offset = FIELD(or_terms), .fallback = "50",
	  .min = "1", .max = "1000", .help = "DNs, logins or names in one filter." },
	{ .name = "or-window", .kind = KIND_NUMBER, .offset = FIELD(or_window), .fallback = "4",
	  .min = "1", .max = "64", .help = "Such searches under way at once." },
	{ .name = "window", .kind = KIND_NUMBER, .offset = FIELD(window), .fallback = "64",
	  .min = "1", .max = "1000",
	  .help = "Searches for single entries under way at once. slapd closes anonymous connections "
	          "above 100." },
	{ .name = "group-window", .kind = KIND_NUMBER, .offset = FIELD(group_window), .fallback = "4",
	  .min = "1", .max = "64", .help = "Groups read at once." },
	{ .name = "page", .kind = KIND_NUMBER, .offset = FIELD(page), .fallback = "500",
	  .min = "1", .max = "100000",
	  .help = "Entries on one page of a search that may find many (RFC 2696)." },
	{ .name = "dangling", .kind = KIND_PERCENT, .offset = FIELD(dangling), .fallback = "50%",
	  .help = "Members that do not exist are left out and counted. Where they are more than this "
	          "share of a list the post waits: it looks as if the directory were incomplete." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = FIELD(conn.timeout), .fallback = "10s",
	  .min = "100ms", .max = "10m",
	  .help = "How long the directory may be silent in the middle of an answer." },
	{ .name = "connect-timeout", .kind = KIND_TIME, .offset = FIELD(conn.connect_timeout),
	  .fallback = "3s", .min = "100ms", .max = "1m",
	  .help = "How long connecting and binding to one server may take." },
	{ .name = "idle", .kind = KIND_TIME, .offset = FIELD(conn.idle), .fallback = "60s",
	  .min = "0s", .max = "1h",
	  .help = "A connection that was not used for so long is closed, as soon as another is used." },
	{ .kind = KIND_END },
};

static int
check_uris(const struct ldap_config *c, const struct node *at, struct complaint *why)
{
	for (size_t i = 0; i < c->conn.uri.count; i++) {
		LDAPURLDesc *url = NULL;
		const char *uri = c->conn.uri.items[i];

		if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS)
			return node_complain(node_child_or(at, "uri"), why, "\"%s\" is no LDAP URI", uri);
		ldap_free_urldesc(url);
		if (c->conn.starttls && strncasecmp(uri, "ldap:", 5) != 0)
			return node_complain(node_child_or(at, "starttls"), why,
			                     "StartTLS is for ldap:// only, not for %s", uri);
	}
	return 0;
}

static int
check_dn(const char *text, const char *name, const struct node *at, struct complaint *why)
{
	LDAPDN dn = NULL;

	if (ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
		return node_complain(at, why, "%s: \"%s\" is no DN", name, text);
	ldap_dnfree(dn);
	return 0;
}

/* The filter of a setting, which may be NULL. */
static int
check_filter(const char *text, const char *name, const struct node *at, struct complaint *why)
{
	struct complaint what;

	if (text == NULL || query_check_filter(text, &what) == 0)
		return 0;
	return node_complain(at, why, "%s: %s", name, what.text);
}

/* What the names of things must be, besides each by itself. */
static int
check_names(const struct ldap_config *c, const struct node *block, struct complaint *why)
{
	const struct names *n = &c->names;
	const struct node *own = node_child_or(block, "attributes");

	if (check_filter(n->groups, "groups", node_child_or(own, "groups"), why) < 0 ||
	    check_filter(n->people, "people", node_child_or(own, "people"), why) < 0 ||
	    check_filter(n->member_of_filter, "member-of-filter", node_child_or(own, "member-of-filter"),
	                 why) < 0)
		return -1;
	if (n->alternate_flag != NULL && n->alternate_word == NULL)
		return node_complain(node_child_or(own, "alternate-flag"), why,
		                     "alternate-flag: needs an alternate-word");
	if (n->local_part == NULL || c->filter != NULL)
		return 0;
	if (node_child(own, "local-part") != NULL)
		return node_complain(node_child(own, "local-part"), why,
		                     "local-part: to make lists of groups that have no address needs a "
		                     "filter, which says of which: filter: \"%s\" for all", n->groups);
	return node_complain(node_child_or(block, "preset"), why,
	                     "preset: %s makes lists of entries that have no address, which needs a "
	                     "filter that says of which: filter: \"%s\" for all",
	                     ldap_preset_words[c->preset], n->groups);
}

/* The names of things: the site's, then the preset's. */
static int
read_names(struct ldap_config *c, const struct node *block, const char *path,
           struct effective_list *effective, struct complaint *why)
{
	char *own = mem_format("%s.attributes", path);
	int rc = setting_read(names_settings, &c->names, node_child(block, "attributes"), own, effective,
	                      why);

	if (rc == 0) {
		names_complete(&c->names, &ldap_presets[c->preset], own, effective);
		rc = check_names(c, block, why);
		if (rc < 0)
			setting_free(names_settings, &c->names);
	}
	free(own);
	return rc;
}

static int
check(void *config, const struct node *at, const char *path, struct effective_list *effective,
      struct complaint *why)
{
	struct ldap_config *c = config;

	if (check_uris(c, at, why) < 0)
		return -1;
	if (c->conn.bind == BIND_SIMPLE && (c->conn.bind_dn == NULL || c->password_file == NULL))
		return node_complain(node_child_or(at, "bind"), why,
		                     "bind: simple needs bind-dn and password-file");
	if (check_dn(c->base, "base", node_child_or(at, "base"), why) < 0)
		return -1;
	for (size_t i = 0; i < c->url_bases.count; i++)
		if (check_dn(c->url_bases.items[i], "url-bases", node_child_or(at, "url-bases"), why) < 0)
			return -1;
	if (check_filter(c->filter, "filter", node_child_or(at, "filter"), why) < 0)
		return -1;
	return read_names(c, at, path, effective, why);
}

static void
config_drop(struct ldap_config *c)
{
	wishes_free(&c->wishes, c->wish_count);
	setting_free(names_settings, &c->names);
	setting_free(settings, c);
	if (c->conn.password != NULL)
		explicit_bzero(c->conn.password, strlen(c->conn.password));
	mem_drop(&c->conn.password);
}

static int
read_password(struct ldap_config *c, struct complaint *why)
{
	struct bytes text = { 0 };
	int rc = file_read(AT_FDCWD, c->password_file, 4096, &text, why);

	if (rc == 0)
		(void)complain(why, "there is no file %s", c->password_file);
	if (rc == 1) {
		c->conn.password = mem_copy(bytes_text(&text), strcspn(bytes_text(&text), "\r\n"));
		explicit_bzero(text.data, text.length);
		if (*c->conn.password == '\0')   /* RFC 4513 section 5.1.2: that would be anonymous */
			rc = complain(why, "%s holds no password", c->password_file);
	}
	bytes_free(&text);
	return rc == 1 ? 0 : -1;
}

/* Gives a connection back after a question that was answered so. */
static void
give(struct ldap_source *l, struct conn **c, enum found found, const struct complaint *why)
{
	if (*c != NULL && found == FOUND_UNSURE && strcmp(why->text, LDAP_STOPPED) != 0)
		standing_failed(&l->server, (*c)->which, why->text);
	conn_give(&l->server, c, found != FOUND_UNSURE);
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_find(l, c, addresses, count, by, list_r, which_r, why);
	give(l, &c, found, why);
	return found;
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_walk(l, c, list, whom, by, fn, arg, report, why);
	give(l, &c, found, why);
	return found;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_each_list(l, c, domain, by, fn, arg, why);
	give(l, &c, found, why);
	return found;
}

static enum found
each_address(struct source *s, const char *canonical, struct deadline by, member_fn *fn, void *arg,
             struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_each_address(l, c, canonical, by, fn, arg, why);
	give(l, &c, found, why);
	return found;
}

static enum found
each_match(struct source *s, const char *filter, struct deadline by, member_fn *fn, void *arg,
           struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_each_match(l, c, filter, by, fn, arg, why);
	give(l, &c, found, why);
	return found;
}

static void
each_server(struct source *s, struct deadline by, server_fn *fn, void *arg)
{
	ldap_each_server((struct ldap_source *)s, by, fn, arg);
}

static void
each_standing(struct source *s, standing_fn *fn, void *arg)
{
	ldap_each_standing((struct ldap_source *)s, fn, arg);
}

static enum found
find_person(struct source *s, const struct identity *id, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_find_person(l, c, id, by, person_r, why);
	give(l, &c, found, why);
	return found;
}

static enum found
covers(struct source *s, const struct list *list, const struct poster *rule, const struct person *person,
       struct deadline by, struct complaint *why)
{
	struct ldap_source *l = (struct ldap_source *)s;
	struct conn *c = conn_take(&l->server, by, why);
	enum found found = FOUND_UNSURE;

	if (c != NULL)
		found = ldap_covers(l, c, list, rule, person, by, why);
	give(l, &c, found, why);
	return found;
}

static void
close_source(struct source *s)
{
	struct ldap_source *l = (struct ldap_source *)s;

	server_close(&l->server);
	config_drop(&l->config);
	free(l);
}

static const struct source_ops ops = {
	.kind = "ldap",
	.moderators = true,
	.find_list = find_list,
	.each_member = each_member,
	.each_list = each_list,
	.each_server = each_server,
	.each_standing = each_standing,
	.each_address = each_address,
	.each_match = each_match,
	.find_person = find_person,
	.covers = covers,
	.close = close_source,
};

static struct source *
open_source(const char *name, void *config, struct complaint *why)
{
	struct ldap_source *l = mem_new(sizeof(*l));

	l->config = *(struct ldap_config *)config;
	l->config.wishes = wishes_read(&l->config.names, &l->config.wish_count);
	free(config);
	if (l->config.conn.bind == BIND_SIMPLE && read_password(&l->config, why) < 0) {
		config_drop(&l->config);
		free(l);
		return NULL;
	}
	l->source = (struct source){ &ops, mem_text(name) };
	server_init(&l->server, &l->config.conn);
	return &l->source;
}

const struct source_kind source_ldap = {
	.name = "ldap",
	.summary = "Groups of an LDAP directory.",
	.settings = settings,
	.attributes = names_settings,
	.config_size = sizeof(struct ldap_config),
	.check = check,
	.open = open_source,
};
