/* Why something failed, in words. */
#include "base/complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
complain(struct complaint *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return -1;
}

int
complain_errno(struct complaint *why, const char *format, ...)
{
	int error = errno;
	const char *words = strerrordesc_np(error);
	va_list args;
	size_t used;

	va_start(args, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	used = strlen(why->text);
	(void)snprintf(why->text + used, sizeof(why->text) - used, ": %s",
	               words == NULL ? "unknown error" : words);
	errno = error;                    /* callers look at it as well */
	return -1;
}

int
complain_within(struct complaint *why, const char *format, ...)
{
	struct complaint inner = *why;
	va_list args;
	size_t used;

	va_start(args, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	used = strlen(why->text);
	(void)snprintf(why->text + used, sizeof(why->text) - used, ": %s", inner.text);
	return -1;
}
