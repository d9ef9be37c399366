/* Workers by resource. */
#include "policies/bulkhead.h"

#include "base/mem.h"

#include <stdlib.h>

static const char *const names[RESOURCE_COUNT] = { [RESOURCE_DIRECTORY] = "check-source",
	                                           [RESOURCE_PROGRAM] = "check-program",
	                                           [RESOURCE_SERVICE] = "check-service",
	                                           [RESOURCE_DNS] = "check-dns",
	                                           [RESOURCE_FAIL] = "check-fail" };

const struct setting workers_settings[] = {
	{ .name = "source", .kind = KIND_NUMBER,
	  .offset = offsetof(struct workers, most[RESOURCE_DIRECTORY]), .fallback = "100", .min = "1",
	  .max = "10000",
	  .help = "How many checks may wait for a source of lists at the same time. As many more may wait "
	          "for that." },
	{ .name = "program", .kind = KIND_NUMBER,
	  .offset = offsetof(struct workers, most[RESOURCE_PROGRAM]), .fallback = "8", .min = "1",
	  .max = "1000",
	  .help = "How many programs may run at the same time. As many posts more may wait for that." },
	{ .name = "policy-service", .kind = KIND_NUMBER,
	  .offset = offsetof(struct workers, most[RESOURCE_SERVICE]), .fallback = "20", .min = "1",
	  .max = "1000",
	  .help = "How many questions to policy services may be open at the same time. As many more may "
	          "wait for that." },
	{ .name = "dns", .kind = KIND_NUMBER, .offset = offsetof(struct workers, most[RESOURCE_DNS]),
	  .fallback = "50", .min = "1", .max = "1000",
	  .help = "How many checks that ask the DNS (dkim, dmarc, rdns) may work at the same time. As many "
	          "more may wait for that." },
	{ .name = "fail", .kind = KIND_NUMBER, .offset = offsetof(struct workers, most[RESOURCE_FAIL]),
	  .fallback = "50", .min = "1", .max = "10000",
	  .help = "How many checks of the name fail may wait at the same time." },
	{ .kind = KIND_END },
};

struct bulkheads {
	struct pool *pools[RESOURCE_COUNT];
};

struct bulkheads *
bulkheads_open(const struct workers *w)
{
	struct bulkheads *b = mem_new(sizeof(*b));

	for (size_t r = RESOURCE_NONE + 1; r < RESOURCE_COUNT; r++)
		b->pools[r] = pool_open(names[r], (size_t)w->most[r], (size_t)w->most[r]);
	return b;
}

void
bulkheads_close(struct bulkheads **bulkheads)
{
	struct bulkheads *b = *bulkheads;

	*bulkheads = NULL;
	if (b == NULL)
		return;
	for (size_t r = RESOURCE_NONE + 1; r < RESOURCE_COUNT; r++)
		pool_close(&b->pools[r]);
	free(b);
}

bool
bulkhead_submit(struct bulkheads *b, enum resource r, pool_job *job, void *arg)
{
	return pool_submit(b->pools[r], job, arg);
}
