/*
 * Questions to the DNS, by libunbound: it remembers answers for as long as they say, asks over TCP
 * what does not fit, and can be asked many things at once. Whoever asks waits for no longer than it
 * wants to; what has come by then counts, and the rest is unsure. What comes later is remembered for
 * the next.
 *
 * Threads: a resolver may be shared. A `struct lookups` belongs to one thread.
 */
#ifndef BASE_RESOLVER_H
#define BASE_RESOLVER_H

#include "base/clock.h"
#include "base/dns.h"
#include "base/metric.h"
#include "base/setting.h"

/* The rows of the part `dns`, and what they fill. */
struct dns_settings {
	struct text_list servers;         /* none: those of the file */
	char *file;
	int64_t timeout;                  /* ms that one question may take */
	int64_t together;                 /* ms for all questions about one distribution list */
	int64_t memory;                   /* bytes of answers that are remembered */
};
extern const struct setting dns_settings[];

struct resolver;

/* Takes a copy. Nothing is read, and no thread started, before the first question. */
struct resolver *resolver_open(const struct dns_settings *);
/* Nobody may wait for it any more. */
void resolver_close(struct resolver **);

/* Questions whose answers are waited for together. */
struct lookups;

struct lookups *lookups_open(struct resolver *);
/* Asks, without waiting. The index of its answer. The name is in A-labels. */
size_t lookups_add(struct lookups *, enum record_type, const char *name);
/*
 * Waits until all answers are there. False: the deadline passed first, or nobody waits any more; what is
 * missing is unsure then.
 */
bool lookups_wait(struct lookups *, struct deadline);
/* After lookups_wait(). Lives as long as the lookups. */
const struct dns_answer *lookups_answer(const struct lookups *, size_t i);
void lookups_close(struct lookups **);

/* The setting: how long one question may take, from now. */
struct deadline resolver_patience(const struct resolver *);
/* The same for all questions about a distribution list. */
struct deadline resolver_patience_together(const struct resolver *);

/* What was asked of all resolvers of this process, by type and what came of it. */
extern const struct metric resolver_metrics[];

#endif
