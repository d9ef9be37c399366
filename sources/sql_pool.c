/* The connections of a source to its database. */
#include "sources/sql_pool.h"

/* Takes one out that was used lately; closes the others. Under the lock. */
static struct sql_conn *
take_idle(struct sql_pool *p)
{
	int64_t now = clock_ticks();

	while (p->idle != NULL) {
		struct sql_conn *c = p->idle;

		p->idle = c->next;
		if (now - c->used < p->keep)
			return c;
		p->driver->close(c);
		p->open--;
	}
	return NULL;
}

struct sql_conn *
sql_take(struct sql_pool *p, struct deadline by, bool *kept, struct complaint *why)
{
	struct sql_conn *c;
	bool may = true;

	monitor_enter(&p->monitor);
	while ((c = take_idle(p)) == NULL && p->open >= p->most && may)
		may = monitor_wait_until(&p->monitor, by);
	if (c == NULL && may)
		p->open++;
	monitor_leave(&p->monitor);
	*kept = c != NULL;
	if (c == NULL && !may) {
		(void)complain(why, "all %lld connections are in use", (long long)p->most);
	} else if (c == NULL) {
		c = p->driver->open(p->connect, deadline_earlier(by, deadline_in(p->patience)), why);
		if (c == NULL) {
			monitor_enter(&p->monitor);
			p->open--;
			monitor_wake(&p->monitor);
			monitor_leave(&p->monitor);
		}
	}
	return c;
}

void
sql_give(struct sql_pool *p, struct sql_conn *c, bool whole)
{
	bool keep = whole && p->driver->keep;

	if (!keep)
		p->driver->close(c);
	monitor_enter(&p->monitor);
	if (keep) {
		c->used = clock_ticks();
		c->next = p->idle;
		p->idle = c;
	} else {
		p->open--;
	}
	monitor_wake(&p->monitor);
	monitor_leave(&p->monitor);
}

void
sql_pool_close(struct sql_pool *p)
{
	while (p->idle != NULL) {
		struct sql_conn *c = p->idle;

		p->idle = c->next;
		p->driver->close(c);
	}
	monitor_destroy(&p->monitor);
}
