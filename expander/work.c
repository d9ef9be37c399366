/* Stopping, and pausing so that it can be stopped. */
#include "expander/work.h"

#include <sys/eventfd.h>

void
work_init(struct work *w, struct queues *queues)
{
	*w = (struct work){ .queues = queues, .abandon = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	monitor_init(&w->monitor);
}

/* Not `abandon` and the monitor: both are used until the process ends. */
void
work_close(struct work *w)
{
	monitor_enter(&w->monitor);
	queues_close(&w->queues);
	monitor_leave(&w->monitor);
}

bool
work_stopping(struct work *w)
{
	bool stopping;

	monitor_enter(&w->monitor);
	stopping = w->stopping;
	monitor_leave(&w->monitor);
	return stopping;
}

void
work_stop(struct work *w)
{
	monitor_enter(&w->monitor);
	w->stopping = true;
	monitor_wake(&w->monitor);
	monitor_leave(&w->monitor);
	for (enum queue_id q = 0; q < QUEUE_COUNT; q++)
		w->queues->ops->wake(w->queues, q);
}

void
work_abandon(struct work *w)
{
	if (w->abandon >= 0)
		(void)eventfd_write(w->abandon, 1);
}

void
work_leave(struct work *w)
{
	monitor_enter(&w->monitor);
	if (w->queues != NULL)
		w->queues->ops->leave(w->queues);
	monitor_leave(&w->monitor);
}

void
work_pause(struct work *w, int64_t milliseconds)
{
	struct deadline by = deadline_in(milliseconds);

	monitor_enter(&w->monitor);
	while (!w->stopping && monitor_wait_until(&w->monitor, by))
		;
	monitor_leave(&w->monitor);
}
