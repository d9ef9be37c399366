/* Allocation that cannot fail. */
#include "base/mem.h"

#include "base/log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void
out_of_memory(void)
{
	log_last_words("out of memory");
	abort();
}

void *
mem_new(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
mem_array(size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		out_of_memory();
	return mem_new(count * size);
}

void *
mem_resize(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

char *
mem_copy(const void *bytes, size_t length)
{
	char *p;

	if (length == SIZE_MAX)
		out_of_memory();
	p = mem_resize(NULL, length + 1);
	if (length != 0)
		memcpy(p, bytes, length);
	p[length] = '\0';
	return p;
}

char *
mem_text(const char *text)
{
	return text == NULL ? NULL : mem_copy(text, strlen(text));
}

char *
mem_format(const char *format, ...)
{
	va_list args;
	char *p = NULL;
	int n;

	va_start(args, format);
	n = vasprintf(&p, format, args);
	va_end(args);
	if (n < 0)
		out_of_memory();
	return p;
}

void
mem_drop(char **p)
{
	free(*p);
	*p = NULL;
}
