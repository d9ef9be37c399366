/*
 * Lists from what a directory exports, for sites that want to leave it: those of iRedMail, whose
 * members say which lists they are on, and groups with mgrp attributes.
 */
#include "console/import.h"

#include "base/bytes.h"
#include "base/ldif.h"
#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

/* ---- iRedMail ---- */

/* A service of iRedMail; an entry that names none has all. */
static bool
has_service(const struct ldif_entry *e, const char *service)
{
	return ldif_first(e, "enabledService") == NULL || ldif_has(e, "enabledService", service);
}

/* Whether mail is delivered at all: as iRedMail's own queries and the preset ask. */
static bool
is_active(const struct ldif_entry *e)
{
	const char *status = ldif_first(e, "accountStatus");

	return (status == NULL || text_same(status, "active")) && has_service(e, "mail") &&
	       has_service(e, "deliver");
}

/* Attributes of a list that have no counterpart here. */
static void
note_attributes(struct import *im, const struct ldif_entry *e, const struct imported *l,
                const char *const *names, const char *instead)
{
	for (; *names != NULL; names++)
		if (ldif_first(e, *names) != NULL)
			import_note(im, e->line, false, "%s: %s: %s: %s", l->address, *names,
			            ldif_first(e, *names), instead);
}

static int
take_iredmail_list(struct import *im, const struct ldif_entry *e, struct complaint *why)
{
	static const char *const others[] = { "accessPolicy", "listAllowedUser", "listModerator",
		                              "maxMessageSize", NULL };
	struct imported *l = import_list(im, e->line, ldif_first(e, "mail"), why);

	if (l == NULL)
		return -1;
	if (!is_active(e)) {
		import_note(im, e->line, false, "%s is not active, and left out", l->address);
		return 0;
	}
	if (ldif_has(e, "enabledService", "mlmmj"))
		import_note(im, e->line, true, "%s: its members are with mlmmj", l->address);
	l->known = true;
	import_set(&l->name, ldif_first(e, "displayName"));
	import_set(&l->name, ldif_first(e, "cn"));
	for (size_t i = 0; i < e->count; i++) {
		if (text_same(e->values[i].name, "shadowAddress") && has_service(e, "shadowaddress"))
			import_alternate(im, l, e->line, e->values[i].text);
		else if (text_same(e->values[i].name, "listOwner"))
			import_owner(im, l, e->line, e->values[i].text);
	}
	note_attributes(im, e, l, others, "see check");
	return 0;
}

/* People, aliases and lists name the lists that they are on. */
static int
take_iredmail_member(struct import *im, const struct ldif_entry *e, struct complaint *why)
{
	for (size_t i = 0; i < e->count; i++) {
		struct imported *l;

		if (!text_same(e->values[i].name, "memberOfGroup"))
			continue;
		l = import_list(im, e->line, e->values[i].text, why);
		if (l == NULL)
			return -1;
		if (ldif_first(e, "mail") == NULL)
			import_note(im, e->line, true, "%s: %s has no address", l->address, e->dn);
		else if (is_active(e))
			import_member(im, l, e->line, ldif_first(e, "mail"));
		else
			import_note(im, e->line, false, "%s: %s is not active, and left out", l->address,
			            e->dn);
	}
	return 0;
}

static int
take_iredmail(void *arg, const struct ldif_entry *e, struct complaint *why)
{
	struct import *im = arg;

	if (ldif_has(e, "objectClass", "mailList")) {
		if (ldif_first(e, "mail") == NULL)
			return complain(why, "%s:%zu: %s is a list without mail", im->file, e->line, e->dn);
		if (take_iredmail_list(im, e, why) < 0)
			return -1;
	}
	return take_iredmail_member(im, e, why);
}

static int
read_iredmail(struct import *im, const char *text, size_t length, struct complaint *why)
{
	return ldif_read(im->file, text, length, take_iredmail, im, why);
}

static void
note_unknown(void *arg, void *value)
{
	const struct imported *l = value;

	if (!l->known && l->members.count > 0)
		import_note(arg, 0, false, "%s has members, and is no list here", l->address);
}

static int
end_iredmail(struct import *im, struct complaint *why)
{
	(void)why;
	map_each(im->lists, note_unknown, im);
	return 0;
}

/* ---- mgrp ---- */

/* A member or an owner by DN: entries may come in any order. */
struct reference {
	struct imported *list;
	char *dn, *file;
	size_t line;
	bool owner;
	struct reference *next;
};

struct groups {
	struct map *addresses;            /* DN, see plain_dn() → mail, owned */
	struct reference *references, **last;
};

/* A DN as it is compared: lower case, no blanks around separators, no identifier of uniqueMember. */
static char *
plain_dn(const char *dn)
{
	struct bytes out = { 0 };
	const char *end = strstr(dn, "#'");
	size_t length = end == NULL ? strlen(dn) : (size_t)(end - dn);

	for (size_t i = 0; i < length; i++) {
		char c = text_lower(dn[i]);

		if (c == ' ' && (out.length == 0 || strchr(",=+", out.data[out.length - 1]) != NULL))
			continue;
		while (strchr(",=+", c) != NULL && out.length > 0 && out.data[out.length - 1] == ' ')
			out.data[--out.length] = '\0';
		bytes_add_char(&out, c);
	}
	return out.data == NULL ? mem_text("") : bytes_take(&out);
}

