/* Fields of lists. */
#include "expander/list_fields.h"

#include "base/mem.h"
#include "mail/header.h"
#include "mail/phrase.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 100 };              /* characters of a list's name in List-Id */

/*
 * What goes where the message came from another list (RFC 2369 section 4): who leaves by it makes
 * our list leave that one. Its archive stays, unless there is one of ours.
 */
static const char *const of_others[] = { "List-Help",        "List-Owner",           "List-Subscribe",
	                                 "List-Unsubscribe", "List-Unsubscribe-Post" };

static const struct {
	enum style_id id;
	const char *name;
} uri_fields[] = {
	{ STYLE_LIST_HELP, "List-Help" },
	{ STYLE_LIST_OWNER, "List-Owner" },
	{ STYLE_LIST_SUBSCRIBE, "List-Subscribe" },
	{ STYLE_LIST_UNSUBSCRIBE, "List-Unsubscribe" },
	{ STYLE_LIST_ARCHIVE, "List-Archive" },
};

static void
add_list_id(struct heading *h)
{
	const struct list *l = h->target->list;
	const char *pattern = h->target->style[STYLE_LIST_ID];
	char *identifier = list_fill_identifier(pattern, l->address);

	bytes_add_text(h->out, "List-Id: ");
	if (l->name != NULL) {
		size_t before = h->out->length;

		phrase_add(h->out, l->name, LONGEST_NAME);
		if (h->out->length > before)
			bytes_add_text(h->out, "\r\n ");
	}
	bytes_format(h->out, "<%s>\r\n", identifier);
	free(identifier);
}

/* The URI of a word: an address becomes one, with what has a meaning in a URI escaped. */
static char *
uri_of(const char *word, size_t length, const struct list *l)
{
	char *pattern, *uri, *owner;

	if (length == 4 && memcmp(word, "list", 4) == 0)
		return list_mailto(l->address);
	if (length == 5 && memcmp(word, "owner", 5) == 0) {
		owner = list_role_address(l->address, ROLE_OWNER);
		uri = list_mailto(owner);
		free(owner);
		return uri;
	}
	pattern = mem_format("%s%.*s", memchr(word, ':', length) == NULL ? "mailto:" : "", (int)length,
	                     word);
	uri = list_fill_uri(pattern, l->address);
	free(pattern);
	return uri;
}

/* A field with URIs, each on a line of its own; nothing for a NULL text. */
static void
add_uris(struct heading *h, const char *name, const char *text)
{
	const char *word, *between = "";
	size_t length;

	if (text == NULL)
		return;
	bytes_format(h->out, "%s: ", name);
	while (style_word(&text, &word, &length)) {
		char *uri = uri_of(word, length, h->target->list);

		bytes_format(h->out, "%s<%s>", between, uri);
		between = ",\r\n ";
		free(uri);
	}
	bytes_add_text(h->out, "\r\n");
}

/* Whether the message has been through any list. */
static bool
from_list(const struct heading *h)
{
	struct field unused;

	return header_find(h->header, h->length, "List-Id", &unused) ||
	       header_find(h->header, h->length, "List-Post", &unused);
}

/* Whether the message comes from a list elsewhere that has this one as a member, as it should. */
static bool
from_parent(const struct heading *h)
{
	const char *parents = h->target->style[STYLE_PARENTS], *word, *id;
	struct bytes value = { 0 };
	struct field f;
	size_t length, id_length;
	bool known = false;

	if (parents == NULL || !header_find(h->header, h->length, "List-Id", &f))
		return false;
	field_words(&f, &value);
	id = strrchr(bytes_text(&value), '<');
	id = id == NULL ? bytes_text(&value) : id + 1;
	id_length = strcspn(id, "> ");
	while (!known && style_word(&parents, &word, &length))
		known = length == id_length && strncasecmp(word, id, length) == 0;
	bytes_free(&value);
	return known;
}

/* Whether members may leave by one click, and it counts if they do. */
static bool
has_one_click(const struct heading *h)
{
	const char *const *style = h->target->style;

	return style[STYLE_ONE_CLICK] != NULL && style[STYLE_PREFERENCES] != NULL &&
	       strcmp(style[STYLE_PREFERENCES], "yes") == 0;
}

/*
 * The fields of RFC 8058, to be filled for each member: one URI of https alone, and addresses behind it for
 * programs that know no other way.
 */
static void
add_one_click(struct heading *h)
{
	const char *others = h->target->style[STYLE_LIST_UNSUBSCRIBE], *word;
	const struct list *l = h->target->list;
	char *uri = list_fill_uri(h->target->style[STYLE_ONE_CLICK], l->address);
	struct bytes fields = { 0 };
	size_t length;

	bytes_format(&fields, "List-Unsubscribe:\r\n <%s>", uri);
	while (others != NULL && style_word(&others, &word, &length)) {
		char *other = uri_of(word, length, l);

		if (strncasecmp(other, "mailto:", 7) == 0)
			bytes_format(&fields, ",\r\n <%s>", other);
		free(other);
	}
	bytes_add_text(&fields, "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
	h->envelope->inject_each = bytes_take(&fields);
	envelope_leave_out(h->envelope, "List-Unsubscribe");
	free(uri);
}

void
list_fields_add(struct heading *h)
{
	const char *const *style = h->target->style;
	bool one_click = has_one_click(h);

	if (!from_parent(h)) {
		add_list_id(h);
		if (style[STYLE_LIST_POST] != NULL && strcmp(style[STYLE_LIST_POST], "closed") == 0)
			bytes_add_text(h->out, "List-Post: NO\r\n");
		else
			add_uris(h, "List-Post", style[STYLE_LIST_POST]);
		envelope_leave_out(h->envelope, "List-Id");
		envelope_leave_out(h->envelope, "List-Post");
	}
	for (size_t i = 0; from_list(h) && i < sizeof(of_others) / sizeof(*of_others); i++)
		envelope_leave_out(h->envelope, of_others[i]);
	for (size_t i = 0; i < sizeof(uri_fields) / sizeof(*uri_fields); i++) {
		if (one_click && uri_fields[i].id == STYLE_LIST_UNSUBSCRIBE)
			continue;
		add_uris(h, uri_fields[i].name, style[uri_fields[i].id]);
		if (style[uri_fields[i].id] != NULL)
			envelope_leave_out(h->envelope, uri_fields[i].name);
	}
	/* It says how to use the one URI that stood beside it (RFC 8058 section 3.1). */
	if (one_click)
		add_one_click(h);
	if (one_click || style[STYLE_LIST_UNSUBSCRIBE] != NULL)
		envelope_leave_out(h->envelope, "List-Unsubscribe-Post");
}
