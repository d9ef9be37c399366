/*
 * Extension point B: one question about one posting. One file per policy and one row in registry.c.
 * A policy judges; what becomes of a failure is up to whoever asks. Its configuration never changes
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

/* What is known when a recipient is named. Read-only. */
struct facts {
	bool session;                     /* the fields on client and login are known at all */
	const char *client;               /* its address, as text */
	bool trusted;                     /* the client is in one of the site's networks */
	const char *login;                /* SASL login name; NULL: not authenticated */
	const char *sender;               /* canonical reverse-path; NULL: the null sender */
	const struct list *list;
	enum role role;
};

struct policy {
	const char *name;                 /* the word in the configuration and in the log */
	const char *summary;              /* one line for the manual */
	const struct setting *settings;
	size_t config_size;
	/* Checks what rows cannot. May be NULL. */
	int (*check)(void *config, const struct node *at, struct complaint *);
	/* One function per moment at which it can be asked; NULL: it is not asked then. */
	struct verdict (*at_rcpt)(const void *config, const struct facts *, struct deadline);
};

/* All policies, in the order of the manual, ended by NULL. */
extern const struct policy *const policies[];

extern const struct policy policy_posters;

#endif
