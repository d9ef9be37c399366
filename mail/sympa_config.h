/*
 * The file "config" of a list of Sympa: parameters, each with a value or with several named ones, and
 * blank lines between.
 */
#ifndef MAIL_SYMPA_CONFIG_H
#define MAIL_SYMPA_CONFIG_H

#include "base/complaint.h"

#include <stddef.h>

/* One line. */
struct sympa_line {
	size_t number;                    /* from 1 */
	char *name, *value;               /* value: "" where there is none */
};

/* What stands between blank lines. All of it is valid during the call only. */
struct sympa_parameter {
	struct sympa_line *lines;         /* the first has the parameter's name */
	size_t count;                     /* 1: its value is in that line; else it is in the others */
};

/* The value of this name among the lines below the first, or NULL; the first of several. */
const char *sympa_value(const struct sympa_parameter *, const char *name);

/* The number of that line, or else of the first. */
size_t sympa_number(const struct sympa_parameter *, const char *name);

/*
 * Calls take for each parameter of what is said to be in `file`, until that says -1 with a complaint.
 * -1 with "file:line: …" for what is no such file. Texts are UTF-8 without control characters.
 */
int sympa_config_read(const char *file, const char *text, size_t length,
                      int (*take)(void *arg, const struct sympa_parameter *, struct complaint *),
                      void *arg, struct complaint *);

#endif
