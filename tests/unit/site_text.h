/* A site from a text. */
#ifndef TESTS_UNIT_SITE_TEXT_H
#define TESTS_UNIT_SITE_TEXT_H

#include "tests/unit/unit.h"

#include "base/mem.h"
#include "policies/site.h"

/* Writes a configuration into a directory; its name, allocated. */
static inline char *
write_config(const char *dir, const char *text)
{
	char *path = mem_format("%s/rollcall.yaml", dir);

	write_file(path, text);
	return path;
}

/* The site that it describes. Takes over the text. */
static inline struct site *
site_of(const char *dir, char *text)
{
	const struct site_part none = { 0 };
	char *path = write_config(dir, text);
	struct complaint why;
	struct site *s = site_load(path, true, &none, &why);

	if (s == NULL)
		fail_msg("%s: %s", text, why.text);
	free(text);
	free(path);
	return s;
}

#endif
