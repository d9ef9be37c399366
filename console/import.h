/* Lists of other programs, on their way to a file of the source "file". One thread. */
#ifndef CONSOLE_IMPORT_H
#define CONSOLE_IMPORT_H

#include "base/bytes.h"
#include "base/complaint.h"
#include "base/map.h"
#include "base/set.h"
#include "base/text.h"

#include <stdbool.h>

struct imported {
	char *address;                    /* canonical */
	char *name, *errors;              /* or NULL */
	struct text_list alternates, members, owners, settings;
	struct set *seen;                 /* canonical addresses of members and owners, behind a letter */
	bool known;                       /* it was not only named as somebody's list */
};

struct import {
	const char *file;                 /* that is being read */
	struct map *lists;                /* canonical → struct imported, in the order of the files */
	void *own;                        /* of the kind */
	size_t lost;                      /* notes of something that is missing from what is made */
	struct bytes text;                /* is printed instead of the lists, where a kind has filled it */
};

/* The list of this address, new if it was not there; NULL with a complaint that names the line. */
struct imported *import_list(struct import *, size_t line, const char *address, struct complaint *);

/* One more member, or owner. What is no mailbox is lost. */
void import_member(struct import *, struct imported *, size_t line, const char *address);
void import_owner(struct import *, struct imported *, size_t line, const char *address);
void import_alternate(struct import *, struct imported *, size_t line, const char *address);

/* Sets a text unless it is set, or empty. */
void import_set(char **field, const char *text);

/* A setting of the list's posts, "name: value". */
void import_setting(struct imported *, const char *name, const char *value);

/* Says on standard error what has no counterpart; with `lost` that somebody or something is missing. */
void import_note(struct import *, size_t line, bool lost, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A kind of files. */
struct import_kind {
	const char *name, *summary;
	/* Takes one file; -1 with a complaint. */
	int (*read)(struct import *, const char *text, size_t length, struct complaint *);
	/* When all are read; frees what is its own. */
	int (*end)(struct import *, struct complaint *);
};

extern const struct import_kind import_mailman, import_iredmail, import_mgrp, import_sympa,
        import_sympa_groups, import_sympa_config;

#endif
