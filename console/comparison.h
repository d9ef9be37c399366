/*
 * A list beside what another program, or a post, makes of it: who is in both, and whoever is not,
 * with the reason as far as it can be known.
 */
#ifndef CONSOLE_COMPARISON_H
#define CONSOLE_COMPARISON_H

#include "base/json.h"
#include "base/map.h"
#include "base/set.h"
#include "policies/site.h"

/* The kinds of rows. The first three are differences, the others are told beside them. */
enum rows {
	ROWS_HERE,                        /* address, via: only rollcall would send to him */
	ROWS_THERE,                       /* address, file, line, reason: only the others do */
	ROWS_UNREADABLE,                  /* file, line, reason: what is there is no address */
	ROWS_SPELLING,                    /* address, file, line, reason: how it is spelled there, or that
	                                     it is another address of the same person */
	ROWS_LISTS,                       /* address, file, line, reason: a list, so not its members */
	ROWS_OMITTED,                     /* what, via, reason: a member here who gets nothing */
	ROWS_COUNT
};
extern const char *const rows_words[ROWS_COUNT];

struct comparison {
	struct map *theirs;               /* canonical → struct their, in comparison.c */
	struct set *ours;
	struct set *omitted;              /* values that are no mailboxes */
	struct set *disabled;             /* keys of people who get no mail, in lower case */
	struct set *alternates;           /* canonical: ours whom they have by another address */
	struct source *source;            /* that knows whose addresses they are; or NULL. Borrowed */
	struct js *rows[ROWS_COUNT];      /* arrays of objects */
	size_t same;                      /* addresses in both */
	size_t through;                   /* members here by a list that the others have as one address */
};

void comparison_open(struct comparison *);
void comparison_close(struct comparison *);

/* Reads a file of theirs, see member_list_read(). -1 with a complaint. */
int comparison_read(struct comparison *, const char *file, const char *column, struct complaint *);

/* Somebody whom rollcall sends to, and by which groups (NULL: not known). */
void comparison_add(struct comparison *, const char *canonical, const char *spelling,
                    const struct via *);

/* Walks the members of a list. */
enum found comparison_walk(struct comparison *, const struct target *, struct complaint *);

/* When both are read: what is left of theirs becomes rows; ours are put in order. */
void comparison_end(struct comparison *, const struct site *);

/* How many rows are differences. */
size_t comparison_differences(const struct comparison *);

#endif
