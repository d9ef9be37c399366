/* What every unit test includes: cmocka, with its prerequisites, and a few words more. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Both are the same text, or both NULL; `what` names the case. */
static inline void
same_text(const char *what, const char *got, const char *want)
{
	if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0))
		fail_msg("%s: got %s%s%s, want %s%s%s", what, got ? "\"" : "", got ? got : "NULL",
		         got ? "\"" : "", want ? "\"" : "", want ? want : "NULL", want ? "\"" : "");
}

static inline void
same_number(const char *what, long long got, long long want)
{
	if (got != want)
		fail_msg("%s: got %lld, want %lld", what, got, want);
}

/* A directory of its own for a test, removed by the caller of the program. */
static inline char *
make_temp_dir(void)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "/tmp/rollcall-unit-XXXXXX");
	if (mkdtemp(path) == NULL)
		fail_msg("cannot make a directory");
	return path;
}

/* Runs rm -rf on what make_temp_dir() made. */
static inline void
remove_temp_dir(const char *path)
{
	char command[128];

	if (strncmp(path, "/tmp/rollcall-unit-", 19) != 0)
		return;
	(void)snprintf(command, sizeof(command), "rm -rf %s", path);
	if (system(command) != 0)
		print_message("could not remove %s\n", path);
}

static inline void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		fail_msg("cannot write %s", path);
}

/*
 * Around RUN where all tests of a program share a directory: dir = begin_in_dir(); return
 * end_in_dir(dir, RUN(tests)). The log goes to standard error output.
 */
static inline char *
begin_in_dir(void)
{
	struct complaint why;

	(void)log_open("test", "stderr", LEVEL_ERROR, &why);
	return strdup(make_temp_dir());
}

static inline int
end_in_dir(char *dir, int failed)
{
	remove_temp_dir(dir);
	free(dir);
	return failed;
}

#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
