/* Several MTAs. */
#include "expander/fanout/farm.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REST = 1000, REST_MOST = 60000,   /* ms that an MTA is left alone, at first and at last */
	POLITE = 150                      /* recipients of a batch that its queue manager takes up soon */
};

void
farm_close(struct farm *f)
{
	while (f->stations != NULL) {
		struct station *s = f->stations;

		f->stations = s->next;
		free(s->name);
		echoes_close(&s->echoes);
		free(s);
	}
}

/* Lanes are dealt out in turns, so that few of them are spread as well. */
const struct mta *
farm_mta(const struct service *s, size_t lane)
{
	size_t at = lane % (size_t)s->weight, i = 0;

	for (; at >= (size_t)s->mtas[i].weight; i++)
		at -= (size_t)s->mtas[i].weight;
	return &s->mtas[i];
}

size_t
farm_lanes(const struct service *s, const struct mta *m)
{
	return (size_t)(s->outbound.lanes * m->weight);
}

struct station *
farm_station(struct farm *f, const struct mta *m)
{
	struct station *s = f->stations;

	while (s != NULL && strcmp(s->name, m->name) != 0)
		s = s->next;
	if (s == NULL) {
		s = mem_new(sizeof(*s));
		s->name = mem_text(m->name);
		s->next = f->stations;
		f->stations = s;
	}
	return s;
}

void
farm_over(struct farm *f)
{
	for (struct station *s = f->stations; s != NULL; s = s->next)
		throttle_over(&s->throttle);
}

size_t
farm_limit(struct station *st, const struct service *s, size_t lanes, const struct post *longest)
{
	bool come;

	st->lanes = lanes;
	st->busy -= echoes_late(&st->echoes, clock_ticks_us());
	come = st->echoes.news == ECHOES_COME ||
	       (st->echoes.news == ECHOES_HOPED_FOR && longest != NULL && longest->proof);
	throttle_follow(&st->throttle, s->outbound.adapt && come, longest != NULL);
	return s->outbound.adapt || st->throttle.full ? throttle_limit(&st->throttle, lanes) : lanes;
}

bool
farm_has_room(const struct station *st, size_t limit)
{
	return st->busy < limit && st->sending < throttle_sent(&st->throttle, limit);
}

size_t
farm_most(struct station *st, size_t most)
{
	most = learnt_most(&st->learnt, most, clock_ticks());
	return st->throttle.followed && most > POLITE ? POLITE : most;
}

void
farm_begin(struct station *st, struct batch *b)
{
	b->beside = ++st->busy;
	st->sending++;
	b->followed = st->throttle.followed && b->receipt[0] != '\0';
	if (b->receipt[0] != '\0')
		echoes_await(&st->echoes, b, clock_ticks_us());
}

bool
farm_end(struct station *st, const struct batch *b, const struct outcome *o)
{
	bool queued = o != NULL && o->made == SMTP_ANSWERED && o->code / 100 == 2;
	bool ended = echoes_sent(&st->echoes, b, queued, queued && o->receipt) || !b->followed;

	st->busy -= ended;
	st->sending--;
	return ended;
}

bool
farm_heard(struct farm *f, const char *entry, int64_t batch)
{
	for (struct station *st = f->stations; st != NULL; st = st->next) {
		int64_t now = clock_ticks_us();
		struct sample sample;

		if (!echoes_heard(&st->echoes, entry, batch, now, &sample))
			continue;
		st->busy--;
		throttle_heard(&st->throttle, st->lanes, &sample, now / 1000);
		return true;
	}
	return false;
}

bool
farm_learn(struct station *st, const struct batch *b, const struct outcome *o)
{
	const struct sample sample = { b->count, o->took, b->beside };
	bool refused = o->lost || o->code / 100 == 4;
	int64_t now = clock_ticks();

	if (refused) {
		(void)snprintf(st->said, sizeof(st->said), "%s", o->text);
		throttle_refused(&st->throttle, st->lanes, now);
	} else if (o->took > 0 && b->beside > 0 && !b->followed) {
		throttle_heard(&st->throttle, st->lanes, &sample, now);
	}
	if (o->code / 100 == 2)
		farm_found(st);
	return refused;
}

bool
farm_has_other(struct farm *f, const struct service *s, const struct station *one, int64_t now)
{
	for (size_t i = 0; i < s->mta_count; i++) {
		const struct station *other = farm_station(f, &s->mtas[i]);

		if (other != one && other->away <= now)
			return true;
	}
	return false;
}

bool
farm_is_free(const struct outcome *o)
{
	return (o->made == SMTP_NOT_STARTED || o->made == SMTP_NOT_SENT) && (o->lost || o->code / 100 == 4);
}

static void
log_station(const struct station *s, const char *state, const char *reason)
{
	struct log_line l;

	log_begin(&l, reason == NULL ? LEVEL_INFO : LEVEL_WARN, "mta");
	log_text(&l, "mta", s->name);
	log_text(&l, "state", state);
	if (reason != NULL)
		log_text(&l, "reason", reason);
	log_end(&l);
}

void
farm_left(struct station *s, const char *reason, int64_t now)
{
	if (s->away > now)                /* another lane was there before */
		return;
	s->rest = s->rest == 0 ? REST : s->rest * 2 > REST_MOST ? REST_MOST : s->rest * 2;
	s->away = now + s->rest;
	log_station(s, "away", reason);
}

void
farm_found(struct station *s)
{
	if (s->away == 0)
		return;
	s->away = s->rest = 0;
	log_station(s, "back", NULL);
}
