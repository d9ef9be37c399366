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
#include "sources/ldap_place.h"
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
	bool deref_silent;                /* or it did not name members that there are */
	bool deref_proven;                /* it has named a member that the group names, with an address */
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
	struct known_place *places;
	bool given_up;                    /* somebody has stopped waiting, since it was taken */
	int64_t silent;                   /* milliseconds of waiting since it last said something */
	int64_t last_used;                /* ticks */
	struct server *server;            /* whose it is, and which of its URIs; NULL: nobody's */
	size_t which;
	struct conn *next;
};

struct standing;

struct server {
	const struct conn_config *config;
	pthread_mutex_t lock;             /* over what follows */
	struct conn *idle;
	size_t preferred;                 /* the URI that answered last */
	int64_t first_after;              /* ticks: from then on the first URI is tried again */
	struct standing *standings;       /* of each URI, see ldap_standing.c */
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

/*
 * Gives it back; one that is broken is closed. One that is not healthy because somebody has stopped waiting,
 * and has abandoned what was asked, is kept, unless the server has been silent for long.
 */
void conn_give(struct server *, struct conn **, bool healthy);

/* How long to wait for the next message of this connection. */
struct timeval conn_patience(const struct conn_config *, struct deadline);

/*
 * ldap_wait.c: as ldap_result(), no longer than somebody waits, or the directory may be silent. 0: it is
 * given up, and a request that was asked for by its id is abandoned.
 */
int conn_result(struct conn *, int id, int all, struct deadline, LDAPMessage **message_r);
void conn_abandon(struct conn *, int id);

/*
 * Whether one that is idle is still good: nothing has come on it, not even its end, but what answers requests
 * that were abandoned.
 */
bool conn_is_quiet(struct conn *);

/* A search for at most so many entries, 0 for any: a result code, LDAP_TIMEOUT where it is given up. */
int conn_search(struct conn *, const char *base, int scope, const char *filter, char **attributes, int most,
                struct deadline, LDAPMessage **message_r);

/* Waits for all of a search that was sent; its entries are in *message_r. False with a complaint. */
bool conn_wait(struct conn *, int id, struct deadline, LDAPMessage **message_r, struct complaint *,
               const char *doing);

/*
 * The values of an attribute; NULL where the entry has none, or the attribute is NULL. Not
 * ldap_get_values_len(), which looks for an attribute that is not there beyond the entry's end: in
 * the controls, which it copies.
 */
struct berval **conn_values(const struct conn *, LDAPMessage *entry, const char *attribute);

/* Whether one of them is this, but for ASCII case. */
bool conn_has(const struct conn *, LDAPMessage *entry, const char *attribute, const char *value);

/* ldap_standing.c: what becomes known of a server is kept, for who asks for it. */
void standings_open(struct server *);
void standings_close(struct server *);
void standing_connected(struct conn *, struct server *, size_t which);
void standing_closed(const struct conn *);
void standing_failed(struct server *, size_t which, const char *error);

/* Whether members can be read by the dereference control, as far as the server was seen to. */
bool conn_dereferences(const struct conn *);

/* ldap_refer.c: whether something may be missing because of a reference to another server. */
bool conn_refers(struct conn *, LDAPMessage *reference, struct deadline);

/*
 * complain() with the URI, and the library's words for a result code (or the connection's last, for
 * 0).
 */
int conn_complain(const struct conn *, int code, struct complaint *, const char *doing);

#endif
