/* Listening for LMTP. */
#include "expander/intake/lmtp_server.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/intake/lmtp_session.h"
#include "expander/metrics.h"
#include "expander/pulse.h"
#include "mail/reply.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINGER = 1000,                    /* ms between looks whether sessions have ended */
	IDLE = 60000
};

struct session_thread {
	struct lmtp_server *server;
	struct session_thread *next;
	int fd;
	atomic_bool idle;
	char client[INET6_ADDRSTRLEN];
};

struct lmtp_server {
	struct work *work;
	struct pollfd *listeners;         /* and behind them the pipe that ends the waiting */
	struct endpoint *endpoints;
	size_t count;
	int stop[2];
	pthread_t thread;
	bool started;
	struct monitor monitor;           /* over what follows */
	struct session_thread *sessions;
	size_t session_count;
};

struct lmtp_server *
lmtp_server_open(const struct service *service, struct complaint *why)
{
	struct lmtp_server *l = mem_new(sizeof(*l));
	const struct text_list *listen = &service->lmtp.listen;
	const struct share to = { 0660, service->site->user, service->lmtp.group };

	monitor_init(&l->monitor);
	l->stop[0] = l->stop[1] = -1;
	l->listeners = mem_array(listen->count + 1, sizeof(*l->listeners));
	l->endpoints = mem_array(listen->count, sizeof(*l->endpoints));
	for (size_t i = 0; i < listen->count; i++) {
		int fd = -1;

		if (endpoint_parse(listen->items[i], &l->endpoints[i], why) == 0)
			fd = net_listen(&l->endpoints[i], to, why);
		if (fd < 0) {
			endpoint_free(&l->endpoints[i]);
			lmtp_server_close(&l);
			return NULL;
		}
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		l->listeners[l->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	if (pipe2(l->stop, O_CLOEXEC) < 0) {
		(void)complain_errno(why, "cannot make a pipe");
		lmtp_server_close(&l);
		return NULL;
	}
	l->listeners[l->count] = (struct pollfd){ .fd = l->stop[0], .events = POLLIN };
	return l;
}

static void
forget_session(struct session_thread *t)
{
	struct lmtp_server *l = t->server;
	struct session_thread **at = &l->sessions;

	monitor_enter(&l->monitor);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	l->session_count--;
	metric_count(&expander_metrics[LMTP_SESSIONS], -1);
	(void)close(t->fd);
	monitor_wake(&l->monitor);
	monitor_leave(&l->monitor);
	free(t);
}

static void *
run_session(void *arg)
{
	struct session_thread *t = arg;

	(void)pthread_setname_np(pthread_self(), "lmtp");
	lmtp_session(t->server->work, t->fd, t->client, &t->idle);
	forget_session(t);
	return NULL;
}

static void
send_away(int fd, enum reply_id id)
{
	const struct reply *r = reply_of(id);
	char line[128];
	int n = snprintf(line, sizeof(line), "421 %s %s\r\n", r->enhanced, r->text);

	(void)send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

/* A thread for a connection. False when there are too many. */
static bool
start_session(struct lmtp_server *l, int fd, const struct sockaddr *from, int64_t most)
{
	struct session_thread *t = mem_new(sizeof(*t));
	pthread_attr_t attributes;
	pthread_t thread;
	bool started = false;

	t->server = l;
	t->fd = fd;
	net_peer(from, t->client, sizeof(t->client));
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	monitor_enter(&l->monitor);
	if (l->session_count < (size_t)most) {
		t->next = l->sessions;
		l->sessions = t;
		l->session_count++;
		started = pthread_create(&thread, &attributes, run_session, t) == 0;
		if (!started) {
			l->sessions = t->next;
			l->session_count--;
		}
	}
	/* Under the lock, so that it is not counted down before. */
	if (started)
		metric_count(&expander_metrics[LMTP_SESSIONS], 1);
	monitor_leave(&l->monitor);
	(void)pthread_attr_destroy(&attributes);
	if (!started)
		free(t);
	return started;
}

static void
accept_one(struct lmtp_server *l, int listener)
{
	struct sockaddr_storage from = { 0 };
	const struct sockaddr *address = (struct sockaddr *)&from;
	int fd = net_accept(listener, &from, "lmtp");
	struct service *s;

	if (fd < 0)
		return;
	metric_count(&expander_metrics[LMTP_CONNECTIONS], 1);
	s = service_current();
	if (from.ss_family != AF_UNIX && !networks_have(s->networks, address)) {
		char client[INET6_ADDRSTRLEN];

		net_peer(address, client, sizeof(client));
		log_say(LEVEL_WARN, "lmtp", "%s may not connect (lmtp.networks)", client);
		(void)close(fd);
	} else if (!start_session(l, fd, address, s->lmtp.sessions)) {
		log_say(LEVEL_WARN, "lmtp", "too many sessions (lmtp.sessions), or no room for a thread");
		send_away(fd, REPLY_BUSY);
	}
	service_drop(&s);
}

static void *
accept_loop(void *arg)
{
	struct lmtp_server *l = arg;

	(void)pthread_setname_np(pthread_self(), "lmtp-accept");
	pulse_begin("lmtp-accept");
	for (;;) {
		if (poll(l->listeners, l->count + 1, (int)pulse_rest(IDLE)) <= 0)
			continue;
		if (l->listeners[l->count].revents != 0)
			break;
		pulse_step(0);
		for (size_t i = 0; i < l->count; i++)
			if (l->listeners[i].revents != 0)
				accept_one(l, l->listeners[i].fd);
	}
	pulse_end();
	return NULL;
}

int
lmtp_server_start(struct lmtp_server *l, struct work *work, struct complaint *why)
{
	l->work = work;
	l->started = pthread_create(&l->thread, NULL, accept_loop, l) == 0;
	return l->started ? 0 : complain(why, "cannot start the LMTP server");
}

/* Ends the talk of every session; those that are idle can say so still. */
static void
shut_sessions(struct lmtp_server *l, bool all)
{
	for (struct session_thread *t = l->sessions; t != NULL; t = t->next)
		if (all || atomic_load(&t->idle))
			(void)shutdown(t->fd, all ? SHUT_RDWR : SHUT_RD);
}

size_t
lmtp_server_busy(struct lmtp_server *l)
{
	size_t busy = 0;

	monitor_enter(&l->monitor);
	for (struct session_thread *t = l->sessions; t != NULL; t = t->next)
		busy += !atomic_load(&t->idle);
	monitor_leave(&l->monitor);
	return busy;
}

void
lmtp_server_stop(struct lmtp_server *l, int64_t patience)
{
	struct deadline by = deadline_in(patience);

	if (!l->started)
		return;
	(void)close(l->stop[1]);
	l->stop[1] = -1;
	(void)pthread_join(l->thread, NULL);
	l->started = false;
	monitor_enter(&l->monitor);
	shut_sessions(l, false);
	while (l->session_count > 0 && !deadline_passed(by))
		(void)monitor_wait_until(&l->monitor, by);
	while (l->session_count > 0) {
		shut_sessions(l, true);
		(void)monitor_wait_until(&l->monitor, deadline_in(LINGER));
	}
	monitor_leave(&l->monitor);
}

void
lmtp_server_close(struct lmtp_server **server)
{
	struct lmtp_server *l = *server;

	*server = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++) {
		(void)close(l->listeners[i].fd);
		if (l->endpoints[i].path != NULL)
			(void)unlink(l->endpoints[i].path);
		endpoint_free(&l->endpoints[i]);
	}
	for (int i = 0; i < 2; i++)
		if (l->stop[i] >= 0)
			(void)close(l->stop[i]);
	free(l->listeners);
	free(l->endpoints);
	monitor_destroy(&l->monitor);
	free(l);
}
