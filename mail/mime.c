/* MIME, by GMime. */
#include "mail/mime.h"

#include "base/mem.h"

#include <gmime/gmime.h>
#include <pthread.h>

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
