/*
 * Pace by what the MTA says: how many large batches may be under way at a time. A short fan-out uses all
 * lanes, unless the MTA refused something lately. In a longer one it is found out how long the MTA takes
 * for a recipient when it has one batch alone; where batches mostly wait for each other in it, there are
 * fewer from then on, since they would not be done sooner, and other mail would wait with them. Refusals
 * halve the number. It rises again by one at a time; a number that was too high is not tried again for a
 * while, the longer the more often it was. Never less than one. Pure functions of what they are told;
 * times are ticks in milliseconds.
 *
 * Threads: under the lock of whoever has it.
 */
#ifndef EXPANDER_FANOUT_THROTTLE_H
#define EXPANDER_FANOUT_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why there are fewer batches at a time than lanes. */
enum slowed {
	SLOWED_NOT,
	SLOWED_BY_ITSELF,                 /* they only waited for each other in the MTA */
	SLOWED_BY_REFUSALS
};

enum {
	THROTTLE_SHORT = 16,              /* batches of a fan-out that is not long */
	THROTTLE_PROBES = 3               /* batches that are looked at alone */
};

struct throttle {
	size_t limit;                     /* 0: not known yet, all */
	size_t heard;                     /* batches of this fan-out */
	int64_t last;                     /* when the last one was */
	bool probing;                     /* one at a time, to see how long that takes */
	double base;                      /* us for a recipient of a batch that is alone; 0: not known */
	double probes[THROTTLE_PROBES];   /* those that were alone, of this probe */
	int64_t base_at;
	double sum;                       /* of this round */
	size_t round;                     /* batches in it */
	bool followed;                    /* batches are under way until their receipts are heard */
	bool far;                         /* that would take too long with this MTA */
	bool refused;                     /* the limit holds from the first batch on */
	size_t ceiling;                   /* too high, until … */
	int64_t ceiling_until, ceiling_for;
	bool tried;                       /* it was tried again */
	int64_t lowered;                  /* when */
	enum slowed slowed;               /* of the last time that the number was made lower */
	bool full;                        /* the MTA's queue */
};

/* A batch that was taken. */
struct sample {
	size_t recipients;
	int64_t us;                       /* from MAIL to the reply to DATA */
	size_t beside;                    /* large batches under way with it, itself counted */
};

/* How many at a time, of at most `lanes`; none while the MTA's queue is too long. */
size_t throttle_limit(const struct throttle *, size_t lanes);

/* How many of them may be sent at the same time; the others wait in the MTA. */
size_t throttle_sent(const struct throttle *, size_t limit);

/* Why there are fewer than `lanes`, the queue aside. */
enum slowed throttle_slowed(const struct throttle *, size_t lanes);

void throttle_heard(struct throttle *, size_t lanes, const struct sample *, int64_t now);

/*
 * Whether receipts come by which batches could be followed, and whether posts of many batches are waiting,
 * which need not be found out then.
 */
void throttle_follow(struct throttle *, bool come, bool is_long);

/* Nothing large is left to send: what comes next is another fan-out, and may be short. */
void throttle_over(struct throttle *);

/* The MTA said not now, or hung up, or took no connection. */
void throttle_refused(struct throttle *, size_t lanes, int64_t now);

/* So many messages are in the MTA's queue, where `most` are well. */
void throttle_queue(struct throttle *, size_t count, size_t most);

#endif
