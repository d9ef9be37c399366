/* Reports on posts. */
#include "mail/dsn.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/notice.h"
#include "mail/stamp.h"
#include "mail/syntax.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 1000, HEADER_SHOWN = 16384, MOST_KINDS = 20, KIND_SIZE = 16 };

/* A boundary no line of the report begins with: it holds the entry's name. */
static void
add_boundary(const struct dsn *d, struct bytes *out, bool last)
{
	bytes_format(out, "\r\n--=_%s%s\r\n", d->id, last ? "--" : "");
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
			notice_add_line(out, bytes_text(&value), value.length < 500 ? value.length : 500);
			bytes_add_text(out, "\r\n");
		}
		bytes_free(&value);
	}
}

/* "550 5.1.1" of a reply, in whose text the MTA is free to name somebody; "" where there is no code. */
static void
code_of(const char *text, char kind[KIND_SIZE])
{
	size_t code = strspn(text, "0123456789");
	struct slice status = { text, 0 };

	*kind = '\0';
	if (code != 3)
		return;
	if (text[3] == ' ' || text[3] == '-')
		status = syntax_enhanced((struct slice){ text + 4, strlen(text + 4) });
	(void)snprintf(kind, KIND_SIZE, "%.3s%s%.*s", text, status.length > 0 ? " " : "",
	               status.length > 0 ? (int)status.length : 0, status.length > 0 ? status.at : "");
}

/* A reason without words that may name somebody: addresses, and what stands in a directory. */
static void
add_masked(struct bytes *out, const char *text)
{
	char kind[KIND_SIZE];

	code_of(text, kind);
	if (*kind != '\0') {
		bytes_add_text(out, kind);
		return;
	}
	while (*text != '\0') {
		size_t word = strcspn(text, " "), blanks = strspn(text + word, " ");

		if (memchr(text, '@', word) != NULL || memchr(text, '=', word) != NULL)
			bytes_add_text(out, "***");
		else
			notice_add_line(out, text, word);
		bytes_add(out, text + word, blanks);
		text += word + blanks;
	}
}

/* How many failed, by the codes of the replies. */
static void
add_kinds(const struct dsn *d, struct bytes *out)
{
	struct {
		char kind[KIND_SIZE];
		size_t count;
	} kinds[MOST_KINDS] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < d->failures; i++) {
		struct dsn_failure f;
		char kind[KIND_SIZE];
		size_t k = 0;

		d->failure(d->arg, i, &f);
		code_of(f.text, kind);
		while (k < count && strcmp(kinds[k].kind, kind) != 0)
			k++;
		if (k == MOST_KINDS)
			k = MOST_KINDS - 1;       /* which says "other" then */
		else if (k == count)
			(void)snprintf(kinds[count++].kind, KIND_SIZE, "%s", kind);
		kinds[k].count++;
	}
	for (size_t k = 0; k < count; k++)
		bytes_format(out, "    %zu member%s: %s\r\n", kinds[k].count, text_s((int64_t)kinds[k].count),
		             k == MOST_KINDS - 1 ? "other replies"
		             : *kinds[k].kind == '\0' ? "no reply" : kinds[k].kind);
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
		if (d->anonymous)
			add_masked(out, d->reason);
		else
			notice_add_line(out, d->reason, strlen(d->reason));
		bytes_add_text(out, "\r\n");
	}
	if (d->failures > 0)
		bytes_add_text(out, "\r\nIt was not sent to:\r\n\r\n");
	if (d->anonymous) {
		add_kinds(d, out);
		return;
	}
	for (size_t i = 0; i < shown(d); i++) {
		d->failure(d->arg, i, &f);
		bytes_add_text(out, "    ");
		bytes_add(out, f.address, f.length);
		bytes_add_text(out, "\r\n        ");
		notice_add_line(out, f.text, strlen(f.text));
		bytes_add_text(out, "\r\n");
	}
	if (d->failures > SHOWN)
		bytes_format(out, "\r\nand %zu more.\r\n", d->failures - SHOWN);
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
		if (d->anonymous) {
			f.address = d->list;
			f.length = strlen(d->list);
		}
		bytes_format(out, "\r\nFinal-Recipient: %s; ",
		             text_is_ascii(f.address, f.length) ? "rfc822" : "utf-8");
		bytes_add(out, f.address, f.length);
		bytes_add_text(out, "\r\nAction: failed\r\n");
		add_status(&f, out);
		if (d->anonymous)
			break;            /* all of them are the list's */
		if (f.code != 0) {
			bytes_add_text(out, "Diagnostic-Code: smtp; ");
			notice_add_line(out, f.text, strlen(f.text));
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
