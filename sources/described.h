/* What programs say of lists, in lines "word: value". One thread. */
#ifndef SOURCES_DESCRIBED_H
#define SOURCES_DESCRIBED_H

#include "base/map.h"
#include "sources/source.h"

/* Of one list. A zeroed struct is that of which nothing was said. */
struct description {
	char *address, *name, *errors;    /* addresses are canonical */
	struct text_list also;            /* further addresses; only where all lists are asked for */
};

/*
 * One line: "address: …", "name: …" or "errors: …". Of names and errors addresses the first counts,
 * own addresses must be the same. -1 with a complaint.
 */
int description_take(struct description *, const char *line, size_t length, struct complaint *);

/* The list; its own address is the one that was asked for, where none was said. */
struct list *description_list(const struct description *, const char *asked);
void description_free(struct description *);

/* Of all lists, by several programs one after the other. */
struct descriptions {
	struct map *by_address;           /* struct description */
	struct description *current;      /* the one that lines are about; NULL before the first */
	bool ended;                       /* "end" was said */
};
void descriptions_open(struct descriptions *);

/* One line: "address: …" begins a list, "also: …", "name: …" and "errors: …" are about it; "end". */
int descriptions_take(struct descriptions *, const char *line, size_t length, struct complaint *);

/* One program (struct descriptions) has ended well: -1 with a complaint unless it said so itself. */
int descriptions_end(void *arg, struct complaint *);

/* Calls fn for those with an address in the domain. False: it said to stop. */
bool descriptions_each(const struct descriptions *, const char *domain, list_fn *fn, void *arg);
void descriptions_close(struct descriptions *);

#endif
