/* A mutex and a condition whose time cannot jump. */
#include "base/monitor.h"

#include <errno.h>
#include <stdlib.h>

static void
must(int error)
{
	if (error != 0)
		abort();                  /* only a bug gets here */
}

void
bell_init(struct bell *b)
{
	pthread_condattr_t attributes;

	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&b->rung, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

void
bell_destroy(struct bell *b)
{
	must(pthread_cond_destroy(&b->rung));
}

bool
bell_wait_until(struct bell *b, struct monitor *m, struct deadline by)
{
	struct timespec at = deadline_timespec(by);
	int error = pthread_cond_timedwait(&b->rung, &m->mutex, &at);

	if (error != ETIMEDOUT)
		must(error);
	return error == 0;
}

void
bell_ring(struct bell *b)
{
	must(pthread_cond_broadcast(&b->rung));
}

void
bell_ring_one(struct bell *b)
{
	must(pthread_cond_signal(&b->rung));
}

void
monitor_init(struct monitor *m)
{
	must(pthread_mutex_init(&m->mutex, NULL));
	bell_init(&m->changed);
}

void
monitor_destroy(struct monitor *m)
{
	bell_destroy(&m->changed);
	must(pthread_mutex_destroy(&m->mutex));
}

void
monitor_enter(struct monitor *m)
{
	must(pthread_mutex_lock(&m->mutex));
}

void
monitor_leave(struct monitor *m)
{
	must(pthread_mutex_unlock(&m->mutex));
}

void
monitor_wait(struct monitor *m)
{
	must(pthread_cond_wait(&m->changed.rung, &m->mutex));
}

bool
monitor_wait_until(struct monitor *m, struct deadline by)
{
	return bell_wait_until(&m->changed, m, by);
}

void
monitor_wake(struct monitor *m)
{
	bell_ring(&m->changed);
}

void
monitor_wake_one(struct monitor *m)
{
	bell_ring_one(&m->changed);
}
