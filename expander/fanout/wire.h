/*
 * What goes over an SMTP connection, below its commands: texts are written, a message with its dots
 * (RFC 5321 section 4.5.2) from where it lies, and replies are read, both at once.
 */
#ifndef EXPANDER_FANOUT_WIRE_H
#define EXPANDER_FANOUT_WIRE_H

#include "base/bytes.h"
#include "base/complaint.h"
#include "base/tls.h"
#include "mail/syntax.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum { WIRE_SEGMENTS = 64, WIRE_TEXTS = 3 };

struct wire {
	int fd;
	struct tls *tls;                  /* NULL: in the clear */
	int abandon;                      /* ends all waiting when it can be read from; -1: none */
	struct bytes in;
	size_t at;                        /* of `in`: what was read */
};

/* What is to be written. */
struct outgoing {
	struct iovec parts[WIRE_SEGMENTS];
	int first, count;
	struct slice texts[WIRE_TEXTS];   /* of a message */
	int text;                         /* which of them; WIRE_TEXTS: the end; above: nothing is left */
	size_t at;
	char last;                        /* byte of the message that was taken */
	bool crlf_last;
};

/* A whole reply. */
struct answer {
	int code;
	char text[512];                   /* of all its lines, a blank between */
};

enum heard { HEARD, HEARD_NOTHING, HEARD_END, HEARD_NONSENSE, HEARD_ABANDONED };

/*
 * Begins TLS, as the name of this host; patience in milliseconds. False with a complaint: the connection is
 * of no use any more.
 */
bool wire_secure(struct wire *, const struct tls_client *, const char *name, int64_t patience,
                 struct complaint *);

/* Whether nothing came that nobody waits for. */
bool wire_is_quiet(struct wire *);

/* Ends it, with a command that nobody waits for the reply of; NULL: it is broken. */
void wire_close(struct wire *, const char *command);

/* Commands; with no bytes, nothing. Borrows the text. */
struct outgoing wire_commands(const char *text, size_t length);

/* A message in three parts, each of which may be empty, and the end of data. Borrows them. */
struct outgoing wire_message(struct slice head, struct slice body, struct slice tail);

/* Writes what the socket takes. False when it is broken. */
bool wire_write(struct wire *, struct outgoing *);
bool wire_written(const struct outgoing *);

/*
 * Reads one reply, writing meanwhile what is still to be written. Patience in milliseconds counts
 * from the last byte that moved out.
 */
enum heard wire_hear(struct wire *, struct outgoing *, int64_t patience, struct answer *);

/* The same; calls `take` with the text of each line. */
enum heard wire_hear_lines(struct wire *, struct outgoing *, int64_t patience, struct answer *,
                           void (*take)(void *arg, struct slice text), void *arg);

/* The outcome in words, for a reply that did not come. */
const char *wire_words(enum heard);

#endif
