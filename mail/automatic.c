/* Automatic replies, by what their senders agree to write. */
#include "mail/automatic.h"

#include "base/bytes.h"
#include "base/text.h"
#include "mail/header.h"

#include <string.h>

/* Whether a value begins with the word, and nothing but parameters follow. */
static bool
first_word(const char *value, const char *word)
{
	return text_same_n(value, strcspn(value, " ;\t"), word);
}

/* RFC 3834 section 5, less auto-generated, which is what cron and ticket systems write. */
static bool
auto_submitted(const char *value)
{
	return first_word(value, "auto-replied");
}

static bool
precedence(const char *value)
{
	return first_word(value, "auto_reply");
}

/* X-Autoreply and its kin, as old responders write them: "yes", or the name of the responder. */
static bool
old_mark(const char *value)
{
	return *value != '\0' && !first_word(value, "no");
}

/* RFC 6522: a delivery report or a disposition notification (read receipt). */
static bool
report(const char *value)
{
	return first_word(value, "multipart/report") &&
	       (strcasestr(value, "delivery-status") != NULL ||
	        strcasestr(value, "disposition-notification") != NULL);
}

static const struct {
	const char *field;
	bool (*says)(const char *value);
} marks[] = {
	{ "Auto-Submitted", auto_submitted }, { "Content-Type", report },
	{ "Precedence", precedence },         { "X-Autoreply", old_mark },
	{ "X-Auto-Reply", old_mark },         { "X-Autorespond", old_mark },
	{ "X-Autoresponder", old_mark },
};

const char *
automatic_reply(const char *header, size_t length)
{
	struct bytes value = { 0 };
	const char *found = NULL;
	struct field f;
	size_t at = 0;

	while (found == NULL && header_next(header, length, &at, &f)) {
		for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
			if (!field_is(&f, marks[i].field))
				continue;
			bytes_clear(&value);
			field_words(&f, &value);
			if (marks[i].says(bytes_text(&value)))
				found = marks[i].field;
		}
	}
	bytes_free(&value);
	return found;
}

bool
automatic_any(const char *header, size_t length)
{
	struct bytes value = { 0 };
	struct field f;
	size_t at = 0;
	bool any = false;

	while (!any && header_next(header, length, &at, &f)) {
		if (!field_is(&f, "Auto-Submitted"))
			continue;
		bytes_clear(&value);
		field_words(&f, &value);
		any = old_mark(bytes_text(&value));
	}
	bytes_free(&value);
	return any;
}
