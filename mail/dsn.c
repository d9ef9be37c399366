/* Reports on posts. */
#include "mail/dsn.h"

#include "base/mem.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/notice.h"
#include "mail/stamp.h"
#include "mail/syntax.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 1000, HEADER_SHOWN = 16384 };

/* A boundary no line of the report begins with: it holds the entry's name. */
static void
add_boundary(const struct dsn *d, struct bytes *out, bool last)
{
	bytes_format(out, "\r\n--=_%s%s\r\n", d->id, last ? "--" : "");
}

/* Text of an MTA or a client, on one line. */
static void
add_line_text(struct bytes *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length && text[i] != '\0'; i++)
		bytes_add_char(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
}

static size_t
shown(const struct dsn *d)
{
	return d->failures < SHOWN ? d->failures : SHOWN;
}

static void
add_fields(const struct dsn *d, struct bytes *out)
{
	char *id = mem_format("report.%s", d->id);
	char *subject = mem_format("A post to %s was not sent to everybody", d->list);
	char *type = mem_format("multipart/report; report-type=delivery-status;\r\n\tboundary=\"=_%s\"",
	                        d->id);

	notice_head(&(struct notice){ d->hostname, id, d->to, subject, d->now, type }, out);
	free(id);
	free(subject);
	free(type);
}

/* What the post was: its fields that people know it by. */
static void
add_post(const struct dsn *d, struct bytes *out)
{
	static const char *const names[] = { "From", "Subject", "Date", "Message-ID" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct bytes value = { 0 };
		struct field f;

		if (header_find(d->header, d->header_length, names[i], &f)) {
			field_unfold(&f, &value);
			bytes_format(out, "    %s: ", names[i]);
			add_line_text(out, bytes_text(&value), value.length < 500 ? value.length : 500);
			bytes_add_text(out, "\r\n");
		}
		bytes_free(&value);
	}
}

static void
add_text_part(const struct dsn *d, struct bytes *out)
{
	struct dsn_failure f;

	add_boundary(d, out, false);
	bytes_add_text(out, "Content-Type: text/plain; charset=utf-8\r\n"
	                    "Content-Transfer-Encoding: 8bit\r\n\r\n");
	bytes_format(out, "This post to the list %s\r\n\r\n", d->list);
	add_post(d, out);
	if (d->sent == 0)
		bytes_add_text(out, "\r\nwas sent to nobody.\r\n");
	else
		bytes_format(out, "\r\nwas sent to %zu of %zu members.\r\n", d->sent, d->members);
	if (d->reason != NULL) {
		bytes_add_text(out, "It has been given up: ");
		add_line_text(out, d->reason, strlen(d->reason));
		bytes_add_text(out, "\r\n");
	}
	if (d->failures > 0)
		bytes_add_text(out, "\r\nIt was not sent to:\r\n\r\n");
	for (size_t i = 0; i < shown(d); i++) {
		d->failure(d->arg, i, &f);
		bytes_add_text(out, "    ");
		bytes_add(out, f.address, f.length);
		bytes_add_text(out, "\r\n        ");
		add_line_text(out, f.text, strlen(f.text));
		bytes_add_text(out, "\r\n");
	}
	if (d->failures > SHOWN)
		bytes_format(out, "\r\nand %zu more.\r\n", d->failures - SHOWN);
}

static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

static void
add_status(const struct dsn_failure *f, struct bytes *out)
{
	struct slice text = { f->text, strlen(f->text) }, status;

	if (text.length > 4 && text.at[3] == ' ') {   /* behind the reply code */
		text.at += 4;
		text.length -= 4;
	}
	status = syntax_enhanced(text);
	if (status.length > 0)
		bytes_format(out, "Status: %.*s\r\n", (int)status.length, status.at);
	else
		bytes_format(out, "Status: %d.0.0\r\n", f->code / 100 == 5 ? 5 : 4);
}

static void
add_status_part(const struct dsn *d, struct bytes *out)
{
	char date[DATE_SIZE];
	struct dsn_failure f;

	date_format(d->arrived, date);
	add_boundary(d, out, false);
	bytes_add_text(out, "Content-Type: message/delivery-status\r\n"
	                    "Content-Transfer-Encoding: 8bit\r\n\r\n");
	bytes_format(out, "Reporting-MTA: dns; %s\r\nOriginal-Envelope-Id: %s\r\nArrival-Date: %s\r\n",
	             d->hostname, d->id, date);
	for (size_t i = 0; i < shown(d); i++) {
		d->failure(d->arg, i, &f);
		bytes_format(out, "\r\nFinal-Recipient: %s; ",
		             is_ascii(f.address, f.length) ? "rfc822" : "utf-8");
		bytes_add(out, f.address, f.length);
		bytes_add_text(out, "\r\nAction: failed\r\n");
		add_status(&f, out);
		if (f.code != 0) {
			bytes_add_text(out, "Diagnostic-Code: smtp; ");
			add_line_text(out, f.text, strlen(f.text));
			bytes_add_text(out, "\r\n");
		}
	}
}

static void
add_header_part(const struct dsn *d, struct bytes *out)
{
	struct field f;
	size_t at = 0;

	add_boundary(d, out, false);
	bytes_add_text(out, "Content-Type: text/rfc822-headers\r\n"
	                    "Content-Transfer-Encoding: 8bit\r\n\r\n");
	while (header_next(d->header, d->header_length, &at, &f) && at <= HEADER_SHOWN)
		if (!field_is(&f, STAMP_FIELD))
			bytes_add(out, f.start, f.length);
}

void
dsn_print(const struct dsn *d, struct bytes *out)
{
	add_fields(d, out);
	add_text_part(d, out);
	add_status_part(d, out);
	add_header_part(d, out);
	add_boundary(d, out, true);
}
