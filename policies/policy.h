/*
 * Extension point B: one question about one posting. One file per policy and one row in registry.c.
 * A policy judges; what becomes of a failure is configuration. Its own configuration never changes
 * after it was read, it is told everything by the facts, and it answers by value: calls may run in
 * parallel on any thread, and a late answer touches nothing.
 */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/setting.h"
#include "mail/list.h"
#include "mail/verdict.h"
#include "sources/source.h"

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
	bool session;                     /* its fields are known at all: behind the MTA only by a stamp */
	const char *client;               /* its address, as text */
	const char *client_name;          /* as the MTA found and confirmed it; NULL: not known */
	const char *helo;                 /* with NEED_HELO only; NULL: not known */
	const char *instance;             /* differs for each message; NULL: not known */
	bool trusted;                     /* the client is in one of the site's networks */
	bool encrypted;                   /* by TLS */
	const char *login;                /* SASL login name; NULL: not authenticated */
	/* The envelope. */
	const char *sender;               /* canonical reverse-path; NULL: the null sender */
	bool sender_odd;                  /* it is no mailbox, and as it was given */
	int64_t announced;                /* SIZE=, or 0. A claim */
	size_t recipients;                /* that were accepted, from MOMENT_DATA on */
	const struct list *list;
	struct source *source;            /* the list's; lives as long as any policy runs */
	bool stale;                       /* it is from an old memory, its rules on posters included */
	const char *recipient;            /* canonical: the list, or another of its addresses */
	enum role role;
	/* The content, at MOMENT_END. */
	const char *header;
	size_t header_length;
	int64_t size;                     /* bytes of header and body */
	int64_t most_hops;                /* what the site says */
	const char *state;                /* the site's directory */
	const char *body;                 /* how it begins, see NEED_BODY; NULL: not known */
	size_t body_length;
	bool filed;                       /* `file` is one, with the whole message; see NEED_FILE */
	int file;
	struct resolver *resolver;        /* for questions to the DNS; NULL: nobody can be asked */
};

/* What a policy needs to be asked at all, and what its answer depends on. */
enum need {
	NEED_SESSION = 1,                 /* is not asked where the session is not known */
	NEED_ENVELOPE = 2,                /* likewise: the MTA may have divided the recipients */
	NEED_LIST = 4,                    /* answers for two lists may differ */
	NEED_FILE = 8,                    /* the whole message is to be in a file */
	NEED_HELO = 16,                   /* what the client called itself */
	NEED_BODY = 32                    /* how the body begins, if the policy has no resource; it is asked
	                                     also where that is not known */
};

/* The needs that these facts do not meet. */
unsigned facts_lacking(const struct facts *);

/* What a policy has to wait for has workers of its own, so that one that hangs starves nobody else. */
enum resource {
	RESOURCE_NONE,                    /* it never waits, and is asked where the question arises */
	RESOURCE_DIRECTORY,               /* any source of lists */
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
typedef struct verdict policy_answer(const void *config, const struct facts *, struct deadline);

struct policy {
	const char *name;                 /* the word in the configuration and in the log */
	const char *summary;              /* one line for the manual */
	unsigned needs;                   /* of enum need */
	enum resource resource;
	bool always;                      /* asked with its fallbacks where it is not named */
	bool every_role;                  /* not of posts alone */
	bool quiet;                       /* nobody waits for an answer to what it refuses */
	bool holds;                       /* what fails, and what comes past the milter, is held where nothing
	                                     else is said */
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
	/* Whether it can refuse posts to that list; else it is not asked. NULL: it is always. */
	bool (*concerns)(const struct list *);
	policy_answer *at[MOMENT_COUNT];  /* NULL: it is not asked then */
	/*
	 * The answer, where that can be given without waiting: false where it cannot. NULL: it never can,
	 * if the policy has a resource.
	 */
	bool (*at_once)(const void *config, const struct facts *, enum moment, struct verdict *);
	/*
	 * A recipient in a domain of lists was named, and the list is being looked for: what is to be asked
	 * of the source in any case can begin. The facts have no list. Does not wait. May be NULL.
	 */
	void (*expect)(const void *config, const struct facts *);
	/* Adds whom it lets post to a list, in words; nothing where it lets anyone. May be NULL. */
	void (*describe)(const void *config, const struct list *, struct bytes *);
	/* The milter has taken a message for that list: what is counted is counted now. May be NULL. */
	void (*accepted)(const void *config, const struct facts *);
};

/* All policies, in the order of the manual, ended by NULL. */
extern const struct policy *const policies[];

extern const struct policy policy_posters;
extern const struct policy policy_reject;
extern const struct policy policy_authenticated;
extern const struct policy policy_require_tls;
extern const struct policy policy_rdns;
extern const struct policy policy_max_size;
extern const struct policy policy_own_size;
extern const struct policy policy_max_recipients;
extern const struct policy policy_implicit_dest;
extern const struct policy policy_header_match;
extern const struct policy policy_required_fields;
extern const struct policy policy_content_type;
extern const struct policy policy_dkim;
extern const struct policy policy_dmarc;
extern const struct policy policy_auto_submitted;
extern const struct policy policy_loop;
extern const struct policy policy_rate;
extern const struct policy policy_program;
extern const struct policy policy_service;
extern const struct policy policy_moderated;
extern const struct policy policy_storm;
extern const struct policy policy_fail;

#endif
