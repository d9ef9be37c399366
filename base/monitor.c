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
monitor_init(struct monitor *m)
{
	pthread_condattr_t attributes;

	must(pthread_mutex_init(&m->mutex, NULL));
	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&m->changed, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

void
monitor_destroy(struct monitor *m)
{
	must(pthread_cond_destroy(&m->changed));
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
	must(pthread_cond_wait(&m->changed, &m->mutex));
}

bool
monitor_wait_until(struct monitor *m, struct deadline by)
{
	struct timespec at = deadline_timespec(by);
	int error = pthread_cond_timedwait(&m->changed, &m->mutex, &at);

	if (error != ETIMEDOUT)
		must(error);
	return error == 0;
}

void
monitor_wake(struct monitor *m)
{
	must(pthread_cond_broadcast(&m->changed));
}

void
monitor_wake_one(struct monitor *m)
{
	must(pthread_cond_signal(&m->changed));
}
