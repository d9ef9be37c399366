/* Worker threads. They are started as they are needed, up to the pool's size. */
#include "base/pool.h"

#include "base/mem.h"
#include "base/monitor.h"

#include <stdlib.h>
#include <string.h>

struct job {
	struct job *next;
	pool_job *run;
	void *arg;
};

struct pool {
	struct monitor monitor;
	char name[16];
	pthread_t *threads;
	size_t started, idle, workers;
	struct job *first, **last;
	size_t queued, running, queue_limit;
	bool closing;
};

static void *
work(void *arg)
{
	struct pool *p = arg;
	struct job *job;

	(void)pthread_setname_np(pthread_self(), p->name);
	monitor_enter(&p->monitor);
	for (;;) {
		while (p->first == NULL && !p->closing) {
			p->idle++;
			monitor_wait(&p->monitor);
			p->idle--;
		}
		job = p->first;
		if (job == NULL)
			break;
		p->first = job->next;
		if (p->first == NULL)
			p->last = &p->first;
		p->queued--;
		p->running++;
		monitor_leave(&p->monitor);
		job->run(job->arg);
		free(job);
		monitor_enter(&p->monitor);
		p->running--;
	}
	monitor_leave(&p->monitor);
	return NULL;
}

struct pool *
pool_open(const char *name, size_t workers, size_t queue_limit)
{
	struct pool *p = mem_new(sizeof(*p));

	monitor_init(&p->monitor);
	(void)strncpy(p->name, name, sizeof(p->name) - 1);
	p->threads = mem_array(workers, sizeof(*p->threads));
	p->workers = workers;
	p->last = &p->first;
	p->queue_limit = queue_limit;
	return p;
}

bool
pool_submit(struct pool *p, pool_job *run, void *arg)
{
	struct job *job;
	bool taken = false;

	monitor_enter(&p->monitor);
	if (!p->closing && p->queued + p->running < p->workers + p->queue_limit) {
		if (p->queued >= p->idle && p->started < p->workers &&
		    pthread_create(&p->threads[p->started], NULL, work, p) == 0)
			p->started++;
		if (p->started > 0) {
			job = mem_new(sizeof(*job));
			job->run = run;
			job->arg = arg;
			*p->last = job;
			p->last = &job->next;
			p->queued++;
			taken = true;
			monitor_wake_one(&p->monitor);
		}
	}
	monitor_leave(&p->monitor);
	return taken;
}

void
pool_close(struct pool **pool)
{
	struct pool *p = *pool;

	if (p == NULL)
		return;
	monitor_enter(&p->monitor);
	p->closing = true;
	monitor_wake(&p->monitor);
	monitor_leave(&p->monitor);
	for (size_t i = 0; i < p->started; i++)
		(void)pthread_join(p->threads[i], NULL);
	monitor_destroy(&p->monitor);
	free(p->threads);
	free(p);
	*pool = NULL;
}
