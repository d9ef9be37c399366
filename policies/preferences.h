/*
 * What members want of lists, where that is kept here and not in the directory: files below `state`,
 * one for each list that somebody wants something of, and one for all lists.
 *
 *	preferences 1 staff@lists.example.com     a word, the version, and the list, or "all"
 *	ann@example.com<TAB>no-mail               a canonical address, and what it wants
 *	bob@example.com<TAB>digest not-mine
 *	end 2                                     the number of lines
 *
 * A file without its last line is damaged. One is written anew and renamed: whoever reads sees all of
 * a change or nothing.
 *
 * Threads and processes: any number; changes wait for each other.
 */
#ifndef POLICIES_PREFERENCES_H
#define POLICIES_PREFERENCES_H

#include "policies/site.h"

/* For a list's name: what holds for all lists. */
#define PREFERENCES_ALL "all"

typedef void preference_fn(void *arg, const char *canonical, unsigned preferences);

/*
 * What is wanted of a list (its canonical address), or of all; what holds for all is not repeated for
 * each. Where there is no file, nobody wants anything. -1 with a complaint: it cannot be read.
 */
int preferences_each(const struct site *, const char *list, preference_fn *, void *arg,
                     struct complaint *);

/* Durably makes it what an address wants; 0: nothing. -1 with a complaint, and nothing is changed. */
int preferences_set(const struct site *, const char *list, const char *canonical, unsigned preferences,
                    struct complaint *);

/* The same, and what it wanted before it still does. */
int preferences_add(const struct site *, const char *list, const char *canonical, unsigned preferences,
                    struct complaint *);

/* The bit of a word; 0 where it is none. */
unsigned preference_of(const char *word, size_t length);

/* The words of bits, with blanks between. */
void preferences_print(unsigned, struct bytes *);

#endif
