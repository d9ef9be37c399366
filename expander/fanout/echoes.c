/* Receipts as a measure. */
#include "expander/fanout/echoes.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	LATE = 2000000,                   /* us … */
	FIRST_LATE = 500000               /* … and of an MTA that was never asked */
};

struct echo {
	struct echo *next;
	char entry[DIGEST_NAME + 1];
	int64_t batch;
	size_t recipients, beside;
	int64_t began;
	bool followed;
};

void
echoes_close(struct echoes *e)
{
	while (e->all != NULL) {
		struct echo *one = e->all;

		e->all = one->next;
		free(one);
	}
}

void
echoes_await(struct echoes *e, const struct batch *b, int64_t now)
{
	struct echo *one = mem_new(sizeof(*one));

	*one = (struct echo){ .next = e->all, .batch = b->number, .recipients = b->count, .beside = b->beside,
		              .began = now, .followed = b->followed };
	memcpy(one->entry, b->post->entry->id, sizeof(one->entry));
	e->all = one;
}

static struct echo **
find(struct echoes *e, const char *entry, int64_t batch)
{
	struct echo **at = &e->all;

	while (*at != NULL && ((*at)->batch != batch || strcmp((*at)->entry, entry) != 0))
		at = &(*at)->next;
	return at;
}

/* Whether it was followed. */
static bool
forget(struct echo **at)
{
	struct echo *one = *at;
	bool followed = one->followed;

	*at = one->next;
	free(one);
	return followed;
}

bool
echoes_sent(struct echoes *e, const struct batch *b, bool queued, bool receipt)
{
	struct echo **at = find(e, b->post->entry->id, b->number);

	if (*at == NULL || (queued && receipt))
		return false;
	if (queued)
		e->news = ECHOES_MISSED;
	return forget(at);
}

bool
echoes_heard(struct echoes *e, const char *entry, int64_t batch, int64_t now, struct sample *sample)
{
	struct echo **at = find(e, entry, batch);

	if (*at == NULL)
		return false;
	*sample = (struct sample){ (*at)->recipients, now - (*at)->began, (*at)->beside };
	e->news = ECHOES_COME;
	return forget(at);
}

size_t
echoes_late(struct echoes *e, int64_t now)
{
	int64_t patience = e->news == ECHOES_HOPED_FOR ? FIRST_LATE : LATE;
	size_t followed = 0;

	for (struct echo **at = &e->all; *at != NULL;) {
		if (now - (*at)->began < patience) {
			at = &(*at)->next;
			continue;
		}
		followed += forget(at);
		e->news = ECHOES_MISSED;
	}
	return followed;
}
