/*
 * Connections to a directory: several servers in order of preference, binding, TLS, and a store of
 * idle connections. For sources/ldap*.c only, since it shows <ldap.h>.
 *
 * Threads: a connection belongs to one thread from conn_take() to conn_give(); the server may be
 * shared.
 */
#ifndef SOURCES_LDAP_CONN_H
#define SOURCES_LDAP_CONN_H

#include "base/clock.h"
#include "base/complaint.h"
#include "base/text.h"
#include "sources/ldap_stream.h"

#include <ldap.h>
#include <pthread.h>
#include <stdbool.h>

enum bind_kind { BIND_NONE, BIND_SIMPLE, BIND_EXTERNAL };

struct conn_config {
	struct text_list uri;
	int64_t bind;                     /* enum bind_kind */
	char *bind_dn;
	char *password;
	bool starttls;
	char *ca_file;
	int64_t connect_timeout, timeout; /* milliseconds */
	int64_t idle;                     /* milliseconds after which an unused connection is closed */
};

/* What a connection's server was seen to be able to do. */
struct abilities {
	bool paged;                       /* simple paged results, RFC 2696 */
	bool deref;                       /* the dereference control, by what it says */
	bool deref_refused;               /* and it was refused all the same */
	bool deref_proven;                /* it has named a member, with an address */
	bool entry_dn;                    /* a search by (entryDN=...) finds what it should */
	bool probed_entry_dn;
	const char *dn_attribute;         /* the attribute that it does so by */
	struct text_list no_people;       /* DNs of naming contexts without, see ldap_refer.c */
	bool probed_contexts;
};

struct guard;

struct conn {
	LDAP *ld;
	const struct conn_config *config;
	const char *uri;                  /* of the server it goes to */
	struct ldap_conncb opened;        /* tells when the socket is connected */
	struct guard *guard;              /* while TLS is negotiated */
	struct stream stream;             /* large answers in pieces */
	struct abilities can;
	int64_t last_used;                /* ticks */
	struct conn *next;
};

struct server {
	const struct conn_config *config;
	pthread_mutex_t lock;             /* over what follows */
	struct conn *idle;
	size_t preferred;                 /* the URI that answered last */
	int64_t first_after;              /* ticks: from then on the first URI is tried again */
};

void server_init(struct server *, const struct conn_config *);
void server_close(struct server *);

/*
 * A connection that is bound; NULL with a complaint. Waits no longer than the deadline and the
 * configured time for each server.
 */
struct conn *conn_take(struct server *, struct deadline, struct complaint *);

/* A new one, to one of the servers. NULL with a complaint. To be given to conn_close(). */
struct conn *conn_open(const struct conn_config *, const char *uri, struct deadline, struct complaint *);
void conn_close(struct conn **);

/* Gives it back; one that is broken, or in the middle of something, is closed. */
void conn_give(struct server *, struct conn **, bool healthy);

/* How long to wait for the next message of this connection. */
struct timeval conn_patience(const struct conn_config *, struct deadline);

/*
 * The values of an attribute; NULL where the entry has none, or the attribute is NULL. Not
 * ldap_get_values_len(), which looks for an attribute that is not there beyond the entry's end: in
 * the controls, which it copies.
 */
struct berval **conn_values(const struct conn *, LDAPMessage *entry, const char *attribute);

/* ldap_refer.c: whether something may be missing because of a reference to another server. */
bool conn_refers(struct conn *, LDAPMessage *reference, struct deadline);

/*
 * complain() with the URI, and the library's words for a result code (or the connection's last, for
 * 0).
 */
int conn_complain(const struct conn *, int code, struct complaint *, const char *doing);

#endif
