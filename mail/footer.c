/* Texts above and below. */
#include "mail/footer.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/header.h"
#include "mail/mime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of a message whose fields go into the envelope: nobody writes more in earnest. */
enum { FIELDS_MOST = 32, FIELDS_LONGEST = 65536 };

/* How the texts get in. */
enum way { WAY_NONE, WAY_PLAIN, WAY_QUOTED, WAY_WRAP };

/* What the header says of the body. */
struct content {
	struct bytes fields;              /* Content-*, as they stand, with line ends */
	struct bytes encoding;            /* of the transfer; "" where it is not said */
	struct mime_type type;            /* with "text/plain" where it is not said */
	bool attached;                    /* it is not to be shown where it stands */
	bool clear;                       /* each of the fields is there once at most, and all can be kept */
};

/* Signed or encrypted as a whole, or a piece of a message. */
static const char *const untouchable[] = {
	"multipart/signed",        "multipart/encrypted",   "application/pkcs7-mime",
	"application/x-pkcs7-mime", "application/pkcs7-signature", "application/pgp-encrypted",
	"application/pgp",         "message/partial",       NULL
};

/* Those in which ASCII is ASCII; an ending "-" stands for all that begin so. */
static const char *const ascii_charsets[] = { "us-ascii", "ascii",    "utf-8",   "iso-8859-", "windows-125",
	                                      "koi8-r",   "koi8-u",   "gb2312",  "gbk",       "gb18030",
	                                      "big5",     "euc-jp",   "euc-kr",  "ks_c_5601-", NULL };

static bool
is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (text_same(text, *words))
			return true;
	return false;
}

static bool
is_ascii_charset(const char *charset)
{
	for (const char *const *c = ascii_charsets; *c != NULL; c++) {
		size_t n = strlen(*c);
		bool whole = (*c)[n - 1] != '-' && !text_same(*c, "windows-125");

		if (strncasecmp(charset, *c, n) == 0 && (!whole || charset[n] == '\0'))
			return true;
	}
	return false;
}

static bool
is_ascii(const char *text)
{
	return text == NULL || text_is_ascii(text, strlen(text));
}

static bool
has_name(const struct text_list *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (text_same(names->items[i], name))
			return true;
	return false;
}

/* One of the Content-* fields. */
static void
take_field(struct content *c, const struct field *f, struct framing *out)
{
	struct bytes text = { 0 }, words = { 0 };
	char *name = mem_copy(f->name, f->name_length);

	if (has_name(&out->remove, name) || !field_text(f, &text))
		c->clear = false;
	text_list_add(&out->remove, name, f->name_length);
	bytes_format(&c->fields, "%s: %s\r\n", name, bytes_text(&text));
	field_words(f, &words);
	if (text_same(name, "Content-Type")) {
		mime_type_free(&c->type);
		mime_type_parse(&c->type, bytes_text(&words));
	} else if (text_same(name, "Content-Transfer-Encoding")) {
		bytes_add(&c->encoding, bytes_text(&words), words.length);
	} else if (text_same(name, "Content-Disposition")) {
		c->attached = strncasecmp(bytes_text(&words), "inline", 6) != 0;
	}
	free(name);
	bytes_free(&words);
	bytes_free(&text);
}

static void
read_content(struct content *c, const char *header, size_t length, struct framing *out)
{
	struct field f;
	size_t at = 0;

	*c = (struct content){ .type = { mem_text("text/plain"), NULL }, .clear = true };
	while (c->clear && header_next(header, length, &at, &f)) {
		if (f.name_length > 8 && strncasecmp(f.name, "Content-", 8) == 0)
			take_field(c, &f, out);
		if (out->remove.count > FIELDS_MOST || c->fields.length > FIELDS_LONGEST)
			c->clear = false;
	}
}

static void
content_free(struct content *c)
{
	bytes_free(&c->fields);
	bytes_free(&c->encoding);
	mime_type_free(&c->type);
}

