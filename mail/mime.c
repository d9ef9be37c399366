/* MIME, by GMime. */
#include "mail/mime.h"

#include "base/mem.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

char *
mime_decode(const char *value)
{
	char *decoded, *text;

	(void)pthread_once(&once, g_mime_init);
	decoded = g_mime_utils_header_decode_text(NULL, value);
	text = mem_text(decoded);
	g_free(decoded);
	return text;
}

void
mime_type_parse(struct mime_type *m, const char *value)
{
	GMimeContentType *type;
	const char *charset;

	(void)pthread_once(&once, g_mime_init);
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
}

void
mime_type_free(struct mime_type *m)
{
	mem_drop(&m->type);
	mem_drop(&m->charset);
}

void
mime_quote(struct bytes *out, const char *text)
{
	size_t length = strlen(text), used;
	GMimeEncoding state;
	char *quoted;

	(void)pthread_once(&once, g_mime_init);
	g_mime_encoding_init_encode(&state, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	quoted = mem_new(g_mime_encoding_outlen(&state, length) + 1);
	used = g_mime_encoding_flush(&state, text, length, quoted);
	for (size_t i = 0; i < used; i++) {
		if (quoted[i] == '\n')
			bytes_add_char(out, '\r');
		bytes_add_char(out, quoted[i]);
	}
	free(quoted);
}
