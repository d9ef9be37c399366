/*
 * The stamp: the header field by which the milter tells the expander what it knows of a message and
 * what each list said to it. This is what stands in it, how it is written, and whether it belongs to
 * a message; that it is sealed is somebody else's business (policies/stamps.h).
 */
#ifndef MAIL_STAMP_H
#define MAIL_STAMP_H

#include "base/bytes.h"
#include "base/complaint.h"
#include "base/digest.h"
#include "mail/header.h"
#include "mail/list.h"
#include "mail/verdict.h"

#include <stdbool.h>
#include <stdint.h>

#define STAMP_FIELD "Rollcall-Stamp"

/* What one list said. */
struct stamped {
	char *list;                       /* canonical */
	enum role role;
	enum decision decision;
	enum reply_id reply;              /* REPLY_NONE for a pass */
	char *by;                         /* the check that decided; NULL for a pass */
	char *reason;                     /* why it is held; NULL where it is not */
	char *tags;                       /* that it goes on with; NULL: none */
	bool quiet;                       /* a refusal that is told nobody: the message is dropped */
};

struct stamp {
	int64_t time;                     /* wall clock, ms */
	char *queue_id;                   /* of the MTA; NULL: it did not say */
	char *sender;                     /* canonical reverse-path; NULL: the null sender */
	char digest[DIGEST_NAME + 1];     /* see stamp_digest() */
	/* The session. */
	char *client;                     /* its address, as text */
	char *login;                      /* NULL: it has not authenticated */
	char *port, *port_name;           /* of the MTA, that it came in by; NULL: not known */
	bool trusted, encrypted;
	int64_t announced, recipients;
	/* Those that passed come first; each list and role once. */
	struct stamped *lists;
	size_t count;
};

void stamp_free(struct stamp *);

/*
 * Adds a list. Where it is there already, under another of its addresses, the better answer counts.
 * `by` may be NULL.
 */
void stamp_add(struct stamp *, const char *list, enum role, const struct verdict *, bool quiet,
               const char *by);

/* What it says of a list, or NULL. */
const struct stamped *stamp_find(const struct stamp *, const char *list, enum role);

/*
 * A digest of From, Date, Message-ID and Subject as unfolded, which is what a message keeps that is
 * put into a queue again.
 */
void stamp_digest(const char *header, size_t length, char digest[DIGEST_NAME + 1]);

/* ---- as text, to be sealed ---- */

void stamp_print(const struct stamp *, struct bytes *);

/* -1 with a complaint, and an empty stamp. */
int stamp_parse(const char *text, size_t length, struct stamp *, struct complaint *);

/* ---- as a field, when it is sealed ---- */

/*
 * What is sealed may have so many bytes, for the field to pass a milter, which takes 64 KiB; and a list
 * needs so many at most beside its address.
 */
enum { STAMP_MOST = 37000, STAMP_EACH = 200 };

/* The field's value, on lines of its own; folds are LF and a tab. */
void stamp_fold(const struct bytes *sealed, struct bytes *value);

/* Adds what was sealed. False where the value is nothing of that kind. */
bool stamp_unfold(const struct field *, struct bytes *sealed);

/* ---- whether it counts ---- */

enum stamp_state {
	STAMP_NONE,                       /* there is none */
	STAMP_VALID,
	STAMP_DAMAGED,                    /* it cannot be read */
	STAMP_FOREIGN,                    /* sealed with a key that we do not have */
	STAMP_FORGED,                     /* or changed */
	STAMP_OLD,
	STAMP_OTHER,                      /* of another message */
	STAMP_STATES
};

/* "none", "valid" … */
const char *stamp_state_word(enum stamp_state);

/* A message, as whoever takes it sees it. */
struct stamp_message {
	int64_t now, lifetime;            /* ms */
	const char *sender;               /* canonical; NULL: the null sender */
	const char *queue_ids[2];         /* what the MTA says; NULL or "" where it does not */
	const char *digest;
	bool requeued;                    /* the queue id may be another one by now: the digest decides */
};

/*
 * STAMP_VALID, STAMP_OLD or STAMP_OTHER. It is the message's if the queue id is, and the reverse-path
 * or the digest: an MTA may rewrite the one.
 */
enum stamp_state stamp_check(const struct stamp *, const struct stamp_message *);

/* How it is proven who has sent it: "login", "networks", or NULL for not at all. */
const char *stamp_proof(const struct stamp *);

/*
 * Which lists are asked first by a post to this one: those that passed and stand before it. Calls
 * `each` for their addresses. A list that did not pass has all of them before it.
 */
void stamp_before(const struct stamp *, const char *list, void (*each)(void *arg, const char *list),
                  void *arg);

/* Those that passed and stand behind it; none for a list that did not pass. */
void stamp_behind(const struct stamp *, const char *list, void (*each)(void *arg, const char *list),
                  void *arg);

#endif
