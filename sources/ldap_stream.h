/*
 * Large answers in pieces. libldap holds a message as a whole and copies its controls; the answer about
 * a group of a million members is one message of 200 MB. So a layer between libldap and its connection
 * takes entries apart while their bytes come: the values of one attribute and the references of the
 * dereference control are handed on at once, and libldap gets the entry without them. All other
 * messages pass as they are.
 *
 * For sources/ldap*.c only. Threads: as the connection.
 */
#ifndef SOURCES_LDAP_STREAM_H
#define SOURCES_LDAP_STREAM_H

#include "sources/ldap_deref.h"

#include <ldap.h>

/* What an entry is taken apart into. */
enum piece {
	PIECE_VALUE,                      /* of the attribute; libldap gets the first as well */
	PIECE_REFERENCE                   /* one value of the control, for deref_read() */
};

/* Who takes the pieces. Called while libldap waits for messages. */
struct taker {
	const char *attribute;
	/* Whether the entries that answer this request are to be taken apart: for whom, or NULL. */
	void *(*wants)(void *arg, int id);
	/* False ends the connection. */
	bool (*take)(void *arg, void *whom, enum piece, struct view);
	void *arg;
};

struct stream {
	const struct taker *taker;        /* NULL: all messages pass */
	const char *fault;                /* why the connection was ended from here; or NULL */
};

/* Puts the layer above a connection that is new. It ends with the connection. */
bool stream_open(struct stream *, Sockbuf *);

#endif
