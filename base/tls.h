/*
 * TLS for a client, over a socket that does not block. The one file that knows OpenSSL's connections.
 *
 * Threads: a tls_client may be shared; a connection belongs to one thread.
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_client;

/*
 * With `verify` the server's certificate must be good by `ca`, a file of certificates, or by the system's
 * where that is NULL. NULL with a complaint.
 */
struct tls_client *tls_client_open(bool verify, const char *ca, struct complaint *);
void tls_client_close(struct tls_client **);

struct tls;

/* On a connected socket, which stays the caller's. `name` is a host's, or an address. */
struct tls *tls_begin(const struct tls_client *, int fd, const char *name, struct complaint *);

enum tls_step { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };

/* Goes on with the handshake; where it wants, call it again when the socket is ready for that. */
enum tls_step tls_handshake(struct tls *, struct complaint *);

/* As recv() and send() of a socket that does not block: -1 with errno EAGAIN, 0 at the end. */
ssize_t tls_read(struct tls *, void *, size_t);
ssize_t tls_write(struct tls *, const void *, size_t);

/* Says good-bye if `kindly`, and frees. */
void tls_end(struct tls **, bool kindly);

#endif
