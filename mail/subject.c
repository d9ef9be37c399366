/* Tags in subjects. */
#include "mail/subject.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/phrase.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 78 };                       /* RFC 5322 section 2.1.1, without the line end */

/* The one Subject field; false where there are several. `f->value` is NULL where there is none. */
static bool
find_subject(const char *header, size_t length, struct field *f)
{
	struct field other;
	size_t at = 0, count = 0;

	*f = (struct field){ 0 };
	while (header_next(header, length, &at, &other))
		if (field_is(&other, "Subject") && count++ == 0)
			*f = other;
	return count <= 1;
}

static bool
has_tag(const struct field *f, const char *tag)
{
	struct bytes line = { 0 };
	char *text;
	bool has;

	field_unfold(f, &line);
	text = mime_decode(bytes_text(&line));
	has = strcasestr(text, tag) != NULL;
	free(text);
	bytes_free(&line);
	return has;
}

/*
 * The tag, and what stands between it and the subject. A blank between two encoded words is none to
 * a reader (RFC 2047 section 6.2): there it goes into the tag's.
 */
static void
add_tag(struct bytes *out, const char *tag, const char *subject)
{
	bool ascii = text_is_ascii(tag, strlen(tag)), word = strncmp(subject, "=?", 2) == 0;
	char *spaced = mem_format("%s%s", tag, word ? " " : "");
	const char *line;
	size_t used;

	if (ascii)
		bytes_add_text(out, tag);
	else
		phrase_encode(out, spaced);
	free(spaced);
	if (*subject == '\0')
		return;
	line = strrchr(out->data, '\n');
	used = line == NULL ? strlen("Subject: ") + out->length : strlen(line + 1);
	bytes_add_text(out, used + 1 + strcspn(subject, "\r") > LINE ? "\r\n " : " ");
}

bool
subject_tag(struct bytes *out, const char *tag, const char *header, size_t length)
{
	struct bytes subject = { 0 }, value = { 0 };
	struct field f;
	bool tagged = find_subject(header, length, &f);

	if (tagged && f.value != NULL && !field_text(&f, &subject)) {
		field_unfold(&f, &subject);
		tagged = subject.length == 0;   /* an empty one is as good as none */
	}
	if (tagged && subject.length > 0)
		tagged = !has_tag(&f, tag);
	if (tagged) {
		add_tag(&value, tag, bytes_text(&subject));
		bytes_add(&value, bytes_text(&subject), subject.length);
		bytes_add(out, value.data, value.length);
	}
	bytes_free(&value);
	bytes_free(&subject);
	return tagged;
}
