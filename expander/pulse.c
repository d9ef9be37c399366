/* Signs of life. */
#include "expander/pulse.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MARGIN = 60000 };                  /* ms: for slow disks and busy processors */

struct pulse {
	struct pulse *next;
	const char *name;
	_Atomic int64_t by;               /* in ticks */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pulse *pulses;              /* under the lock */
static _Thread_local struct pulse *mine;

void
pulse_begin(const char *name)
{
	mine = mem_new(sizeof(*mine));
	mine->name = name;
	pulse_step(0);
	(void)pthread_mutex_lock(&lock);
	mine->next = pulses;
	pulses = mine;
	(void)pthread_mutex_unlock(&lock);
}

void
pulse_end(void)
{
	struct pulse **at = &pulses;

	(void)pthread_mutex_lock(&lock);
	while (*at != mine)
		at = &(*at)->next;
	*at = mine->next;
	(void)pthread_mutex_unlock(&lock);
	free(mine);
	mine = NULL;
}

void
pulse_step(int64_t most)
{
	if (mine != NULL)
		atomic_store(&mine->by, clock_ticks() + most + MARGIN);
}

int64_t
pulse_rest(int64_t most)
{
	int64_t every = notify_every();

	if (every == 0 || mine == NULL)
		return most;
	if (most > every)
		most = every;
	atomic_store(&mine->by, clock_ticks() + most + every);
	return most;
}

const char *
pulse_late(void)
{
	int64_t now = clock_ticks();
	const char *late = NULL;

	(void)pthread_mutex_lock(&lock);
	for (const struct pulse *p = pulses; p != NULL && late == NULL; p = p->next)
		if (atomic_load(&p->by) < now)
			late = p->name;
	(void)pthread_mutex_unlock(&lock);
	return late;
}
