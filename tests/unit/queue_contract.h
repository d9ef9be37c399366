/* The contract of every back end of the queues, run against each. */
#ifndef TESTS_UNIT_QUEUE_CONTRACT_H
#define TESTS_UNIT_QUEUE_CONTRACT_H

#include "queues/queue.h"

/* A back end under test. */
struct back_end {
	const char *name;
	/* Opens it; the second time on what the first left. */
	struct queues *(*open)(void *arg);
	void *arg;
};

/* Fails the current cmocka test where the contract is broken. */
void queue_contract(const struct back_end *);

/* An envelope for a list, freed by envelope_free(). */
struct envelope envelope_for(const char *list, const char *role);

/* Stores a message for one list; its name comes back in id. */
enum stored store_one(struct queues *, enum queue_id, const char *message, const char *list,
                      char id[DIGEST_NAME + 1]);

/* Stores one for two lists, in pending. */
void store_two(struct queues *, const char *message, const char *list, const char *other);

/* The spool in a directory; the test fails where it cannot be opened. */
struct queues *queue_spool_open(void *path);

/* The in-memory double: the same promises, but for those about dying. */
struct queues *queue_memory_open(void *unused);

#endif
