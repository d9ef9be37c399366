/* Listening for questions. */
#include "milter/socketmap.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "milter/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	STACK = 256 * 1024,               /* bytes of a thread */
	PATIENCE = 10                     /* s that a client may take to read an answer */
};

struct connection {
	struct socketmap *server;
	struct connection *next;
	int fd;
	atomic_bool leaving;              /* was told to, and counts no more */
	_Atomic int64_t silent_since;     /* ticks; 0 while it is being answered */
	char client[INET6_ADDRSTRLEN];
	char in[2 * QUERY_ROOM];
	size_t have;
	struct bytes out;
};

struct socketmap {
	struct endpoint endpoint;
	int listener;
	int stop[2];                      /* a pipe that ends the waiting */
	pthread_t thread;
	bool started;
	struct monitor monitor;           /* over what follows */
	struct connection *connections;
	size_t count;                     /* of those that are not leaving */
};

struct socketmap *
socketmap_open(const struct service *service, struct complaint *why)
{
	const struct socketmap_settings *settings = &service->socketmap;
	const struct share to = { 0660, service->site->user, settings->group };
	struct socketmap *m = mem_new(sizeof(*m));

	monitor_init(&m->monitor);
	m->listener = m->stop[0] = m->stop[1] = -1;
	if (endpoint_parse(settings->listen, &m->endpoint, why) < 0)
		goto failed;
	m->listener = net_listen(&m->endpoint, to, why);
	if (m->listener < 0) {            /* another one's socket is not ours to remove */
		endpoint_free(&m->endpoint);
		goto failed;
	}
	(void)fcntl(m->listener, F_SETFL, O_NONBLOCK);
	if (pipe2(m->stop, O_CLOEXEC) == 0)
		return m;
	(void)complain_errno(why, "cannot make a pipe");
failed:
	socketmap_close(&m);
	return NULL;
}

/* ---- one connection ---- */

/* Whether something has come. */
static bool
receive(struct connection *c)
{
	ssize_t n;

	atomic_store(&c->silent_since, clock_ticks());
	do {
		n = recv(c->fd, c->in + c->have, sizeof(c->in) - c->have, 0);
	} while (n < 0 && errno == EINTR);
	atomic_store(&c->silent_since, 0);
	if (n <= 0)
		return false;
	c->have += (size_t)n;
	return true;
}

/* Whether all answers went out. */
static bool
send_answers(struct connection *c)
{
	size_t done = 0;

	while (done < c->out.length) {
		ssize_t n = send(c->fd, c->out.data + done, c->out.length - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		done += n < 0 ? 0 : (size_t)n;
	}
	bytes_clear(&c->out);
	return true;
}

/* Answers what has come. False when the rest cannot be understood. */
static bool
answer(struct connection *c)
{
	struct slice come = { c->in, c->have }, question;
	struct service *s = service_current();
	enum query_result result;
	size_t used;

	while ((result = query_read(come, &question, &used)) == QUERY_WHOLE) {
		lookup_answer(s, question, c->client, &c->out);
		come.at += used;
		come.length -= used;
	}
	service_drop(&s);
	c->have = come.length;
	memmove(c->in, come.at, come.length);
	if (result == QUERY_PART)
		return true;
	log_say(LEVEL_WARN, "socketmap", "%s: %s", c->client,
	        result == QUERY_TOO_LONG ? "a question is too long" : "this is no netstring");
	query_answer(&c->out, QUERY_PERM, result == QUERY_TOO_LONG ? "too long" : "no netstring");
	return false;
}

static void
forget(struct connection *c)
{
	struct socketmap *m = c->server;
	struct connection **at = &m->connections;

	monitor_enter(&m->monitor);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	m->count -= !atomic_load(&c->leaving);
	(void)close(c->fd);
	monitor_wake(&m->monitor);
	monitor_leave(&m->monitor);
	bytes_free(&c->out);
	free(c);
}

static void *
serve(void *arg)
{
	struct connection *c = arg;
	bool understood = true;

	(void)pthread_setname_np(pthread_self(), "socketmap");
	while (understood && !atomic_load(&c->leaving) && receive(c)) {
		understood = answer(c);
		if (!send_answers(c))
			break;
	}
	forget(c);
	return NULL;
}

/* ---- all of them ---- */

/* Makes one end as if its client had: what it was sent before may be answered still. Under the lock. */
static void
dismiss(struct socketmap *m, struct connection *c)
{
	if (atomic_exchange(&c->leaving, true))
		return;
	m->count--;
	(void)shutdown(c->fd, SHUT_RD);
}

/* The one that has been silent longest goes; MTAs connect again. False where all are at work. */
static bool
make_way(struct socketmap *m)
{
	struct connection *oldest = NULL;
	int64_t since = INT64_MAX;

	for (struct connection *c = m->connections; c != NULL; c = c->next) {
		int64_t silent = atomic_load(&c->silent_since);

		if (!atomic_load(&c->leaving) && silent > 0 && silent < since) {
			oldest = c;
			since = silent;
		}
	}
	if (oldest != NULL)
		dismiss(m, oldest);
	return oldest != NULL;
}

/* A thread for a connection. False when there are too many. */
static bool
start_connection(struct socketmap *m, struct connection *c, size_t most)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool started = false;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK);
	monitor_enter(&m->monitor);
	if (m->count < most || make_way(m)) {
		c->next = m->connections;
		m->connections = c;
		m->count++;
		started = pthread_create(&thread, &attributes, serve, c) == 0;
		if (!started) {
			m->connections = c->next;
			m->count--;
		}
	}
	monitor_leave(&m->monitor);
	(void)pthread_attr_destroy(&attributes);
	return started;
}

