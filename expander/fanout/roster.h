/*
 * Those who may get a post, while it is decided who does: everybody whom the source names, once each,
 * by canonical address; who of them is left out, and why; and their order. Then it is frozen.
 *
 * All of it is in memory: the set of addresses, other spellings where there are any, and about ten
 * bytes for each. One thread at a time.
 */
#ifndef EXPANDER_FANOUT_ROSTER_H
#define EXPANDER_FANOUT_ROSTER_H

#include "base/bytes.h"
#include "base/set.h"
#include "base/text.h"

#include <stdint.h>

/* Why an address is left out. The first reason counts. */
enum out {
	OUT_NOT,                          /* it is in */
	OUT_LIST,                         /* the list itself */
	OUT_POSTER,
	OUT_WITHOUT,
	OUT_NO_MAIL,
	OUT_DIGEST,
	OUT_NOT_MINE,
	OUT_PROGRAM,
	OUT_BEFORE,                       /* has it from a list that the post came for before */
	OUT_COUNT
};

/* In words, for whoever asks why. */
const char *out_word(enum out);

struct roster {
	struct set *addresses;            /* canonical, each with its NUL */
	struct listed {
		uint8_t out, preferences;
		bool member;              /* and not only left out */
		bool marked;              /* for whoever goes through it */
	} *people;                        /* by the number in the set */
	uint32_t *spelled;                /* of each: where in `spellings`, + 1; 0: as the canonical.
	                                   * NULL: all of them are */
	size_t room;
	struct bytes spellings;
	uint32_t *order;                  /* numbers of members */
	size_t count, order_room;         /* of members, whether they are in or out */
	struct text_list apart;           /* lists within, which get a post of their own: their addresses */
};

void roster_open(struct roster *);
void roster_close(struct roster *);

/* A member. `preferences` are enum preference; those of several times add up. */
void roster_add(struct roster *, const char *canonical, const char *spelling, unsigned preferences);

/* Leaves an address out, whether it is there or comes later. */
void roster_bar(struct roster *, const char *canonical, enum out);

/* The number of an address that was named; false: it was not. */
bool roster_find(const struct roster *, const char *canonical, uint32_t *number_r);

/* The same of a member, whether in or out. */
bool roster_find_member(const struct roster *, const char *canonical, uint32_t *number_r);

/* Of a number. */
const char *roster_canonical(const struct roster *, uint32_t number);
const char *roster_spelling(const struct roster *, uint32_t number);

/* How many members are in. */
size_t roster_left(const struct roster *);

#endif
