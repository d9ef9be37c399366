/*
 * What became of a batch: from the replies of the MTA to the state of each recipient, to the
 * progress on disk and to the log.
 */
#ifndef EXPANDER_FANOUT_SETTLE_H
#define EXPANDER_FANOUT_SETTLE_H

#include "expander/fanout/learnt.h"
#include "expander/fanout/post.h"
#include "expander/fanout/smtp_client.h"
#include "expander/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the MTA's replies are taken. */
enum fate {
	FATE_AS_SAID,
	FATE_SMALLER,                     /* too large with so many recipients: again, with fewer */
	FATE_ELSEWHERE,                   /* this MTA has nothing of it, and another may have it at once */
	FATE_HELD,                        /* nobody is taken: believed when it has lasted */
	FATE_DOUBT                        /* the MTA may have queued it, and its receipt will tell */
};

/*
 * Under the lock of the injector. A refusal that does not seem to be about the recipients, but about
 * us, is held until the entry was tried for outbound.distrust since the first one: a wrong line in the
 * MTA's configuration must not cost the posts of the minute that it stood there.
 */
enum fate settle_judge(struct batch *, const struct outcome *, const struct outbound_settings *);

/* Written down, before the message is sent: who was refused. */
bool settle_note_refusals(struct batch *, const struct outcome *, struct complaint *);

/* On disk: first the recipients that fared otherwise than the batch, then, if that went well, the batch. */
void settle_note(const struct batch *, const struct outcome *, enum fate);

/*
 * Sets the state of each recipient in its post; under the lock of the injector. How many were sent.
 */
size_t settle(struct batch *, const struct outcome *, enum fate, struct learnt *);

/* One line; `began` in microseconds of clock_ticks_us(). */
void settle_log(const struct batch *, const struct outcome *, size_t sent, int64_t began);

#endif
