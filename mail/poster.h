/*
 * Who may post, as data: what a configuration or a directory says of it, one rule for each value.
 * Some can be judged from the session and the envelope, the others by the source of the list.
 */
#ifndef MAIL_POSTER_H
#define MAIL_POSTER_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>

enum poster_kind {
	POSTER_ANYONE,
	POSTER_NOBODY,
	POSTER_LOGIN,                     /* whoever has authenticated */
	POSTER_ACCOUNT,                   /* value: a SASL login */
	POSTER_NETWORKS,                  /* clients in the site's networks */
	POSTER_KNOWN,                     /* people whom the source knows */
	POSTER_ADDRESS,                   /* value: canonical */
	POSTER_DOMAIN,                    /* value: canonical */
	POSTER_SUBDOMAINS,                /* the same, and all below it */
	POSTER_GLOB,                      /* value: a domain with '*' for anything */
	/* From here on the source judges. */
	POSTER_MEMBERS,                   /* of the list */
	POSTER_OWNERS,
	POSTER_MODERATORS,
	POSTER_LIST,                      /* value: the canonical address of a list; its members */
	POSTER_PERSON,                    /* value: a key */
	POSTER_GROUP,                     /* value: a key; its members */
	POSTER_ENTRY,                     /* value: the key of either */
	POSTER_FILTER,                    /* value: what a person's entry must match */
	POSTER_GROUP_FILTER,              /* value: what groups match whose members are meant */
	POSTER_URL,                       /* value: a URL that people are found by */
	/* What nobody understands: the list is closed until that is mended. */
	POSTER_UNREADABLE
};

enum poster_effect {
	POSTER_ALLOW,
	POSTER_DENY,                      /* goes before all that allows */
	POSTER_REQUIRE,                   /* besides being allowed */
	/* Not about posting: these people have a role. */
	POSTER_IS_OWNER,
	POSTER_IS_MODERATOR
};

struct poster {
	enum poster_effect effect;
	enum poster_kind kind;
	unsigned clause;                  /* of those that allow: one of each clause has to */
	char *value;                      /* or NULL */
	char *origin;                     /* for people: "mgrpAllowedDomain: example.com" */
};

struct poster_list {
	struct poster *items;
	size_t count;
};

/* Adds a rule. The texts are copied; `value` may be NULL. */
void posters_add(struct poster_list *, enum poster_effect, enum poster_kind, unsigned clause,
                 const char *value, const char *origin);
void posters_free(struct poster_list *);
void posters_copy(struct poster_list *to, const struct poster_list *from);

/*
 * Adds what one value of `allow` or `deny` in a configuration says: a word, an address, a domain (with
 * a dot before it: and all below), or "list:", "dn:", "group:", "filter:" or "login:" and a value.
 */
int posters_parse(struct poster_list *, enum poster_effect, const char *text, const char *origin,
                  struct complaint *);

bool poster_asks_source(enum poster_kind);

/* Whether a rule about an address or a domain is about this address, which is canonical. */
bool poster_has_address(const struct poster *, const char *canonical);

#endif
