/*
 * Members that are names: logins, as memberUid of RFC 2307 has them; and values of alias files, where
 * a name is that of another alias, or else a login. Names are looked for many in one filter. A name
 * that two entries have is unsure: nobody knows whom it means.
 */
#include "base/mem.h"
#include "sources/ldap_query.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 256 };

/* Whether a value can be a name at all. */
static bool
is_name(const struct berval *value)
{
	for (size_t i = 0; i < value->bv_len; i++)
		if ((unsigned char)value->bv_val[i] < 0x20 || value->bv_val[i] == 0x7f)
			return false;
	return value->bv_len > 0 && value->bv_len <= LONGEST_NAME;
}

static bool
queue_name(struct walk *w, enum name_search where, struct set *seen, const struct berval *value,
           const struct via *via)
{
	if (!is_name(value))
		walk_refuse(w, value, via, "name");
	else if (set_add(seen, value->bv_val, value->bv_len))
		todo_add(&w->named[where], value->bv_val, value->bv_len, via);
	return true;
}

bool
walk_login(struct walk *w, const struct berval *value, const struct via *via)
{
	return queue_name(w, NAMING_PEOPLE, w->seen_logins, value, via);
}

/*
 * Whether an alias file would run a program, write to a file or read one because of this, or take it
 * for something else than a name. (Sendmail lets quotes stand around programs.)
 */
static bool
is_command(const struct berval *value)
{
	const char *text = value->bv_val;
	size_t length = value->bv_len;

	if (length > 0 && *text == '"') {
		text++;
		length--;
	}
	return length > 0 && strchr("|/:\\", *text) != NULL;
}

/* How much of a text goes before the next comma that is not within quotes. */
static size_t
before_comma(const char *text, size_t length)
{
	bool quoted = false;
	size_t n = 0;

	for (; n < length && (quoted || text[n] != ','); n++) {
		if (text[n] == '"')
			quoted = !quoted;
		else if (text[n] == '\\' && n + 1 < length)
			n++;
	}
	return n;
}

static bool
take_alias(struct walk *w, const struct berval *value, const struct via *via)
{
	if (is_command(value)) {
		walk_refuse(w, value, via, "name or address");
		return true;
	}
	if (memchr(value->bv_val, '@', value->bv_len) != NULL)
		return walk_literal(w, value, via);
	return queue_name(w, w->config->names.local_part == NULL ? NAMING_PEOPLE : NAMING_GROUPS,
	                  w->seen_groups_named, value, via);
}

/* A value may name several, with commas between; not where it is a command, which may hold some. */
bool
walk_alias(struct walk *w, const struct berval *value, const struct via *via)
{
	const char *text = value->bv_val;
	size_t left = value->bv_len;
	bool more = true;

	if (is_command(value) || memchr(text, ',', left) == NULL)
		return take_alias(w, value, via);
	while (more && left > 0) {
		size_t length = before_comma(text, left), end = length, start = 0;
		struct berval one;

		while (start < end && (text[start] == ' ' || text[start] == '\t'))
			start++;
		while (end > start && (text[end - 1] == ' ' || text[end - 1] == '\t'))
			end--;
		one = (struct berval){ end - start, (char *)text + start };
		if (one.bv_len > 0)
			more = take_alias(w, &one, via);
		length += length < left;
		text += length;
		left -= length;
	}
	return more;
}

static enum name_search
which_queue(const struct walk *w, const struct queue_of_dns *q)
{
	return (enum name_search)(q - w->named);
}

static bool
about_groups(enum name_search naming)
{
	return naming == NAMING_GROUPS || naming == NAMING_GROUP;
}

static bool
alone(enum name_search naming)
{
	return naming == NAMING_GROUP || naming == NAMING_PERSON;
}

bool
names_send(struct walk *w, struct queue_of_dns *q, struct request *r)
{
	const struct names *n = &w->config->names;
	enum name_search naming = which_queue(w, q);
	bool groups = about_groups(naming);
	size_t most = alone(naming) ? 1 : (size_t)w->config->or_terms;
	struct bytes filter = { 0 };
	bool sent;

	bytes_format(&filter, "(&%s(|", groups ? n->groups : n->people);
	for (r->count = 0; r->count < most && r->first + r->count < q->count; r->count++) {
		const char *name = q->items[r->first + r->count].dn;

		query_equals(&filter, groups ? n->local_part : n->login, name, strlen(name));
	}
	bytes_add_text(&filter, "))");
	r->answered = mem_array(r->count, sizeof(*r->answered));
	sent = walk_search(w, w->config->base, LDAP_SCOPE_SUBTREE, filter.data,
	                   groups ? w->list_attributes : w->person_attributes, NULL, &r->id,
	                   groups ? "looking for groups by name" : "looking for people by login");
	bytes_free(&filter);
	return sent;
}

static bool
has_value(struct berval **values, const char *name)
{
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		if (text_same_n(values[i]->bv_val, values[i]->bv_len, name))
			return true;
	return false;
}

static bool
several(const struct walk *w, const char *what, const char *name)
{
	(void)complain(w->why, "%s: several %s \"%s\"", w->conn->uri, what, name);
	return false;
}

/*
 * Which names the entry has. The server's idea of equal names is wider than ours: what it finds for
 * one name alone has that name.
 */
bool
names_entry(struct walk *w, struct queue_of_dns *q, struct request *r, LDAPMessage *entry)
{
	const struct names *n = &w->config->names;
	enum name_search naming = which_queue(w, q);
	bool groups = about_groups(naming);
	struct berval **values = conn_values(w->conn, entry, groups ? n->local_part : n->login);
	const struct via *via = NULL;
	bool ok = true;

	for (size_t i = 0; ok && i < r->count; i++) {
		const struct todo *t = &q->items[r->first + i];

		if (!alone(naming) && !has_value(values, t->dn))
			continue;
		if (r->answered[i])
			ok = several(w, groups ? "groups are called" : "people have the login", t->dn);
		r->answered[i] = true;
		if (via == NULL)
			via = t->via;
	}
	ldap_value_free_len(values);
	if (!ok)
		return false;
	if (via == NULL) {
		r->doubtful = true;
		return true;
	}
	if (!groups)
		return walk_person(w, entry, via);
	walk_queue_group(w, entry, via);
	return true;
}

/* A name that nobody has, as far as it was looked for. */
static void
pass_on(struct walk *w, enum name_search naming, const struct todo *t, bool doubtful)
{
	size_t length = strlen(t->dn);
	char *text;

	if (about_groups(naming) && (alone(naming) || !doubtful)) {
		if (set_add(w->seen_logins, t->dn, length))
			todo_add(&w->named[NAMING_PEOPLE], t->dn, length, t->via);
	} else if (!alone(naming)) {
		todo_add(&w->named[naming + 1], t->dn, length, t->via);
	} else {
		text = mem_format("%s=%s", w->config->names.login, t->dn);
		walk_dangling(w, text, t->via);
		free(text);
	}
}

bool
names_done(struct walk *w, struct queue_of_dns *q, struct request *r, int code)
{
	enum name_search naming = which_queue(w, q);
	bool limited = code == LDAP_SIZELIMIT_EXCEEDED || code == LDAP_ADMINLIMIT_EXCEEDED;
	bool doubtful = r->doubtful || limited;

	if (code != LDAP_SUCCESS && (!limited || alone(naming))) {
		(void)conn_complain(w->conn, code, w->why, "looking for members by name");
		return false;
	}
	for (size_t i = 0; i < r->count; i++)
		if (!r->answered[i] || doubtful)
			pass_on(w, naming, &q->items[r->first + i], doubtful);
	return true;
}
