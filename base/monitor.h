/* A mutex and a condition that waits by ticks: what one thread needs to wait for another. */
#ifndef BASE_MONITOR_H
#define BASE_MONITOR_H

#include "base/clock.h"

#include <pthread.h>

/* What somebody waits for. Belongs to a monitor, inside which it is waited for. */
struct bell {
	pthread_cond_t rung;
};

struct monitor {
	pthread_mutex_t mutex;
	struct bell changed;
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

/* The same for one of several things that are waited for inside one monitor. */
void bell_init(struct bell *);
void bell_destroy(struct bell *);
bool bell_wait_until(struct bell *, struct monitor *, struct deadline);
void bell_ring(struct bell *);
void bell_ring_one(struct bell *);

#endif
