/*
 * Sympa, by the files "config" of its lists. What makes its members are searches, which no file can
 * hold: so there are three things to print. The lists as a file, with owners and what their posts look like;
 * groups for the directory (groupOfURLs), whose URLs are the searches; and the sources and destinations
 * that make lists of both.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "console/sympa.h"
#include "mail/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
sympa_remark(struct import *im, size_t line, bool lost, const char *format, ...)
{
	struct sympa *all = im->own;
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = mem_text(format);
	va_end(args);
	import_note(im, line, lost, "%s", text);
	bytes_add_text(&all->remarks, "# ");
	bytes_add_printable(&all->remarks, im->file, "");
	bytes_format(&all->remarks, ":%zu: ", line);
	bytes_add_printable(&all->remarks, text, "");
	bytes_add_text(&all->remarks, lost ? " (left out)\n" : "\n");
	free(text);
}

/* ---- parameters ---- */

/* What a parameter is about. */
struct where {
	struct import *im;
	struct sympa_list *l;
};

typedef int take_fn(const struct where *, const struct sympa_parameter *, struct complaint *);

static int
take_owner(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	const char *email = sympa_value(p, "email");

	if (email == NULL)
		return complain(why, "%s:%zu: %s has no email", w->im->file, p->lines[0].number,
		                p->lines[0].name);
	if (strcmp(p->lines[0].name, "owner") == 0)
		import_owner(w->im, w->l->list, sympa_number(p, "email"), email);
	else
		sympa_remark(w->im, sympa_number(p, "email"), false,
		             "%s: editor %s: name moderators in the group's entry (mgrpModerator)",
		             w->l->list->address, email);
	return 0;
}

static int
take_subject(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	char *tag;

	(void)why;
	if (strcmp(p->lines[0].name, "subject") == 0) {
		import_set(&w->l->list->name, p->lines[0].value);
		return 0;
	}
	if (strchr(p->lines[0].value, '[') != NULL) {
		sympa_remark(w->im, p->lines[0].number, false, "%s: custom_subject: %s has no counterpart",
		             w->l->list->address, p->lines[0].value);
		return 0;
	}
	tag = mem_format("[%s]", p->lines[0].value);
	import_setting(w->l->list, "subject-tag", tag);
	free(tag);
	return 0;
}

static int
take_reply_to(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	const char *value = sympa_value(p, "value"), *other = sympa_value(p, "other_email");

	(void)why;
	if (value == NULL || strcmp(value, "sender") == 0)
		return 0;
	if (strcmp(value, "list") == 0)
		import_setting(w->l->list, "reply-to", "list");
	else if (strcmp(value, "other_email") == 0 && other != NULL)
		import_setting(w->l->list, "reply-to", other);
	else
		sympa_remark(w->im, sympa_number(p, "value"), false,
		             "%s: reply_to_header: %s has no counterpart", w->l->list->address, value);
	return 0;
}

/* Scenarios by their names, as Sympa brings them; a site may have changed what they say. */
static int
take_send(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	static const struct {
		const char *name;
		enum sympa_posters posters;
	} known[] = {
		{ "public", SYMPA_ANYONE },          { "public_nobcc", SYMPA_ANYONE },
		{ "private", SYMPA_MEMBERS },        { "privatekey", SYMPA_MEMBERS },
		{ "private_smime", SYMPA_MEMBERS },  { "confidential", SYMPA_MEMBERS },
		{ "privateoreditorkey", SYMPA_MEMBERS | SYMPA_MODERATORS },
		{ "privateandeditorkey", SYMPA_MODERATORS },
		{ "intranet", SYMPA_KNOWN },         { "intranetorprivate", SYMPA_KNOWN | SYMPA_MEMBERS },
		{ "owner", SYMPA_OWNERS },           { "ownerkey", SYMPA_OWNERS },
		{ "editor", SYMPA_MODERATORS },      { "editorkey", SYMPA_MODERATORS },
		{ "editorkeyonly", SYMPA_MODERATORS }, { "newsletter", SYMPA_MODERATORS },
		{ "newsletterkeyonly", SYMPA_MODERATORS }, { "closed", 0 },
	};
	const char *name = p->lines[0].value;

	(void)why;
	free(w->l->send);
	w->l->send = mem_text(name);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].name, name) == 0) {
			w->l->posters = known[i].posters;
			return 0;
		}
	w->l->posters = 0;
	sympa_remark(w->im, p->lines[0].number, false, "%s: send %s: not known: nobody may post",
	             w->l->list->address, name);
	return 0;
}

