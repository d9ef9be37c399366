/*
 * Extension point B: one question about one posting. One file per policy and one row in registry.c.
 * A policy judges; what becomes of a failure is configuration. Its own configuration never changes
 * after it was read, it is told everything by the facts, and it answers by value: calls may run in
 * parallel on any thread, and a late answer touches nothing.
 */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#include "base/clock.h"
#include "base/setting.h"
#include "mail/list.h"
#include "mail/verdict.h"

#include <stdbool.h>

/* When something can be asked: each moment knows more than the one before. */
enum moment {
	MOMENT_RCPT,                      /* a recipient is named */
	MOMENT_DATA,                      /* so are all of them */
	MOMENT_END,                       /* header and body have come */
	MOMENT_COUNT
};

struct resolver;

/* What is known. Read-only; what it points to lives as long as the call. */
struct facts {
	/* The session. */
	bool session;                     /* its fields are known at all: behind the MTA they are not */
	const char *client;               /* its address, as text */
	const char *client_name;          /* as the MTA found and confirmed it; NULL: not known */
	const char *helo;                 /* with NEED_HELO only; NULL: not known */
	const char *instance;             /* differs for each message; NULL: not known */
	bool trusted;                     /* the client is in one of the site's networks */
	bool encrypted;                   /* by TLS */
	const char *login;                /* SASL login name; NULL: not authenticated */
	/* The envelope. */
	const char *sender;               /* canonical reverse-path; NULL: the null sender */
	int64_t announced;                /* SIZE=, or 0. A claim */
	size_t recipients;                /* that were accepted, from MOMENT_DATA on */
	const struct list *list;
	const char *recipient;            /* canonical: the list, or another of its addresses */
	enum role role;
	/* The content, at MOMENT_END. */
	const char *header;
	size_t header_length;
	int64_t size;                     /* bytes of header and body */
	int64_t most_hops;                /* what the site says */
	const char *state;                /* the site's directory */
	bool filed;                       /* `file` is one, with the whole message; see NEED_FILE */
	int file;
	struct resolver *resolver;        /* for questions to the DNS; NULL: nobody can be asked */
};

/* How long somebody waits for an answer. */
struct patience {
	struct deadline by;
	int cancelled;                    /* becomes readable when nobody does any more; or -1 */
};

/* What a policy needs to be asked at all, and what its answer depends on. */
enum need {
	NEED_SESSION = 1,                 /* is not asked behind the MTA */
	NEED_ENVELOPE = 2,                /* likewise: there the MTA may have divided the recipients */
	NEED_LIST = 4,                    /* answers for two lists may differ */
	NEED_FILE = 8,                    /* the whole message is to be in a file */
	NEED_HELO = 16                    /* what the client called itself */
};

/* What a policy has to wait for has workers of its own, so that one that hangs starves nobody else. */
enum resource {
	RESOURCE_NONE,                    /* it never waits, and is asked where the question arises */
	RESOURCE_PROGRAM,
	RESOURCE_SERVICE,
	RESOURCE_DNS,
	RESOURCE_FAIL,
	RESOURCE_COUNT
};

/*
 * Pass; reject: it fails, with the reply for that; defer: it cannot know, with any reply. What the
 * two become is up to `on_fail` and `on_unsure`.
 */
typedef struct verdict policy_answer(const void *config, const struct facts *, struct patience);

struct policy {
	const char *name;                 /* the word in the configuration and in the log */
	const char *summary;              /* one line for the manual */
	unsigned needs;                   /* of enum need */
	enum resource resource;
	bool always;                      /* asked with its fallbacks where it is not named */
	bool every_role;                  /* not of posts alone */
	bool quiet;                       /* nobody waits for an answer to what it refuses */
	bool repeats;                     /* may stand several times in one `check` */
	bool last;                        /* asking has effects: it waits until all others have passed */
	const struct setting *settings;   /* none of them called on_fail or on_unsure */
	size_t config_size;
	/* Checks what rows cannot, and prepares what it can. May be NULL. */
	int (*check)(void *config, const struct node *at, struct complaint *);
	/* Frees what check() made. May be NULL. */
	void (*close)(void *config);
	/* Whether it is asked then, as it is configured. NULL: always. */
	bool (*asks)(const void *config, enum moment);
	policy_answer *at[MOMENT_COUNT];  /* NULL: it is not asked then */
	/* The milter has taken a message for that list: what is counted is counted now. May be NULL. */
	void (*accepted)(const void *config, const struct facts *);
};

/* All policies, in the order of the manual, ended by NULL. */
extern const struct policy *const policies[];

extern const struct policy policy_posters, policy_authenticated, policy_require_tls, policy_max_size,
	policy_max_recipients, policy_implicit_dest, policy_header_match, policy_auto_submitted, policy_loop,
	policy_rate, policy_content_type, policy_rdns, policy_dkim, policy_dmarc, policy_program,
	policy_service, policy_fail;

#endif
