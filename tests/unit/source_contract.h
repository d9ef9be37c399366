/* The contract of every source that has the lists of tests/fixtures/contract.*. */
#ifndef TESTS_UNIT_SOURCE_CONTRACT_H
#define TESTS_UNIT_SOURCE_CONTRACT_H

#include "sources/source.h"

enum lacking {
	LACKS_SETTINGS = 1,               /* it knows of no alternates, names, errors addresses */
	LACKS_STYLE = 2,                  /* it knows of no settings of a list's posts */
	KNOWS_PEOPLE = 4,                 /* it knows more of people than their addresses */
	LACKS_MEMBERS = 8                 /* it cannot look for all members one by one */
};

/*
 * Fails the current cmocka test where the contract is broken. `what` names the source, and `lacks` is
 * of enum lacking.
 */
void source_contract(const char *what, struct source *, unsigned lacks);

/*
 * A source from a block of YAML, as a configuration has it under `sources:`. Its cache is around
 * it.
 */
struct source *source_from_text(const char *yaml);

/* What a source says of one address, the list dropped. */
enum found ask_source(struct source *, const char *address, struct complaint *);

/* Fails the test unless a source of this kind with these settings is refused with such words. */
void source_refused(const char *kind, const char *settings, const char *want);

/* Runs it in four threads at once. */
void in_four_threads(void *(*)(void *), void *arg);

/* A member_fn for struct bytes: adds "spelling|". */
bool note_spelling(void *bytes, const struct member *);

#endif
