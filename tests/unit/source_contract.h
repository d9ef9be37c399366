/* The contract of every source that has the lists of tests/fixtures/contract.*. */
#ifndef TESTS_UNIT_SOURCE_CONTRACT_H
#define TESTS_UNIT_SOURCE_CONTRACT_H

#include "sources/source.h"

/* Fails the current cmocka test where the contract is broken. `what` names the source. */
void source_contract(const char *what, struct source *);

/* The same of one that has nothing to say of its lists but who is on them. */
void source_contract_plain(const char *what, struct source *);

/*
 * A source from a block of YAML, as a configuration has it under `sources:`. Its cache is around
 * it.
 */
struct source *source_from_text(const char *yaml);

#endif
