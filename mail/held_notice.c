/* Notices of moderation. */
#include "mail/held_notice.h"

#include "base/mem.h"
#include "mail/date.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "mail/notice.h"
#include "mail/stamp.h"

#include <stdlib.h>
#include <string.h>

enum { FIELD_SHOWN = 500, HEADER_SHOWN = 16384, POST_SHOWN = 65536 };

void
held_notice_field(const char *header, size_t length, const char *name, size_t most, struct bytes *out)
{
	struct bytes value = { 0 }, text = { 0 };
	struct field f;
	size_t n;

	if (header_find(header, length, name, &f)) {
		field_unfold(&f, &value);
		encoded_read(&text, bytes_text(&value), value.length);
		n = text.length < most ? text.length : most;
		/* Not in the middle of a character. */
		while (n < text.length && n > 0 && ((unsigned char)text.data[n] & 0xc0) == 0x80)
			n--;
		notice_add_line(out, bytes_text(&text), n);
	}
	bytes_free(&value);
	bytes_free(&text);
}

static const char *
subject(const struct held_notice *n)
{
	static const char *const subjects[] = { [NOTICE_HELD] = "waits for you",
		                                [NOTICE_EXPIRED] = "was thrown away",
		                                [NOTICE_REJECTED] = "was not sent" };

	return subjects[n->kind];
}

static void
add_fields(const struct held_notice *n, struct bytes *out)
{
	char *id = mem_format("notice-%d.%s", (int)n->kind, n->id);
	char *about = mem_format("A post to %s %s", n->list, subject(n));
	char *type = mem_format("multipart/mixed;\r\n\tboundary=\"=_%s\"", n->id);

	notice_head(&(struct notice){ n->hostname, id, n->to, about, n->now, type }, out);
	free(id);
	free(about);
	free(type);
}

static void
add_boundary(const struct held_notice *n, struct bytes *out, bool last)
{
	bytes_format(out, "\r\n--=_%s%s\r\n", n->id, last ? "--" : "");
}

/* What people know the post by. */
static void
add_post_lines(const struct held_notice *n, struct bytes *out)
{
	static const char *const names[] = { "From", "Subject", "Date" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct bytes value = { 0 };

		held_notice_field(n->post, n->post_length, names[i], FIELD_SHOWN, &value);
		if (value.length > 0)
			bytes_format(out, "    %s: %s\r\n", names[i], bytes_text(&value));
		bytes_free(&value);
	}
}

static void
add_reason(const struct held_notice *n, const char *before, struct bytes *out)
{
	if (n->reason == NULL || *n->reason == '\0')
		return;
	bytes_add_text(out, before);
	notice_add_line(out, n->reason, strlen(n->reason));
	bytes_add_text(out, "\r\n");
}

static void
add_text(const struct held_notice *n, struct bytes *out)
{
	char date[DATE_SIZE];

	bytes_format(out, "This post to the list %s\r\n\r\n", n->list);
	add_post_lines(n, out);
	switch (n->kind) {
	case NOTICE_HELD:
		bytes_add_text(out, "\r\nis held, and has been sent to nobody.\r\n");
		add_reason(n, "Why: ", out);
		date_format(n->arrived + n->keep, date);
		bytes_format(out,
		             "\r\nWhoever runs the mail server lets it go, or does not:\r\n\r\n"
		             "    rollcallctl accept %s\r\n"
		             "    rollcallctl reject %s\r\n"
		             "    rollcallctl discard %s\r\n\r\n"
		             "Without a word from anybody it is thrown away about %s.\r\n",
		             n->id, n->id, n->id, date);
		if (n->last)
			bytes_add_text(out, "\r\nThis is the last notice for this list today; "
			                    "rollcallctl held shows all that waits.\r\n");
		break;
	case NOTICE_EXPIRED:
		bytes_add_text(out, "\r\nwas held, and nobody has decided on it in time. It was thrown "
		                    "away, and sent to nobody.\r\n");
		add_reason(n, "Why it was held: ", out);
		break;
	case NOTICE_REJECTED:
		bytes_add_text(out, "\r\nwas held, and whoever looks after the list has not let it go. "
		                    "It was sent to nobody.\r\n");
		add_reason(n, "They say: ", out);
		break;
	}
}

/* The post, or its header where it is long; without stamps. */
static void
add_post(const struct held_notice *n, struct bytes *out)
{
	size_t header = header_length(n->post, n->post_length), at = 0;
	bool whole = n->kind == NOTICE_HELD && n->post_length <= POST_SHOWN;
	struct field f;

	add_boundary(n, out, false);
	bytes_format(out, "Content-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
	             whole ? "message/rfc822" : "text/rfc822-headers");
	while (header_next(n->post, n->post_length, &at, &f) && (whole || at <= HEADER_SHOWN))
		if (!field_is(&f, STAMP_FIELD))
			bytes_add(out, f.start, f.length);
	if (whole)
		bytes_add(out, n->post + header, n->post_length - header);
}

void
held_notice_print(const struct held_notice *n, struct bytes *out)
{
	add_fields(n, out);
	add_boundary(n, out, false);
	bytes_add_text(out, "Content-Type: text/plain; charset=utf-8\r\n"
	                    "Content-Transfer-Encoding: 8bit\r\n\r\n");
	add_text(n, out);
	add_post(n, out);
	add_boundary(n, out, true);
}
