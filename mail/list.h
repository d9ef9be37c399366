/*
 * A list, the roles of its addresses, and which address could mean what.
 *
 * A list is a directory group with a mail address. Beside its own address it has addresses for
 * other purposes, made by a suffix of the local part: staff-owner@, staff-bounces@. A real group
 * may be called "staff-owner", so an exact match goes first, the role second, and what stands
 * behind the delimiter (staff+tag@) is looked at last.
 */
#ifndef MAIL_LIST_H
#define MAIL_LIST_H

#include "base/text.h"
#include "mail/poster.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role {
	ROLE_POST,
	ROLE_OWNER,
	ROLE_REQUEST,
	ROLE_BOUNCES,
	ROLE_SUBSCRIBE,
	ROLE_UNSUBSCRIBE,
	ROLE_CONFIRM,
	ROLE_COUNT
};

/* "post", "owner" … */
const char *role_word(enum role);

/* The role of a word; ROLE_COUNT where it is none. */
enum role role_of_word(const char *word);

/* Whether mail to this role is taken; mail to the others is refused as to an unknown list. */
bool role_exists(enum role);

/* Whether a list takes posts at all. */
enum list_state {
	LIST_OPEN,
	LIST_PAUSED,                      /* they are put off (4xx) */
	LIST_CLOSED                       /* they are refused (5xx) */
};

/*
 * One list as a source found it. Immutable, shared between threads by reference count.
 */
struct list {
	char *address;                    /* canonical; the list's own, whatever alternate was asked for */
	char *name;                       /* for people; may be NULL */
	char *key;                        /* the source's: a DN, an index */
	char *errors;                     /* where its failures go, canonical; may be NULL */
	struct text_list settings;        /* its own, "name: value", as the source has them; unchecked */
	enum list_state state;
	char *state_reason;               /* for the log; NULL: it is open */
	char *refusal;                    /* told to whose posts it refuses, behind the reply; may be NULL */
	int64_t max_size;                 /* bytes of the largest post it takes; 0: it says nothing */
	struct poster_list posters;       /* what the source says of who may post; and its owners */
};

/* Takes over the strings. One reference. Whoever makes it adds the rest before anybody sees it. */
struct list *list_new(char *address, char *name, char *key, char *errors);
struct list *list_hold(struct list *);
void list_drop(struct list **);

/* An address that would be meant by a recipient address, if there were a list of that address. */
struct candidate {
	char *address;                    /* canonical */
	enum role role;
};
enum { CANDIDATES = 5 };

/*
 * Fills the candidates of a canonical recipient address in the order in which they count, and
 * returns how many there are, at least one. `delimiter` is one character, or '\0' for none; what stands
 * behind a list's address for bounces and a '+' (see mail/verp.h) is a detail whatever it is.
 */
size_t list_candidates(const char *canonical, char delimiter, struct candidate[CANDIDATES]);
void candidates_free(struct candidate *, size_t count);

/* The address of a role: staff-bounces@lists.example.com. Allocated. */
char *list_role_address(const char *list_address, enum role);

/*
 * The identifier of List-Id (RFC 2919 section 3): staff.lists.example.com. ASCII, without '@'.
 * Allocated.
 */
char *list_identifier(const char *list_address);

/* The address as a mailto: URI (RFC 6068). Allocated. */
char *list_mailto(const char *list_address);

/*
 * The pattern with {local} and {domain} replaced by the parts of the list's address: escaped as in
 * a URI, or as in an identifier, which is the same but for the characters that need it. Allocated.
 */
char *list_fill_uri(const char *pattern, const char *list_address);
char *list_fill_identifier(const char *pattern, const char *list_address);

/*
 * The same of a URI that also has {message-id}, escaped, and {hash}: base32 of the SHA-1 of the
 * Message-ID, which comes without its <>. Allocated.
 */
char *list_fill_archived(const char *pattern, const char *list_address, const char *message_id);

/* The same for text to read, in which nothing is escaped. Allocated. */
char *list_fill_text(const char *pattern, const char *list_address);

/* The same for an address. Allocated; NULL where it becomes none. */
char *list_fill_address(const char *pattern, const char *list_address);

#endif
