/* Fields of our own, and those of others that they take the place of. */
#include "expander/heading.h"

#include "base/mem.h"
#include "expander/list_fields.h"
#include "mail/footer.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/phrase.h"
#include "mail/stamp.h"
#include "mail/subject.h"
#include "mail/template.h"
#include "mail/trace.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONGEST_NAME = 100,               /* characters of a name */
	LONGEST_URI = 900                 /* octets of a URI that is made of the post */
};

/* An address that a setting gives, allocated; NULL where the list's own makes none of it. */
static char *
address_of(const char *word, size_t length, const struct list *l)
{
	char *pattern, *address;

	if (length == 4 && memcmp(word, "list", 4) == 0)
		return mem_text(l->address);
	if (length == 5 && memcmp(word, "owner", 5) == 0)
		return list_role_address(l->address, ROLE_OWNER);
	pattern = mem_copy(word, length);
	address = list_fill_address(pattern, l->address);
	free(pattern);
	return address;
}

static void
add_sender(struct heading *h)
{
	const char *sender = h->target->style[STYLE_SENDER];
	char *address;

	if (sender == NULL)
		return;
	address = address_of(sender, strlen(sender), h->target->list);
	if (address != NULL) {
		bytes_format(h->out, "Sender: <%s>\r\n", address);
		envelope_leave_out(h->envelope, "Sender");
	}
	free(address);
}

/* Whether a field's value names the address. */
static bool
names(const char *value, const char *address)
{
	static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				     "!#$%&'*+-/=?^_`{|}~.";
	const char *at = value;

	for (; (at = strcasestr(at, address)) != NULL; at++) {
		char behind = at[strlen(address)];

		if ((at == value || strchr(inside, at[-1]) == NULL) &&
		    (behind == '\0' || strchr(inside, behind) == NULL))
			return true;
	}
	return false;
}

/*
 * What the poster wants answers to go to, folded as the poster did. False where that cannot be put
 * beside other addresses: nothing is there, or what is no text.
 */
static bool
take_poster(const char *header, size_t length, struct bytes *value)
{
	struct field f;

	if (!header_find(header, length, "Reply-To", &f) && !header_find(header, length, "From", &f))
		return false;
	return field_text(&f, value);
}

/*
 * The list in the place of the poster, who can be read in the name, in Author (RFC 9057), and is where
 * answers go unless the list says otherwise. False where From stays: there is none to be sure of, or
 * it is the list's already.
 */
static bool
add_from(struct heading *h)
{
	const struct list *l = h->target->list;
	char *name = NULL, *address = NULL, *shown, *local = list_fill_text("{local}", l->address);
	struct bytes value = { 0 };
	struct field f;
	bool rewritten = false;

	if (strcmp(h->target->style[STYLE_FROM], "rewrite") != 0 ||
	    !header_find(h->header, h->length, "From", &f) || !field_text(&f, &value) ||
	    !mime_mailbox(value.data, &name, &address) || text_same(address, l->address))
		goto out;
	shown = mem_format("%s via %s", name == NULL ? address : name, l->name == NULL ? local : l->name);
	bytes_add_text(h->out, "From: ");
	phrase_add(h->out, shown, LONGEST_NAME);
	bytes_format(h->out, "\r\n <%s>\r\n", l->address);
	envelope_leave_out(h->envelope, "From");
	if (!header_find(h->header, h->length, "Author", &f))   /* the first that says it is right */
		bytes_format(h->out, "Author: %s\r\n", value.data);
	free(shown);
	rewritten = true;
out:
	bytes_free(&value);
	free(local);
	free(name);
	free(address);
	return rewritten;
}

char *
heading_reply_to(const struct list *l, const char *setting, const char *header, size_t header_length)
{
	struct bytes value = { 0 };
	const char *word;
	size_t length;

	while (style_word(&setting, &word, &length)) {
		struct bytes one = { 0 };
		char *address;

		if (length == 6 && memcmp(word, "poster", 6) == 0) {
			if (!take_poster(header, header_length, &one)) {
				bytes_free(&one);
				bytes_free(&value);
				return NULL;
			}
		} else {
			address = address_of(word, length, l);
			if (address != NULL && !names(bytes_text(&value), address))
				bytes_format(&one, "<%s>", address);
			free(address);
		}
		if (one.length > 0)
			bytes_format(&value, "%s%s", value.length > 0 ? ",\r\n " : "", one.data);
		bytes_free(&one);
	}
	return value.length > 0 ? bytes_take(&value) : NULL;
}

static void
add_reply_to(struct heading *h, bool rewritten)
{
	const char *setting = h->target->style[STYLE_REPLY_TO];
	char *value = NULL;

	if (setting == NULL && rewritten)
		setting = "poster";
	if (setting != NULL)
		value = heading_reply_to(h->target->list, setting, h->header, h->length);
	if (value != NULL) {
		bytes_format(h->out, "Reply-To: %s\r\n", value);
		envelope_leave_out(h->envelope, "Reply-To");
	}
	free(value);
}

static void
add_subject(struct heading *h)
{
	const char *pattern = h->target->style[STYLE_SUBJECT_TAG];
	struct bytes value = { 0 };
	char *tag;

	if (pattern == NULL)
		return;
	tag = list_fill_text(pattern, h->target->list->address);
	if (subject_tag(&value, tag, h->header, h->length)) {
		bytes_format(h->out, "Subject: %s\r\n", value.data);
		envelope_leave_out(h->envelope, "Subject");
	}
	bytes_free(&value);
	free(tag);
}