/*
 * Into the body itself only where every reader understands it as the header says. `eight_bit`: the body holds
 * bytes above 127 already, whatever the header says of it.
 */
static enum way
way_of(const struct content *c, const struct footer *f, bool eight_bit)
{
	static const char *const as_is[] = { "", "7bit", "8bit", NULL };
	const char *charset = c->type.charset == NULL ? "us-ascii" : c->type.charset;
	const char *encoding = bytes_text(&c->encoding);
	bool ascii = is_ascii(f->above) && is_ascii(f->below), utf8 = text_same(charset, "utf-8");

	if (!c->clear || is_one_of(c->type.type, untouchable) || text_same(encoding, "binary"))
		return WAY_NONE;
	if (!text_same(c->type.type, "text/plain") || c->attached || !is_ascii_charset(charset))
		return WAY_WRAP;
	eight_bit = eight_bit || (f->eight_bit && text_same(encoding, "8bit"));
	if (is_one_of(encoding, as_is) && (ascii || (utf8 && eight_bit)))
		return WAY_PLAIN;
	if (text_same(encoding, "quoted-printable") && (ascii || utf8))
		return WAY_QUOTED;
	return WAY_WRAP;
}

static void
add_lines(struct bytes *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			bytes_add_char(out, '\r');
		bytes_add_char(out, *text);
	}
}

/* In the encoding of the body. An empty line also ends what the body's last line may have left open. */
static void
frame_text(struct framing *out, const struct footer *f, void add(struct bytes *, const char *))
{
	if (f->above != NULL) {
		add(&out->before, f->above);
		bytes_add_text(&out->before, "\r\n");
	}
	if (f->below != NULL) {
		bytes_add_text(&out->after, "\r\n");
		add(&out->after, f->below);
	}
}

static void
add_part(struct bytes *out, const char *boundary, const char *text)
{
	bool ascii = is_ascii(text);

	bytes_format(out,
	             "--%s\r\nContent-Type: text/plain; charset=%s\r\n%s"
	             "Content-Disposition: inline\r\n\r\n",
	             boundary, ascii ? "us-ascii" : "utf-8",
	             ascii ? "" : "Content-Transfer-Encoding: quoted-printable\r\n");
	if (ascii)
		add_lines(out, text);
	else
		mime_quote(out, text);
	bytes_add_text(out, "\r\n");
}

/* The body as one part of several, with the fields that tell how to read it. */
static void
frame_parts(struct framing *out, const struct footer *f, const struct content *c)
{
	bytes_format(&out->add,
	             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n%s",
	             f->boundary, f->eight_bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	text_list_add(&out->remove, "MIME-Version", strlen("MIME-Version"));
	if (f->above != NULL)
		add_part(&out->before, f->boundary, f->above);
	bytes_format(&out->before, "--%s\r\n%s\r\n", f->boundary, bytes_text(&c->fields));
	bytes_add_text(&out->after, "\r\n");
	if (f->below != NULL)
		add_part(&out->after, f->boundary, f->below);
	bytes_format(&out->after, "--%s--\r\n", f->boundary);
}

bool
footer_frame(const struct footer *f, const char *header, size_t length, struct framing *out)
{
	struct content c;
	enum way way;

	*out = (struct framing){ 0 };
	read_content(&c, header, length, out);
	way = way_of(&c, f, f->eight_bit && text_is_ascii(header, header_length(header, length)));
	if (way != WAY_WRAP)
		text_list_free(&out->remove);
	if (way == WAY_WRAP)
		frame_parts(out, f, &c);
	else if (way != WAY_NONE)
		frame_text(out, f, way == WAY_PLAIN ? add_lines : mime_quote);
	content_free(&c);
	return way != WAY_NONE;
}

void
framing_free(struct framing *f)
{
	text_list_free(&f->remove);
	bytes_free(&f->add);
	bytes_free(&f->before);
	bytes_free(&f->after);
}