/* Another list, in the same domain unless it says so. */
static int
take_included(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	bool block = strcmp(p->lines[0].name, "include_sympa_list") == 0;
	const char *name = block ? sympa_value(p, "listname") : p->lines[0].value;
	struct sympa_include *i, **end = &w->l->includes;
	struct complaint what;
	struct address a;
	char *address;

	if (name == NULL || *name == '\0')
		return complain(why, "%s:%zu: %s names no list", w->im->file, p->lines[0].number,
		                p->lines[0].name);
	if (strchr(name, ' ') != NULL || (block && sympa_value(p, "filter") != NULL)) {
		sympa_remark(w->im, p->lines[0].number, true, "%s: %s: a part of a list: %s",
		             w->l->list->address, p->lines[0].name, name);
		return 0;
	}
	address = mem_format("%s%s%s", name, strchr(name, '@') != NULL ? "" : "@",
	                     strchr(name, '@') != NULL ? "" : address_domain(w->l->list->address));
	if (address_parse(&a, address, strlen(address), &what) < 0) {
		sympa_remark(w->im, p->lines[0].number, true, "%s: %s", w->l->list->address, what.text);
	} else {
		i = mem_new(sizeof(*i));
		*i = (struct sympa_include){ mem_text(a.canonical), p->lines[0].number, NULL, NULL };
		while (*end != NULL)
			end = &(*end)->next;
		*end = i;
		address_free(&a);
	}
	free(address);
	return 0;
}

static int
take_query(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	return sympa_take_query(w->im, w->l, p, why);
}

static int
take_two_levels(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	return sympa_take_two_levels(w->im, w->l, p, why);
}

/* Members of another kind are missing; of the rest it is enough to know. */
static int
take_other(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	const char *name = p->lines[0].name;
	bool members = strncmp(name, "include_", 8) == 0 || strcmp(name, "member_include") == 0;

	(void)why;
	sympa_remark(w->im, p->lines[0].number, members, "%s: no counterpart: %s%s%s",
	             w->l->list->address, name, *p->lines[0].value == '\0' ? "" : " ", p->lines[0].value);
	return 0;
}

/* Bookkeeping of Sympa's, and what was read before. */
static int
take_nothing(const struct where *w, const struct sympa_parameter *p, struct complaint *why)
{
	(void)w;
	(void)p;
	(void)why;
	return 0;
}

static int
take_parameter(void *arg, const struct sympa_parameter *p, struct complaint *why)
{
	static const struct {
		const char *name;
		take_fn *take;
	} known[] = {
		{ "owner", take_owner },
		{ "editor", take_owner },
		{ "subject", take_subject },
		{ "custom_subject", take_subject },
		{ "reply_to_header", take_reply_to },
		{ "send", take_send },
		{ "include_list", take_included },
		{ "include_sympa_list", take_included },
		{ "include_ldap_query", take_query },
		{ "include_ldap_2level_query", take_two_levels },
		{ "host", take_nothing },
		{ "status", take_nothing },
		{ "creation", take_nothing },
		{ "update", take_nothing },
		{ "serial", take_nothing },
		{ "user_data_source", take_nothing },
		{ "ttl", take_nothing },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].name, p->lines[0].name) == 0)
			return known[i].take(arg, p, why);
	return take_other(arg, p, why);
}

/* ---- a list ---- */

/* What has to be known before all else. */
struct header {
	char *host, *status;
};

static int
take_header(void *arg, const struct sympa_parameter *p, struct complaint *why)
{
	struct header *h = arg;

	(void)why;
	if (strcmp(p->lines[0].name, "host") == 0)
		import_set(&h->host, p->lines[0].value);
	else if (strcmp(p->lines[0].name, "status") == 0)
		import_set(&h->status, p->lines[0].value);
	return 0;
}

/* The nth part of a path from its end, 0 being the file; NULL: there is none. Allocated. */
static char *
part_of(const char *path, size_t nth)
{
	const char *end = path + strlen(path);

	for (;; nth--) {
		const char *start = end;

		while (start > path && start[-1] != '/')
			start--;
		if (nth == 0)
			return start == end ? NULL : mem_copy(start, (size_t)(end - start));
		if (start == path)
			return NULL;
		end = start - 1;
	}
}

