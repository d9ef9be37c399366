/* Sockets. */
#include "base/net.h"

#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 512,
	EXHAUSTED = 100,                  /* ms until descriptors are asked for again */
	SAID_AGAIN = 10000                /* ms until that is logged again */
};

int
endpoint_parse(const char *text, struct endpoint *e, struct complaint *why)
{
	const char *host, *colon;
	char *end;
	long port;

	*e = (struct endpoint){ 0 };
	if (strncmp(text, "unix:", 5) == 0) {
		if (text[5] != '/')
			return complain(why, "\"%s\": the path of a unix socket begins with /", text);
		if (strlen(text + 5) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return complain(why, "\"%s\": the path of a unix socket has at most %zu bytes",
			                text, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		e->path = mem_text(text + 5);
		return 0;
	}
	if (strncmp(text, "inet:", 5) != 0)
		return complain(why, "\"%s\" is no address: unix:/path or inet:host:port", text);
	host = text + 5;
	if (*host == '[') {
		const char *close = strchr(++host, ']');

		if (close == NULL || close[1] != ':')
			return complain(why, "\"%s\": an IPv6 address is written inet:[::1]:port",
			                text);
		e->host = mem_copy(host, (size_t)(close - host));
		colon = close + 1;
	} else {
		colon = strrchr(host, ':');
		if (colon == NULL || colon == host || memchr(host, ':', (size_t)(colon - host)))
			return complain(why, "\"%s\" is no address: inet:host:port", text);
		e->host = mem_copy(host, (size_t)(colon - host));
	}
	port = strtol(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port < 1 || port > 65535) {
		mem_drop(&e->host);
		return complain(why, "\"%s\": the port is a number from 1 to 65535", text);
	}
	e->port = mem_text(colon + 1);
	return 0;
}

void
endpoint_free(struct endpoint *e)
{
	free(e->path);
	free(e->host);
	free(e->port);
	*e = (struct endpoint){ 0 };
}

int
endpoint_check(const char *text, struct complaint *why)
{
	struct endpoint e;
	int rc = endpoint_parse(text, &e, why);

	if (rc == 0)
		endpoint_free(&e);
	return rc;
}

static struct sockaddr_un
unix_address(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	return un;
}

int
net_share(const char *path, struct share to, struct complaint *why)
{
	uid_t user = (uid_t)-1;
	gid_t group = (gid_t)-1;

	/* getpwnam() and getgrnam(): at start, in one thread. */
	if (to.user != NULL && *to.user != '\0') {
		struct passwd *pw = getpwnam(to.user);

		if (pw == NULL)
			return complain(why, "there is no user \"%s\" for the socket %s", to.user, path);
		user = pw->pw_uid;
	}
	if (to.group != NULL && *to.group != '\0') {
		struct group *g = getgrnam(to.group);

		if (g == NULL)
			return complain(why, "there is no group \"%s\" for the socket %s", to.group,
			                path);
		group = g->gr_gid;
	}
	if (chown(path, user, group) < 0)
		return complain_errno(why, "cannot give %s to its user and group", path);
	if (chmod(path, to.mode) < 0)
		return complain_errno(why, "cannot set the mode of %s", path);
	return 0;
}

int
net_clear(const char *path, struct complaint *why)
{
	struct sockaddr_un un = unix_address(path);
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain_errno(why, "cannot make a socket");
	/* A full backlog is somebody's as well. */
	rc = connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 || errno == EAGAIN;
	(void)close(fd);
	if (rc != 0)
		return complain(why, "somebody listens on %s already", path);
	(void)unlink(path);
	return 0;
}

static int
listen_unix(const struct endpoint *e, struct share to, struct complaint *why)
{
	struct sockaddr_un un = unix_address(e->path);
	int fd;

	if (net_clear(e->path, why) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain_errno(why, "cannot make a socket");
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(fd, BACKLOG) < 0) {
		(void)complain_errno(why, "cannot listen on %s", e->path);
		(void)close(fd);
		return -1;
	}
	if (net_share(e->path, to, why) < 0) {
		(void)close(fd);
		(void)unlink(e->path);
		return -1;
	}
	return fd;
}

/* What getaddrinfo() makes of a TCP endpoint. */
static struct addrinfo *
resolve(const struct endpoint *e, int flags, struct complaint *why)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *found;
	int error = getaddrinfo(e->host, e->port, &want, &found);

	if (error != 0) {
		(void)complain(why, "cannot resolve %s: %s", e->host, gai_strerror(error));
		return NULL;
	}
	return found;
}

int
net_listen(const struct endpoint *e, struct share to, struct complaint *why)
{
	struct addrinfo *found;
	int fd, one = 1;

	if (e->path != NULL)
		return listen_unix(e, to, why);
	found = resolve(e, AI_PASSIVE, why);
	if (found == NULL)
		return -1;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		(void)complain_errno(why, "cannot listen on %s:%s", e->host, e->port);
		if (fd >= 0)
			(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

/* One line for all listeners in a while. */
static void
say_exhausted(const char *event, int error)
{
	static _Atomic int64_t again;

	if (clock_again(&again, SAID_AGAIN))
		log_say(LEVEL_ERROR, event, "cannot accept a connection: %s", strerrordesc_np(error));
}

int
net_accept(int listener, struct sockaddr_storage *from, const char *event)
{
	socklen_t length = sizeof(*from);
	int fd = accept4(listener, (struct sockaddr *)from, &length, SOCK_CLOEXEC), error = errno;

	if (fd < 0 && (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS)) {
		say_exhausted(event, error);
		(void)usleep(EXHAUSTED * 1000);
	}
	return fd;
}

enum waited
net_wait(int fd, short events, struct deadline by)
{
	struct pollfd p[] = { { .fd = fd, .events = events }, { .fd = by.cancelled, .events = POLLIN } };
	int n;

	do {
		n = poll(p, 2, (int)deadline_left(by));
	} while (n < 0 && errno == EINTR);
	return n <= 0 ? WAITED_LATE : p[0].revents != 0 ? WAITED_READY : WAITED_CANCELLED;
}

/* Waits until a connection is made or refused. 0, or -1 with errno. */
static int
finish_connect(int fd, struct deadline by)
{
	socklen_t length = sizeof(errno);
	int error = 0;

	if (net_wait(fd, POLLOUT, by) != WAITED_READY) {
		errno = ETIMEDOUT;
		return -1;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
connect_to(const struct sockaddr *address, socklen_t length, struct deadline by)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	int error;

	if (fd < 0)
		return -1;
	if (address->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, address, length) == 0)
		return fd;
	if ((errno == EINPROGRESS || errno == EINTR) && finish_connect(fd, by) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

int
net_connect(const struct endpoint *e, struct deadline by, struct complaint *why)
{
	struct addrinfo *found;
	int fd = -1;

	if (e->path != NULL) {
		struct sockaddr_un un = unix_address(e->path);

		fd = connect_to((struct sockaddr *)&un, sizeof(un), by);
		return fd < 0 ? complain_errno(why, "cannot connect to %s", e->path) : fd;
	}
	found = resolve(e, 0, why);
	if (found == NULL)
		return -1;
	for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen, by);
	if (fd < 0)
		(void)complain_errno(why, "cannot connect to %s port %s", e->host, e->port);
	freeaddrinfo(found);
	return fd;
}

/* The IP address in a socket's, in network order; NULL where there is none. */
static const void *
ip_of(const struct sockaddr *address)
{
	const void *at = address;         /* of whichever type its family says */

	if (address != NULL && address->sa_family == AF_INET)
		return &((const struct sockaddr_in *)at)->sin_addr;
	if (address != NULL && address->sa_family == AF_INET6)
		return &((const struct sockaddr_in6 *)at)->sin6_addr;
	return NULL;
}

void
net_peer(const struct sockaddr *address, char *text, size_t size)
{
	const void *from = ip_of(address);

	if (from == NULL || inet_ntop(address->sa_family, from, text, (socklen_t)size) == NULL)
		(void)snprintf(text, size, "unix");
}

struct network {
	unsigned char bits[16];           /* IPv4 as IPv4-mapped */
	int prefix;
};

struct networks {
	struct network *all;
	size_t count;
};

struct networks *
networks_open(void)
{
	return mem_new(sizeof(struct networks));
}

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

int
networks_add(struct networks *n, const char *cidr, struct complaint *why)
{
	struct network net = { 0 };
	const char *slash = strchr(cidr, '/');
	char *host = slash == NULL ? mem_text(cidr) : mem_copy(cidr, (size_t)(slash - cidr));
	char *end;
	long prefix, most = 128;
	int ok = inet_pton(AF_INET6, host, net.bits);

	if (ok != 1) {
		memcpy(net.bits, mapped, sizeof(mapped));
		ok = inet_pton(AF_INET, host, net.bits + sizeof(mapped));
		most = 32;
	}
	free(host);
	prefix = slash == NULL ? most : strtol(slash + 1, &end, 10);
	if (ok != 1 || prefix < 0 || prefix > most ||
	    (slash != NULL && (slash[1] < '0' || slash[1] > '9' || *end != '\0')))
		return complain(why, "\"%s\" is no network: 10.0.0.0/8, ::1, 2001:db8::/32", cidr);
	net.prefix = (int)(prefix + (128 - most));
	for (int bit = net.prefix; bit < 128; bit++)
		if (net.bits[bit / 8] & (0x80 >> bit % 8))
			return complain(why, "\"%s\" has bits set behind its prefix", cidr);
	n->all = mem_resize(n->all, (n->count + 1) * sizeof(*n->all));
	n->all[n->count++] = net;
	return 0;
}

int
networks_add_all(struct networks *n, const struct text_list *cidrs, struct complaint *why)
{
	for (size_t i = 0; i < cidrs->count; i++)
		if (networks_add(n, cidrs->items[i], why) < 0)
			return -1;
	return 0;
}

int
network_check(const char *cidr, struct complaint *why)
{
	struct networks *n = networks_open();
	int rc = networks_add(n, cidr, why);

	networks_close(&n);
	return rc;
}

bool
networks_have(const struct networks *n, const struct sockaddr *address)
{
	const void *from = ip_of(address);
	unsigned char bits[16];

	if (from == NULL)
		return false;
	if (address->sa_family == AF_INET) {
		memcpy(bits, mapped, sizeof(mapped));
		memcpy(bits + sizeof(mapped), from, 4);
	} else {
		memcpy(bits, from, sizeof(bits));
	}
	for (size_t i = 0; i < n->count; i++) {
		const struct network *net = &n->all[i];
		int whole = net->prefix / 8, rest = net->prefix % 8;

		if (memcmp(bits, net->bits, (size_t)whole) == 0 &&
		    (rest == 0 || ((bits[whole] ^ net->bits[whole]) & (0xff << (8 - rest)) & 0xff) == 0))
			return true;
	}
	return false;
}

bool
networks_have_text(const struct networks *n, const char *ip)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (inet_pton(AF_INET6, ip, &six.sin6_addr) == 1)
		return networks_have(n, (const struct sockaddr *)&six);
	return inet_pton(AF_INET, ip, &four.sin_addr) == 1 &&
	       networks_have(n, (const struct sockaddr *)&four);
}

void
networks_close(struct networks **n)
{
	if (*n == NULL)
		return;
	free((*n)->all);
	free(*n);
	*n = NULL;
}