/* The lines of a setting for this list, each ending in LF; NULL for none. Allocated. */
static char *
lines_of(const struct heading *h, enum style_id id)
{
	const char *pattern = h->target->style[id];
	struct bytes lines = { 0 };
	char *text;

	if (pattern == NULL)
		return NULL;
	text = list_fill_text(pattern, h->target->list->address);
	for (const char *c = text; *c != '\0'; c++)
		if (*c != '\r')
			bytes_add_char(&lines, *c);
	if (lines.length > 0 && lines.data[lines.length - 1] != '\n')
		bytes_add_char(&lines, '\n');
	free(text);
	return bytes_take(&lines);
}

/* `id` is a digest of the message, which cannot hold it therefore. */
static void
add_frame(struct heading *h, const char *id)
{
	bool personal = template_is_personal(h->target->style[STYLE_HEADER]) ||
	                template_is_personal(h->target->style[STYLE_FOOTER]);
	char *above = lines_of(h, STYLE_HEADER), *below = lines_of(h, STYLE_FOOTER);
	char *filled_above = template_fill(above, h->header, h->length, NULL);
	char *filled_below = template_fill(below, h->header, h->length, NULL);
	char *boundary = mem_format("=_rollcall_%s", id);
	const struct footer f = { filled_above, filled_below, boundary, h->envelope->eight_bit };
	struct framing frame;

	if ((above == NULL && below == NULL) || !footer_frame(&f, h->header, h->length, &frame))
		goto out;
	if (personal) {                   /* what is asked for differs from member to member */
		h->envelope->inject_above = above;
		h->envelope->inject_below = below;
		above = below = NULL;
	} else {
		for (size_t i = 0; i < frame.remove.count; i++)
			envelope_leave_out(h->envelope, frame.remove.items[i]);
		bytes_add_text(h->out, bytes_text(&frame.add));
		h->envelope->inject_before_body = bytes_take(&frame.before);
		h->envelope->inject_after_body = bytes_take(&frame.after);
	}
	framing_free(&frame);
out:
	free(boundary);
	free(filled_above);
	free(filled_below);
	free(above);
	free(below);
}

/*
 * Where the post is in an archive. Those that it has stay: there may be several (RFC 5064 section 2.4).
 * Nothing is said where it does not say its own name, once.
 */
static void
add_archived_at(struct heading *h)
{
	const char *pattern = h->target->style[STYLE_ARCHIVED_AT];
	struct bytes value = { 0 };
	struct field f;
	char *uri, *id;
	size_t length;

	if (pattern == NULL || !header_find(h->header, h->length, "Message-ID", &f))
		return;
	field_words(&f, &value);
	id = mem_text(bytes_text(&value));
	bytes_free(&value);
	length = strlen(id);
	if (length > 2 && id[0] == '<' && id[length - 1] == '>' &&
	    strpbrk(id + 1, "<> ") == id + length - 1) {
		id[length - 1] = '\0';
		uri = list_fill_archived(pattern, h->target->list->address, id + 1);
		if (strlen(uri) <= LONGEST_URI)
			bytes_format(h->out, "Archived-At:\r\n <%s>\r\n", uri);
		free(uri);
	}
	free(id);
}

static void
add_precedence(struct heading *h)
{
	const char *precedence = h->target->style[STYLE_PRECEDENCE];

	if (precedence == NULL)
		return;
	bytes_format(h->out, "Precedence: %s\r\n", precedence);
	envelope_leave_out(h->envelope, "Precedence");
}

/*
 * One post of so many, by its name, which nobody foresees: that needs no memory, and is the same
 * wherever it is asked, as often as it is.
 */
static bool
is_chosen(const char *verp, const char *id)
{
	unsigned every = verp == NULL ? 0 : style_verp(verp), sum = 0;

	for (; *id != '\0'; id++)
		sum = sum * 31 + (unsigned char)*id;
	return every > 0 && sum % every == 0;
}

void
heading_compose(struct envelope *e, const struct site *site, const struct target *t, const char *id,
                const char *lhlo, const char *header, size_t length)
{
	char *role_address = list_role_address(t->list->address, t->role);
	struct bytes add = { 0 };
	struct heading h = { e, t, header, length, &add };
	struct field unused;

	trace_received(&add, lhlo, site->hostname, id, role_address, e->arrived);
	envelope_leave_out(e, STAMP_FIELD);     /* it was for us, and goes no further */
	if (header_find(header, length, TAGS_FIELD, &unused))
		envelope_leave_out(e, TAGS_FIELD);      /* ours alone is to be believed */
	if (e->tags != NULL)
		bytes_format(&add, "%s: %s\r\n", TAGS_FIELD, e->tags);
	if (t->role == ROLE_POST) {
		list_fields_add(&h);
		add_archived_at(&h);
		add_precedence(&h);
		add_sender(&h);
		add_reply_to(&h, add_from(&h));
		add_subject(&h);
		add_frame(&h, id);
		e->disclose = t->style[STYLE_REPORT] != NULL &&
		              strcmp(t->style[STYLE_REPORT], "members") == 0;
		e->inject_suspects = *e->sender != '\0' && style_suspects(t->style[STYLE_VERP]);
		e->inject_verp = *e->sender != '\0' && is_chosen(t->style[STYLE_VERP], id);
	}
	/* What fails comes to the list's bounce address; a bounce that fails has nowhere to go. */
	if (t->role == ROLE_BOUNCES || *e->sender == '\0')
		e->inject_sender = mem_text("");
	else
		e->inject_sender = list_role_address(t->list->address, ROLE_BOUNCES);
	e->inject_add = bytes_take(&add);
	free(role_address);
}

void
heading_clear(struct envelope *e)
{
	mem_drop(&e->inject_sender);
	mem_drop(&e->inject_add);
	mem_drop(&e->inject_before_body);
	mem_drop(&e->inject_after_body);
	mem_drop(&e->inject_above);
	mem_drop(&e->inject_below);
	text_list_free(&e->inject_remove);
}