/* Sympa has the name of a list, and its domain, in the path alone: …/DOMAIN/LIST/config. */
static char *
address_of(const struct import *im, const struct header *h, struct complaint *why)
{
	char *name = part_of(im->file, 1), *address = NULL;
	char *domain = h->host == NULL ? part_of(im->file, 2) : mem_text(h->host);

	if (name == NULL || strchr("./", *name) != NULL)
		(void)complain(why, "%s: the directory that it is in has no name of a list: …/LIST/config",
		               im->file);
	else if (domain == NULL || strchr(domain, '.') == NULL || *domain == '.')
		(void)complain(why, "%s: it names no host, and is in no directory of a domain: "
		               "…/DOMAIN/LIST/config", im->file);
	else
		address = mem_format("%s@%s", name, domain);
	free(name);
	free(domain);
	return address;
}

static int
read_list(struct import *im, const struct header *h, const char *text, size_t length, struct complaint *why)
{
	struct sympa *all = im->own;
	struct sympa_list *l;
	struct imported *list;
	char *address = address_of(im, h, why);

	list = address == NULL ? NULL : import_list(im, 0, address, why);
	free(address);
	if (list == NULL)
		return -1;
	if (list->known)
		return complain(why, "%s: a second list %s", im->file, list->address);
	if (h->status != NULL && strcmp(h->status, "open") != 0) {
		import_note(im, 0, false, "%s is %s, and left out", list->address, h->status);
		return 0;
	}
	list->known = true;
	l = mem_new(sizeof(*l));
	*l = (struct sympa_list){ .list = list, .posters = SYMPA_MEMBERS, .file = mem_text(im->file) };
	*all->last = l;
	all->last = &l->next;
	return sympa_config_read(im->file, text, length, take_parameter, &(struct where){ im, l }, why);
}

static int
read_sympa(struct import *im, const char *text, size_t length, struct complaint *why)
{
	struct sympa *all = im->own;
	struct header h = { NULL, NULL };
	int rc;

	if (all == NULL) {
		im->own = all = mem_new(sizeof(*all));
		*all = (struct sympa){ .last = &all->lists, .last_server = &all->servers };
	}
	rc = sympa_config_read(im->file, text, length, take_header, &h, why);
	if (rc == 0)
		rc = read_list(im, &h, text, length, why);
	free(h.host);
	free(h.status);
	return rc;
}

/* ---- the end ---- */

static void
close_sympa(struct sympa *all)
{
	while (all->lists != NULL) {
		struct sympa_list *l = all->lists;

		while (l->searches != NULL) {
			struct sympa_search *s = l->searches;

			l->searches = s->next;
			free(s->file);
			free(s->suffix);
			free(s->scope);
			free(s->filter);
			free(s);
		}
		while (l->includes != NULL) {
			struct sympa_include *i = l->includes;

			l->includes = i->next;
			free(i->address);
			free(i);
		}
		all->lists = l->next;
		free(l->send);
		free(l->file);
		free(l->all);
		free(l);
	}
	while (all->servers != NULL) {
		struct sympa_server *s = all->servers;

		all->servers = s->next;
		free(s->name);
		free(s->settings);
		free(s->uri);
		free(s->base);
		text_list_free(&s->others);
		free(s);
	}
	bytes_free(&all->remarks);
	free(all);
}

static int
end(struct import *im, void (*print)(struct bytes *, const struct sympa *), struct complaint *why)
{
	struct sympa *all = im->own;
	int rc;

	if (all == NULL)
		return 0;
	rc = sympa_resolve(im, why);
	im->file = "";
	if (rc == 0 && print != NULL)
		print(&im->text, all);
	close_sympa(all);
	im->own = NULL;
	return rc;
}

static int
end_lists(struct import *im, struct complaint *why)
{
	return end(im, NULL, why);
}

static int
end_groups(struct import *im, struct complaint *why)
{
	return end(im, sympa_print_groups, why);
}

static int
end_config(struct import *im, struct complaint *why)
{
	return end(im, sympa_print_config, why);
}

const struct import_kind import_sympa = {
	"sympa", "Sympa: the files config of its lists", read_sympa, end_lists,
};

const struct import_kind import_sympa_groups = {
	"sympa-groups", "the same as LDIF: searches for members as groups of the directory", read_sympa,
	end_groups,
};

const struct import_kind import_sympa_config = {
	"sympa-config", "the same as sources and destinations for rollcall.yaml", read_sympa, end_config,
};
