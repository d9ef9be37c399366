/* Stopping, and pausing so that it can be stopped. */
#include "expander/work.h"

void
work_init(struct work *w, struct queues *queues)
{
	*w = (struct work){ .queues = queues };
	monitor_init(&w->monitor);
}

void
work_destroy(struct work *w)
{
	monitor_destroy(&w->monitor);
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
	w->queues->ops->wake(w->queues);
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