static void
refer(struct import *im, struct imported *l, const struct ldif_entry *e, const char *dn, bool owner)
{
	struct groups *g = im->own;
	struct reference *r = mem_new(sizeof(*r));

	*r = (struct reference){ l, plain_dn(dn), mem_text(im->file), e->line, owner, NULL };
	*g->last = r;
	g->last = &r->next;
}

/* The address of "mailto:errors@example.com" as well. */
static void
set_errors(struct import *im, struct imported *l, const struct ldif_entry *e, const char *text)
{
	struct complaint why;
	struct address a;

	if (text_same_n(text, strlen(text) < 7 ? strlen(text) : 7, "mailto:"))
		text += 7;
	if (address_parse(&a, text, strlen(text), &why) < 0)
		import_note(im, e->line, true, "%s: mgrpErrorsTo: %s", l->address, why.text);
	else
		import_set(&l->errors, a.canonical);
	address_free(&a);
}

static int
take_group(struct import *im, const struct ldif_entry *e, struct complaint *why)
{
	static const char *const others[] = { "mgrpAllowedBroadcaster", "mgrpAllowedDomain",
		                              "mgrpBroadcasterPolicy", "mgrpMsgMaxSize", "mgrpModerator",
		                              "mgrpDisallowedBroadcaster", "mgrpDisallowedDomain",
		                              "mgrpAuthPassword", NULL };
	struct imported *l = import_list(im, e->line, ldif_first(e, "mail"), why);

	if (l == NULL)
		return -1;
	l->known = true;
	import_set(&l->name, ldif_first(e, "description"));
	for (size_t i = 0; i < e->count; i++) {
		const char *name = e->values[i].name, *text = e->values[i].text;

		if (text_same(name, "mgrpDeliverTo") || text_same(name, "memberURL") ||
		    text_same(name, "mgrpDeliverException"))
			return complain(why,
			                "%s:%zu: %s: %s: a search says who its members are, which a file "
			                "cannot; leave the list in the directory", im->file, e->line,
			                l->address, name);
		if (text_same(name, "mgrpRFC822MailMember") || text_same(name, "rfc822MailMember"))
			import_member(im, l, e->line, text);
		else if (text_same(name, "uniqueMember") || text_same(name, "member"))
			refer(im, l, e, text, false);
		else if (text_same(name, "owner"))
			refer(im, l, e, text, true);
		else if (text_same(name, "mailAlternateAddress"))
			import_alternate(im, l, e->line, text);
		else if (text_same(name, "mgrpErrorsTo"))
			set_errors(im, l, e, text);
	}
	note_attributes(im, e, l, others, "see check");
	return 0;
}

static bool
is_group(const struct ldif_entry *e)
{
	static const char *const classes[] = { "mailGroup", "inetMailGroup", "inetLocalMailGroup", NULL };

	for (size_t i = 0; classes[i] != NULL; i++)
		if (ldif_has(e, "objectClass", classes[i]))
			return true;
	return ldif_first(e, "mgrpRFC822MailMember") != NULL;
}

static int
take_mgrp(void *arg, const struct ldif_entry *e, struct complaint *why)
{
	struct import *im = arg;
	struct groups *g = im->own;
	const char *mail = ldif_first(e, "mail");
	char *dn = plain_dn(e->dn);

	free(map_put(g->addresses, dn, strlen(dn), mem_text(mail == NULL ? "" : mail)));
	free(dn);
	if (!is_group(e))
		return 0;
	if (mail == NULL) {
		import_note(im, e->line, true, "%s is a group without mail, and no list", e->dn);
		return 0;
	}
	return take_group(im, e, why);
}

static int
read_mgrp(struct import *im, const char *text, size_t length, struct complaint *why)
{
	struct groups *g = im->own;

	if (g == NULL) {
		im->own = g = mem_new(sizeof(*g));
		*g = (struct groups){ .addresses = map_open(), .last = &g->references };
	}
	return ldif_read(im->file, text, length, take_mgrp, im, why);
}

static int
end_mgrp(struct import *im, struct complaint *why)
{
	struct groups *g = im->own;
	char *mail;

	(void)why;
	while (g != NULL && g->references != NULL) {
		struct reference *r = g->references;

		im->file = r->file;
		mail = map_peek(g->addresses, r->dn, strlen(r->dn));
		if (mail == NULL || *mail == '\0')
			import_note(im, r->line, true, "%s: %s %s", r->list->address, r->dn,
			            mail == NULL ? "is not in these files" : "has no mail");
		else if (r->owner)
			import_owner(im, r->list, r->line, mail);
		else
			import_member(im, r->list, r->line, mail);
		g->references = r->next;
		free(r->dn);
		free(r->file);
		free(r);
	}
	im->file = "";
	while (g != NULL && (mail = map_remove_oldest(g->addresses)) != NULL)
		free(mail);
	if (g != NULL)
		map_close(&g->addresses);
	free(g);
	im->own = NULL;
	return 0;
}

const struct import_kind import_iredmail = {
	"iredmail", "iRedMail: LDIF of its lists (mailList) and people", read_iredmail, end_iredmail,
};

const struct import_kind import_mgrp = {
	"mgrp", "LDIF of groups with mgrp attributes, and of the people in them", read_mgrp, end_mgrp,
};
