/* A thread that negotiates with the milter it lives in. */
#include "milter/pacemaker.h"

#include "base/mem.h"
#include "base/monitor.h"
#include "base/notify.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEAT = 1, REST = 300, PATIENCE = 200 };   /* ms */

struct pacemaker {
	struct monitor monitor;
	struct endpoint to;
	pthread_t thread;
	size_t waiting;
	bool closing;
	bool answered;                    /* of the thread alone: whether libmilter has ever answered */
	int64_t told;                     /* when the service manager was told so, in ticks */
};

/*
 * One negotiation: SMFIC_OPTNEG of milter protocol version 6 with all actions and steps offered.
 * True if it was answered, if only by sending us away.
 */
static bool
beat(const struct pacemaker *p)
{
	static const unsigned char negotiation[] = { 0, 0, 0, 13, 'O', 0, 0, 0,    6,
		                                     0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff };
	struct complaint unused;
	int fd = net_connect(&p->to, deadline_in(PATIENCE), &unused);
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	char reply[5] = "";               /* length and command */
	bool away = false;

	if (fd < 0)
		return false;
	if (send(fd, negotiation, sizeof(negotiation), MSG_NOSIGNAL) == (ssize_t)sizeof(negotiation) &&
	    poll(&answer, 1, PATIENCE) == 1)
		away = recv(fd, reply, sizeof(reply), MSG_DONTWAIT) == 0;
	(void)close(fd);
	return away || reply[4] == 'O';
}

/* libmilter accepts connections, and its workers answer: that is what the service manager asks. */
static void
show_life(struct pacemaker *p)
{
	int64_t now = clock_ticks(), every = notify_every();

	if (!p->answered)
		notify_ready();
	if (every > 0 && (!p->answered || now - p->told >= every)) {
		notify_alive();
		p->told = now;
	}
	p->answered = true;
}

static void *
run(void *arg)
{
	struct pacemaker *p = arg;
	size_t waited = 0, waiting;

	(void)pthread_setname_np(pthread_self(), "pacemaker");
	monitor_enter(&p->monitor);
	while (!p->closing) {
		/*
		 * Slowly at rest: libmilter looks only now and then whether it was told to stop, or
		 * when somebody connects.
		 */
		struct deadline rest = deadline_in(REST);

		while (!p->closing && p->waiting == 0 && monitor_wait_until(&p->monitor, rest))
			;
		waiting = p->waiting;
		monitor_leave(&p->monitor);
		/* Where the last beat let another one in, there are more, as a rule. */
		if (waiting <= waited)
			(void)usleep(BEAT * 1000);
		waited = waiting;
		if (beat(p))
			show_life(p);
		monitor_enter(&p->monitor);
	}
	monitor_leave(&p->monitor);
	return NULL;
}

struct pacemaker *
pacemaker_open(const struct endpoint *listen, struct complaint *why)
{
	struct pacemaker *p = mem_new(sizeof(*p));
	const char *host = listen->host;
	int fd;

	monitor_init(&p->monitor);
	if (host != NULL && (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0))
		host = *host == '0' ? "127.0.0.1" : "::1";
	p->to = (struct endpoint){ mem_text(listen->path), mem_text(host), mem_text(listen->port) };
	fd = net_connect(&p->to, deadline_in(PATIENCE), why);
	if (fd >= 0)
		(void)close(fd);
	if (fd < 0 || pthread_create(&p->thread, NULL, run, p) != 0) {
		if (fd >= 0)
			(void)complain(why, "cannot start the pacemaker");
		endpoint_free(&p->to);
		monitor_destroy(&p->monitor);
		free(p);
		return NULL;
	}
	return p;
}

void
pacemaker_close(struct pacemaker **pacemaker)
{
	struct pacemaker *p = *pacemaker;

	*pacemaker = NULL;
	if (p == NULL)
		return;
	monitor_enter(&p->monitor);
	p->closing = true;
	monitor_wake(&p->monitor);
	monitor_leave(&p->monitor);
	(void)pthread_join(p->thread, NULL);
	monitor_destroy(&p->monitor);
	endpoint_free(&p->to);
	free(p);
}

void
pacemaker_begin(struct pacemaker *p)
{
	monitor_enter(&p->monitor);
	p->waiting++;
	monitor_wake(&p->monitor);
	monitor_leave(&p->monitor);
}

void
pacemaker_end(struct pacemaker *p)
{
	monitor_enter(&p->monitor);
	p->waiting--;
	monitor_leave(&p->monitor);
}
