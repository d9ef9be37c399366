/*
 * Sockets: where to listen, where to connect, and who may. Addresses are written as Postfix writes
 * them: "unix:/path", "inet:host:port", "inet:[::1]:port".
 */
#ifndef BASE_NET_H
#define BASE_NET_H

#include "base/clock.h"
#include "base/complaint.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct endpoint {
	char *path;                       /* of a unix socket, else NULL */
	char *host, *port;                /* of a TCP socket, else NULL */
};

int endpoint_parse(const char *text, struct endpoint *, struct complaint *);
void endpoint_free(struct endpoint *);

/* Whether a text is an endpoint; for rows of settings. */
int endpoint_check(const char *text, struct complaint *);

/*
 * Who may use a unix socket. NULL or empty names change nothing; only root can name another user.
 */
struct share {
	mode_t mode;
	const char *user, *group;
};

/* Removes a unix socket that nobody listens on; -1 with a complaint where somebody does. */
int net_clear(const char *path, struct complaint *);

/*
 * A listening socket, close-on-exec. A unix socket that nobody answers on is replaced. -1 with a
 * complaint.
 */
int net_listen(const struct endpoint *, struct share, struct complaint *);

/* Shares the file of a socket that somebody else made. */
int net_share(const char *path, struct share, struct complaint *);

/*
 * Takes a connection from a listener that has one: a socket, close-on-exec. -1 where there is none any
 * more, and where no descriptor is left for it. The latter is logged as `event` now and then, and waited
 * for a moment, lest whoever polls again at once spins.
 */
int net_accept(int listener, struct sockaddr_storage *from, const char *event);

/*
 * A connected, non-blocking socket with TCP_NODELAY. -1 with a complaint. Resolves names, which may
 * block.
 */
int net_connect(const struct endpoint *, struct deadline, struct complaint *);

/* Waits until poll() says one of the events of a descriptor, or that it has ended. */
enum waited { WAITED_LATE, WAITED_CANCELLED, WAITED_READY };
enum waited net_wait(int fd, short events, struct deadline);

/* "127.0.0.1", "::1" or "unix", NUL-terminated in `text`. */
void net_peer(const struct sockaddr *, char *text, size_t size);

/* Networks in CIDR form, IPv4 and IPv6. An IPv4-mapped IPv6 address is its IPv4 address. */
struct networks;
struct networks *networks_open(void);
int networks_add(struct networks *, const char *cidr, struct complaint *);
int networks_add_all(struct networks *, const struct text_list *, struct complaint *);
int network_check(const char *cidr, struct complaint *);                /* for rows of settings */
bool networks_have(const struct networks *, const struct sockaddr *);
bool networks_have_text(const struct networks *, const char *ip);       /* no for what is no address */
void networks_close(struct networks **);

#endif
