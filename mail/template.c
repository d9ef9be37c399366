/* Texts with fields in them. */
#include "mail/template.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/header.h"
#include "mail/mime.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONGEST_VALUE = 200,              /* octets; but for addresses, which have 254 at most */
	LONGEST_LINE = 900
};

enum template_field {
	MEMBER_ADDRESS,
	MEMBER_LOCAL,
	MEMBER_DOMAIN,
	POST_SUBJECT,
	POST_FROM,
	POST_MESSAGE_ID,
	TEMPLATE_FIELDS
};

static const char *const names[TEMPLATE_FIELDS + 1] = {
	[MEMBER_ADDRESS] = "member.address", [MEMBER_LOCAL] = "member.local",
	[MEMBER_DOMAIN] = "member.domain",   [POST_SUBJECT] = "post.subject",
	[POST_FROM] = "post.from",           [POST_MESSAGE_ID] = "post.message-id",
};

/* The field that begins here, and its length in the text; TEMPLATE_FIELDS for none. */
static enum template_field
field_at(const char *at, size_t *length)
{
	enum template_field f = 0;

	for (; f < TEMPLATE_FIELDS && *at == '{'; f++) {
		*length = strlen(names[f]) + 2;
		if (strncmp(at + 1, names[f], *length - 2) == 0 && at[*length - 1] == '}')
			return f;
	}
	return TEMPLATE_FIELDS;
}

int
template_check(const char *text, struct complaint *why)
{
	const char *at = text, *near;
	size_t length;

	while ((at = strchr(at, '{')) != NULL) {
		bool meant = strncmp(at, "{member.", 8) == 0 || strncmp(at, "{post.", 6) == 0;

		if (meant && field_at(at, &length) == TEMPLATE_FIELDS) {
			char *name = mem_copy(at + 1, strcspn(at + 1, "} \r\n"));

			near = text_nearest(name, names);
			(void)complain(why, "there is no field {%s}%s%s%s", name,
			               near == NULL ? "" : "; did you mean {", near == NULL ? "" : near,
			               near == NULL ? "" : "}?");
			mem_drop(&name);
			return -1;
		}
		at++;
	}
	return 0;
}

bool
template_is_personal(const char *text)
{
	size_t length;

	for (const char *at = text; at != NULL && (at = strchr(at, '{')) != NULL; at++)
		if (field_at(at, &length) <= MEMBER_DOMAIN)
			return true;
	return false;
}

/* Whether the word that a text ends with is a URI. */
static bool
in_uri(const struct bytes *out)
{
	size_t at = out->length;

	while (at > 0 && strchr(" \t\n\r", out->data[at - 1]) == NULL)
		at--;
	if (at == out->length)
		return false;
	return memmem(out->data + at, out->length - at, "://", 3) != NULL ||
	       memmem(out->data + at, out->length - at, "mailto:", 7) != NULL;
}

/* How much of a value is taken: whole characters of UTF-8. */
static size_t
taken(enum template_field f, const char *value)
{
	size_t length = strlen(value);

	if (f <= MEMBER_DOMAIN || length <= LONGEST_VALUE)
		return length;
	length = LONGEST_VALUE;
	while (length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80)
		length--;
	return length;
}

static void
add_value(struct bytes *out, enum template_field f, const char *value)
{
	const char *lf = out->length == 0 ? NULL : memrchr(out->data, '\n', out->length);
	size_t length = taken(f, value), column = out->length;

	if (lf != NULL)
		column -= (size_t)(lf + 1 - out->data);
	if (in_uri(out)) {
		bytes_add_escaped(out, value, length, "-._~");
		return;
	}
	if (column > 0 && column + length > LONGEST_LINE)
		bytes_add_char(out, '\n');
	for (size_t i = 0; i < length; i++)
		bytes_add_char(out, (unsigned char)value[i] < 0x20 || value[i] == 0x7f ? ' ' : value[i]);
}

/* The first field of this name as people read it. Allocated. */
static char *
readable(const char *header, size_t length, const char *name)
{
	struct bytes value = { 0 };
	struct field f;
	char *text;

	if (!header_find(header, length, name, &f))
		return mem_text("");
	field_words(&f, &value);
	text = mime_decode(bytes_text(&value));
	bytes_free(&value);
	return text;
}

/* Allocated, all of them; NULL where there is no member. */
static void
find_values(const char *header, size_t length, const char *member, char *values[TEMPLATE_FIELDS])
{
	const char *sign = member == NULL ? NULL : strrchr(member, '@');

	if (sign != NULL) {
		values[MEMBER_ADDRESS] = mem_text(member);
		values[MEMBER_LOCAL] = mem_copy(member, (size_t)(sign - member));
		values[MEMBER_DOMAIN] = mem_text(sign + 1);
	}
	values[POST_SUBJECT] = readable(header, length, "Subject");
	values[POST_FROM] = readable(header, length, "From");
	values[POST_MESSAGE_ID] = readable(header, length, "Message-ID");
}

char *
template_fill(const char *text, const char *header, size_t length, const char *member)
{
	char *values[TEMPLATE_FIELDS] = { NULL }, *filled;
	struct bytes out = { 0 };

	if (text == NULL)
		return NULL;
	find_values(header, length, member, values);
	while (*text != '\0') {
		size_t of_field;
		enum template_field f = field_at(text, &of_field);

		if (f < TEMPLATE_FIELDS && values[f] != NULL) {
			add_value(&out, f, values[f]);
			text += of_field;
		} else {
			bytes_add_char(&out, *text++);
		}
	}
	filled = mem_text(bytes_text(&out));
	bytes_free(&out);
	for (enum template_field f = 0; f < TEMPLATE_FIELDS; f++)
		free(values[f]);
	return filled;
}
