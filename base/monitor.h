/* A mutex and a condition that waits by ticks: what one thread needs to wait for another. */
#ifndef BASE_MONITOR_H
#define BASE_MONITOR_H

#include "base/clock.h"

#include <pthread.h>

struct monitor {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

void monitor_init(struct monitor *);
void monitor_destroy(struct monitor *);
void monitor_enter(struct monitor *);
void monitor_leave(struct monitor *);

/* Both to be called inside. False when the deadline passed first. */
void monitor_wait(struct monitor *);
bool monitor_wait_until(struct monitor *, struct deadline);

/* Wakes all that wait, or one where any will do. May be called inside or outside. */
void monitor_wake(struct monitor *);
void monitor_wake_one(struct monitor *);

#endif
