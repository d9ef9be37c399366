/*
 * MIME, by GMime. One thread at a time: calls are short, and what the library and the one below it do
 * about threads is out of sight of the thread sanitizer.
 */
#include "mail/mime.h"

#include "base/mem.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool ready;                        /* under the lock */

static void
enter(void)
{
	(void)pthread_mutex_lock(&lock);
	if (!ready)
		g_mime_init();
	ready = true;
}

static void
leave(void)
{
	(void)pthread_mutex_unlock(&lock);
}

char *
mime_decode(const char *value)
{
	char *decoded, *text;

	enter();
	decoded = g_mime_utils_header_decode_text(NULL, value);
	text = mem_text(decoded);
	g_free(decoded);
	leave();
	return text;
}

bool
mime_mailbox(const char *value, char **name, char **address)
{
	InternetAddressList *list;
	bool found = false;

	enter();
	list = internet_address_list_parse(NULL, value);
	for (int i = 0; list != NULL && !found && i < internet_address_list_length(list); i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		const char *own = internet_address_get_name(a);

		if (!INTERNET_ADDRESS_IS_MAILBOX(a))
			continue;
		*address = mem_text(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
		*name = own == NULL || *own == '\0' ? NULL : mem_text(own);
		found = true;
	}
	if (list != NULL)
		g_object_unref(list);
	leave();
	return found;
}

char *
mime_sole_address(const char *value)
{
	InternetAddressList *list;
	char *address = NULL;

	enter();
	list = internet_address_list_parse(NULL, value);
	if (list != NULL && internet_address_list_length(list) == 1) {
		InternetAddress *a = internet_address_list_get_address(list, 0);

		if (INTERNET_ADDRESS_IS_MAILBOX(a))
			address = mem_text(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
	}
	if (list != NULL)
		g_object_unref(list);
	leave();
	return address;
}

void
mime_type_parse(struct mime_type *m, const char *value)
{
	GMimeContentType *type;
	const char *charset;

	enter();
	type = g_mime_content_type_parse(NULL, value);
	charset = g_mime_content_type_get_parameter(type, "charset");
	/* The library's word for all that it does not understand. */
	if (g_mime_content_type_is_type(type, "application", "octet-stream"))
		m->type = mem_text("");
	else
		m->type = mem_format("%s/%s", g_mime_content_type_get_media_type(type),
		                     g_mime_content_type_get_media_subtype(type));
	m->charset = mem_text(charset);
	g_object_unref(type);
	leave();
}

void
mime_type_free(struct mime_type *m)
{
	mem_drop(&m->type);
	mem_drop(&m->charset);
}

/* ---- parts ---- */

struct walk {
	unsigned depth, count;            /* what is left */
	mime_part_fn *fn;
	void *arg;
};

static int walk(struct walk, unsigned *count, unsigned depth, GMimeObject *);

static int
walk_multipart(struct walk w, unsigned *count, unsigned depth, GMimeMultipart *m)
{
	int rc = 1;

	for (int i = 0; rc > 0 && i < g_mime_multipart_get_count(m); i++)
		rc = walk(w, count, depth + 1, g_mime_multipart_get_part(m, i));
	return rc;
}

/* 1: all of it; 0: the caller has seen enough; -1: there is more than may be. */
static int
walk(struct walk w, unsigned *count, unsigned depth, GMimeObject *o)
{
	GMimeContentType *type = g_mime_object_get_content_type(o);
	char *name = mem_format("%s/%s", g_mime_content_type_get_media_type(type),
	                        g_mime_content_type_get_media_subtype(type));
	const char *file = g_mime_object_get_content_disposition_parameter(o, "filename");
	struct mime_part part = { .type = name, .depth = depth,
		                  .leaf = !GMIME_IS_MULTIPART(o) && !GMIME_IS_MESSAGE_PART(o) };
	bool more;

	part.name = file != NULL ? file : g_mime_object_get_content_type_parameter(o, "name");
	if (depth > w.depth || (*count)++ >= w.count) {
		free(name);
		return -1;
	}
	more = w.fn(w.arg, &part);
	free(name);
	if (!more)
		return 0;
	if (GMIME_IS_MULTIPART(o))
		return walk_multipart(w, count, depth, GMIME_MULTIPART(o));
	if (GMIME_IS_MESSAGE_PART(o) && GMIME_MESSAGE_PART(o)->message != NULL)
		return walk(w, count, depth + 1,
		            g_mime_message_get_mime_part(GMIME_MESSAGE_PART(o)->message));
	return 1;
}

/* ---- text ---- */

enum { TEXT_DEPTH = 10, TEXT_PARTS = 100 };

/* Not in messages within. `left` counts down the parts that are looked at. */
static GMimeObject *
find_text(GMimeObject *o, const char *subtype, unsigned depth, unsigned *left)
{
	GMimeObject *found = NULL;
	const char *disposition = g_mime_object_get_disposition(o);

	if (depth > TEXT_DEPTH || *left == 0)
		return NULL;
	--*left;
	if (GMIME_IS_TEXT_PART(o))
		return g_mime_content_type_is_type(g_mime_object_get_content_type(o), "text", subtype) &&
		                       (disposition == NULL || strcasecmp(disposition, "attachment") != 0)
		               ? o
		               : NULL;
	if (GMIME_IS_MULTIPART(o))
		for (int i = 0; found == NULL && i < g_mime_multipart_get_count((GMimeMultipart *)o); i++)
			found = find_text(g_mime_multipart_get_part((GMimeMultipart *)o, i), subtype,
			                  depth + 1, left);
	return found;
}

static char *
text_of(GMimeObject *whole, bool *html)
{
	unsigned left = TEXT_PARTS, again = TEXT_PARTS;
	GMimeObject *part = find_text(whole, "plain", 0, &left);
	char *decoded, *text;

	*html = part == NULL;
	if (*html)
		part = find_text(whole, "html", 0, &again);
	if (part == NULL)
		return NULL;
	decoded = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
	text = mem_text(decoded);
	g_free(decoded);
	return text;
}

char *
mime_first_text(const struct bytes *message, bool *html)
{
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeMessage *parsed;
	char *text = NULL;

	enter();
	stream = g_mime_stream_mem_new_with_buffer(message->data, message->length);
	parser = g_mime_parser_new_with_stream(stream);
	parsed = g_mime_parser_construct_message(parser, NULL);
	if (parsed != NULL && g_mime_message_get_mime_part(parsed) != NULL)
		text = text_of(g_mime_message_get_mime_part(parsed), html);
	if (parsed != NULL)
		g_object_unref(parsed);
	g_object_unref(parser);
	g_object_unref(stream);
	leave();
	return text;
}

int
mime_each_part(int file, unsigned depth, unsigned count, mime_part_fn *fn, void *arg)
{
	const struct walk w = { depth, count, fn, arg };
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeMessage *message;
	unsigned seen = 0;
	int rc = 1;

	enter();
	leave();
	stream = g_mime_stream_fs_new_with_bounds(file, 0, -1);
	g_mime_stream_fs_set_owner(GMIME_STREAM_FS(stream), FALSE);
	parser = g_mime_parser_new_with_stream(stream);
	message = g_mime_parser_construct_message(parser, NULL);
	if (message != NULL && g_mime_message_get_mime_part(message) != NULL)
		rc = walk(w, &seen, 0, g_mime_message_get_mime_part(message));
	if (message != NULL)
		g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
	return rc < 0 ? -1 : 0;
}

/* All of it in an encoding, each character through `take`. */
static void
encode(GMimeContentEncoding encoding, const void *bytes, size_t length, struct bytes *out,
       void take(struct bytes *, char))
{
	GMimeEncoding state;
	size_t used;
	char *made;

	enter();
	g_mime_encoding_init_encode(&state, encoding);
	made = mem_new(g_mime_encoding_outlen(&state, length) + 1);
	used = g_mime_encoding_flush(&state, bytes, length, made);
	leave();
	for (size_t i = 0; i < used; i++)
		take(out, made[i]);
	free(made);
}

static void
take_with_crlf(struct bytes *out, char c)
{
	if (c == '\n')
		bytes_add_char(out, '\r');
	bytes_add_char(out, c);
}

static void
take_on_one_line(struct bytes *out, char c)
{
	if (c != '\n')
		bytes_add_char(out, c);
}

void
mime_quote(struct bytes *out, const char *text)
{
	encode(GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE, text, strlen(text), out, take_with_crlf);
}

void
mime_base64(struct bytes *out, const void *bytes, size_t length)
{
	encode(GMIME_CONTENT_ENCODING_BASE64, bytes, length, out, take_on_one_line);
}
