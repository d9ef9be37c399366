/*
 * The MTAs that posts go to, as the lanes find them: what each takes in one transaction, how many batches
 * at a time, and whether it is away. Each lane belongs to one of them by its number and their weights, and
 * takes the next batch whenever it is free: so most go where they are taken fastest. What goes wrong before
 * an MTA has a batch goes to another at once.
 *
 * Threads: under the lock of the injector.
 */
#ifndef EXPANDER_FANOUT_FARM_H
#define EXPANDER_FANOUT_FARM_H

#include "expander/fanout/echoes.h"
#include "expander/fanout/learnt.h"
#include "expander/fanout/smtp_client.h"
#include "expander/fanout/throttle.h"
#include "expander/service.h"

struct station {
	struct station *next;
	char *name;                       /* as in struct mta */
	struct learnt learnt;
	struct throttle throttle;
	struct echoes echoes;
	bool xverp;                       /* it had XVERP when it said so last */
	size_t lanes;                     /* that it has */
	size_t busy;                      /* batches under way that the throttle counts, … */
	size_t sending;                   /* … and those of them that are being sent */
	int64_t away;                     /* ticks: left alone until then; 0: it is there */
	int64_t rest;                     /* ms that it was left alone the last time */
	struct pace pace;
	char said[512];                   /* when it took no batch the last time */
};

struct farm {
	struct station *stations;
};

void farm_close(struct farm *);

/* The MTA of a lane, of all lanes that the service asks for. */
const struct mta *farm_mta(const struct service *, size_t lane);
/* How many lanes it has. */
size_t farm_lanes(const struct service *, const struct mta *);
/* What is known of it; it stays for as long as the farm. */
struct station *farm_station(struct farm *, const struct mta *);

/* Nothing large is left to send. */
void farm_over(struct farm *);

/*
 * How many large batches may be under way to it now, of so many lanes; `longest` is a post of many batches
 * that is waiting, or NULL. Then whether there is room for another, and how many recipients it has, of at
 * most `most`.
 */
size_t farm_limit(struct station *, const struct service *, size_t lanes, const struct post *longest);
bool farm_has_room(const struct station *, size_t limit);
size_t farm_most(struct station *, size_t most);

/*
 * A large batch is under way to it, and was sent, or was not: NULL. True: it is not under way any more, and
 * there may be room for another.
 */
void farm_begin(struct station *, struct batch *);
bool farm_end(struct station *, const struct batch *, const struct outcome *);

/* A receipt was heard. True: there may be room for another batch. */
bool farm_heard(struct farm *, const char *entry, int64_t batch);

/* What the MTA lets us know of itself by taking a batch, or not. True: it is to be left alone. */
bool farm_learn(struct station *, const struct batch *, const struct outcome *);

/* Whether another MTA than this one is there. */
bool farm_has_other(struct farm *, const struct service *, const struct station *, int64_t now);

/* Whether a batch can go to another MTA: this one has not taken it, and not for the recipients' sake. */
bool farm_is_free(const struct outcome *);

/* It took no connection, or broke it off, or wants no mail now: it is left alone for a while, … */
void farm_left(struct station *, const char *reason, int64_t now);
/* … and is there again. */
void farm_found(struct station *);

#endif