static void
take(struct socketmap *m, int fd, const struct sockaddr *from, const struct service *s)
{
	const struct timeval silence = { s->socketmap.timeout / 1000, s->socketmap.timeout % 1000 * 1000 };
	const struct timeval patience = { PATIENCE, 0 };
	struct connection *c = mem_new(sizeof(*c));

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	c->server = m;
	c->fd = fd;
	net_peer(from, c->client, sizeof(c->client));
	if (from->sa_family != AF_UNIX && !networks_have(s->networks, from)) {
		log_say(LEVEL_WARN, "socketmap", "%s may not connect (socketmap.networks)", c->client);
	} else if (!start_connection(m, c, (size_t)s->socketmap.connections)) {
		log_say(LEVEL_WARN, "socketmap", "too many connections (socketmap.connections)");
	} else {
		return;
	}
	(void)close(fd);
	free(c);
}

static void
accept_one(struct socketmap *m)
{
	struct sockaddr_storage from = { 0 };
	int fd = net_accept(m->listener, &from, "socketmap");
	struct service *s;

	if (fd < 0)
		return;
	s = service_current();
	take(m, fd, (struct sockaddr *)&from, s);
	service_drop(&s);
}

static void *
accept_loop(void *arg)
{
	struct socketmap *m = arg;
	struct pollfd fds[] = { { .fd = m->listener, .events = POLLIN },
		                { .fd = m->stop[0], .events = POLLIN } };

	(void)pthread_setname_np(pthread_self(), "map-accept");
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			return NULL;
		accept_one(m);
	}
}

int
socketmap_start(struct socketmap *m, struct complaint *why)
{
	const struct endpoint *e = &m->endpoint;

	m->started = pthread_create(&m->thread, NULL, accept_loop, m) == 0;
	if (!m->started)
		return complain(why, "cannot start the socketmap");
	log_say(LEVEL_INFO, "start", "socketmap on %s%s%s", e->path == NULL ? e->host : e->path,
	        e->path == NULL ? " port " : "", e->path == NULL ? e->port : "");
	return 0;
}

static void
stop(struct socketmap *m)
{
	(void)close(m->stop[1]);
	m->stop[1] = -1;
	(void)pthread_join(m->thread, NULL);
	monitor_enter(&m->monitor);
	for (struct connection *c = m->connections; c != NULL; c = c->next)
		dismiss(m, c);
	while (m->connections != NULL)
		monitor_wait(&m->monitor);
	monitor_leave(&m->monitor);
}

void
socketmap_close(struct socketmap **socketmap)
{
	struct socketmap *m = *socketmap;

	*socketmap = NULL;
	if (m == NULL)
		return;
	if (m->started)
		stop(m);
	for (int i = 0; i < 2; i++)
		if (m->stop[i] >= 0)
			(void)close(m->stop[i]);
	if (m->listener >= 0)
		(void)close(m->listener);
	if (m->endpoint.path != NULL)
		(void)unlink(m->endpoint.path);
	endpoint_free(&m->endpoint);
	monitor_destroy(&m->monitor);
	free(m);
}
