/*
 * For inquiry.c: what is asked. A question is what is asked once. Workers know questions only, and the
 * inquiry they belong to lives as long as any of them: whoever asked may be gone.
 */
#ifndef POLICIES_QUESTION_H
#define POLICIES_QUESTION_H

#include "base/monitor.h"
#include "policies/inquiry.h"

#include <stdatomic.h>

struct question {
	struct inquiry *inquiry;
	const struct link *link;
	const struct chain *chain;        /* of the link */
	struct list *list;                /* a reference */
	struct source *source;
	bool stale;
	char *recipient;
	enum role role;
	bool apart;                       /* nobody waits for it */
	int64_t began, took;
	/* Under the monitor, once there are workers. */
	bool open;
	enum answer_kind how;
	struct verdict said;
};

struct inquiry {
	atomic_int references;            /* of the asker and of each job */
	enum moment moment;
	struct deadline by;
	struct facts facts;               /* the asker's; once there are workers, a copy */
	bool copied;
	int cancelled;                    /* an eventfd, where there are workers; or -1 */
	struct monitor monitor;
	/* Under the monitor. */
	bool over;
	bool refused;                     /* some answer was no pass: the rest may be of no use */
	size_t open;                      /* that are waited for */
	struct question *questions;
	size_t count;
};

/* One reference. */
struct inquiry *inquiry_new(const struct terms *);
void inquiry_drop(struct inquiry *);

/* Copies what workers are told, and makes what ends their work. */
void inquiry_share(struct inquiry *);

/* The question of a link about a subject: one that is asked already and will do, or a new one. */
size_t question_for(struct inquiry *, const struct link *, const struct subject *);

#endif
