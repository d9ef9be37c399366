/*
 * What an entry of a queue says of itself: envelope.json, written once. Its fields are enough for a
 * program in any language to do the entry's work; docs/spool.md has the list of them.
 */
#ifndef QUEUES_ENTRY_H
#define QUEUES_ENTRY_H

#include "base/bytes.h"
#include "base/complaint.h"
#include "base/digest.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Version 2 says what stands around the body; version 3 what does for each member, or that nothing may
 * be sent; version 4 that the entry comes from another list; version 5 that each member has fields of its
 * own. An envelope that says nothing of that is of version 1.
 */
enum { ENVELOPE_VERSION = 5 };

struct envelope {
	char *list;                       /* canonical address */
	char *role;                       /* post, owner, bounces … */
	char *recipient;                  /* the address it came to, as spelled */
	char *sender;                     /* reverse-path it came with; "" is the null sender */
	int64_t arrived;                  /* wall clock, milliseconds */
	char *queue_id;                   /* of the MTA it came from; NULL: not known */
	char *message_id;                 /* NULL: it has none */
	int64_t size;                     /* of the message, bytes */
	bool utf8;                        /* came with SMTPUTF8, and needs it */
	bool eight_bit;                   /* holds bytes above 127 */
	/* What the milter knew, if it stamped the message; each NULL where it is not known. */
	char *stamp;                      /* "valid", or what was wrong with it; "none" */
	char *client;                     /* address of who posted */
	char *identity, *proof;           /* the login, and how it is proven: "login" or "networks" */
	char *verdict;                    /* of the policies: "pass", "tag" or "hold" */
	char *reason;                     /* why it is held; NULL where it is not */
	char *tags;                       /* what it failed and goes on all the same; NULL: nothing */
	char *to;                         /* the one person it is for; NULL: whoever looks after the list */
	bool moderators;                  /* of those, moderators first: owners where there are none */
	char *report_of;                  /* entry whose failures it reports; NULL: it is no report */
	bool shadow;                      /* members are read and frozen, and nobody is sent anything */
	bool disclose;                    /* a report may name members */
	struct text_list before;          /* lists the message also came for, whose members have it */
	struct text_list behind;          /* those it came for that leave out the members of this one */
	char *through;                    /* the list that handed it over; NULL: none did */

	/* How to inject it. */
	char *inject_sender;              /* reverse-path to send with */
	char *inject_add;                 /* header fields to put before the message, with line ends */
	struct text_list inject_remove;   /* names of header fields to leave out */
	char *inject_before_body;         /* to put behind the header's empty line; NULL: nothing */
	bool inject_suspects;             /* those under suspicion are, see policies/suspects.h */
	bool inject_verp;                 /* each recipient is to have a reverse-path of its own */
	char *inject_above, *inject_below;        /* the same for each member, templates; NULL: nothing */
	char *inject_each;                /* fields that each member has of its own; see mail/leaving.h */
	char *inject_after_body;          /* to put behind the body; NULL: nothing */
};

/* The name of an entry, by the digest of its message, the list and the role. */
void envelope_name(const unsigned char message[DIGEST_SIZE], const char *list, const char *role,
                   char id[DIGEST_NAME + 1]);

void envelope_free(struct envelope *);

/* A header field is not to be sent: puts its name into inject_remove, once. */
void envelope_leave_out(struct envelope *, const char *field);

/* Whether each member gets a copy of its own, by its fields or the texts around the body. */
bool envelope_is_personal(const struct envelope *);

/* Whether something is put around the body. */
bool envelope_has_texts(const struct envelope *);

void envelope_print(const struct envelope *, struct bytes *);

/* A newer version than ours is refused. */
int envelope_parse(const char *text, size_t length, struct envelope *, struct complaint *);

#endif
