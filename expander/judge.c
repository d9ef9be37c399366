/* Judging behind the MTA. */
#include "expander/judge.h"

#include "base/mem.h"
#include "policies/stamps.h"

#include <stdio.h>
#include <stdlib.h>

/* More of them come from nobody who means well. */
enum { MOST_STAMPS = 8 };

/* ---- the stamp ---- */

static enum stamp_state
read_one(const struct service *s, const struct stamp_message *m, const struct field *f, struct stamp *stamp)
{
	enum stamp_state state = stamps_open(s->keys, f, stamp);

	if (state == STAMP_VALID)
		state = stamp_check(stamp, m);
	if (state != STAMP_VALID)
		stamp_free(stamp);
	return state;
}

void
credentials_read(struct credentials *c, const struct service *s, const struct arrival *a)
{
	char digest[DIGEST_NAME + 1];
	const struct stamp_message m = { .now = a->taken == 0 ? clock_wall() : a->taken,
		                         .lifetime = s->site->stamp.lifetime,
		                         .sender = a->sender, .queue_ids = { a->queue_id, a->ident },
		                         .digest = digest,
		                         .requeued = a->taken != 0 ||
		                                     s->site->stamp.match == STAMP_BY_DIGEST };
	struct field f;
	size_t at = 0, seen = 0;

	*c = (struct credentials){ .state = STAMP_NONE };
	while (c->state != STAMP_VALID && seen < MOST_STAMPS &&
	       header_next(a->header, a->header_length, &at, &f)) {
		enum stamp_state state;

		if (!field_is(&f, STAMP_FIELD))
			continue;
		if (seen++ == 0)
			stamp_digest(a->header, a->header_length, digest);
		state = read_one(s, &m, &f, &c->stamp);
		if (state == STAMP_VALID || seen == 1)
			c->state = state;
	}
}

void
credentials_free(struct credentials *c)
{
	stamp_free(&c->stamp);
}

/* ---- asking ---- */

/* Those that are asked together, since the same is known for them. */
struct group {
	const struct service *service;
	struct facts facts;
	struct deadline by;
	struct judgement **all;
	size_t count;
};

static void
decide(struct judgement *j, struct verdict v, bool quiet, const char *by)
{
	j->verdict = v;
	j->quiet = quiet;
	j->by = by;
}

/* One check more has an opinion. */
static void
add(struct judgement *j, struct verdict v, const struct policy *by)
{
	bool again = j->by != NULL && v.decision <= j->verdict.decision;

	decide(j, verdict_join(j->verdict, v), by->quiet, again ? j->by : by->name);
}

/* All moments that have been, one after the other, as the milter does. */
static void
ask(const struct group *g)
{
	struct subject *subjects = mem_array(g->count, sizeof(*subjects));

	for (enum moment moment = MOMENT_RCPT; moment < MOMENT_COUNT; moment++) {
		const struct terms terms = { .moment = moment, .facts = &g->facts, .by = g->by };
		size_t count = 0, next = 0;

		for (size_t i = 0; i < g->count; i++)
			if (verdict_takes(&g->all[i]->verdict))
				subjects[count++] = g->all[i]->subject;
		inquiry_run(g->service->site->bulkheads, &terms, subjects, count);
		for (size_t i = 0; i < g->count; i++) {
			struct subject *s = &subjects[next];

			if (!verdict_takes(&g->all[i]->verdict))
				continue;
			if (s->decided_by != NULL)
				add(g->all[i], s->verdict, s->decided_by->policy);
			subject_free(s);
			next++;
		}
	}
	free(subjects);
}

/*
 * What could not be asked. A list that was unsure in the milter stays so where the check that it waits
 * for may be among that.
 */
static void
miss(const struct group *g, const struct credentials *c)
{
	const unsigned lacking = facts_lacking(&g->facts);

	for (size_t i = 0; i < g->count; i++) {
		struct judgement *j = g->all[i];
		const struct subject *s = &j->subject;
		const struct stamped *before = stamp_find(&c->stamp, s->list->address, s->role);
		const struct link *link;
		struct verdict v;

		if (!verdict_takes(&j->verdict))
			continue;
		v = chain_lacking(s->chain, s->role, lacking, &link);
		if (link != NULL)
			add(j, v, link->policy);
		if (verdict_takes(&j->verdict) && before != NULL && chain_needs(s->chain, NEED_FILE, s->role))
			decide(j, verdict_defer(before->reply, "unsure before, and not to be asked here"),
			       false, before->by);
	}
}

/* It was not the milter that took the message for these: what is counted is counted now. */
static void
count_posts(const struct group *g)
{
	struct facts facts = g->facts;

	for (size_t i = 0; i < g->count && facts.session; i++) {
		const struct subject *s = &g->all[i]->subject;

		if (!verdict_takes(&g->all[i]->verdict))
			continue;
		facts.list = s->list;
		facts.recipient = s->recipient;
		facts.role = s->role;
		chain_accepted(s->chain, &facts);
	}
}

static void
add_to(struct group *g, struct judgement *j)
{
	g->all = mem_resize(g->all, (g->count + 1) * sizeof(struct judgement *));
	g->all[g->count++] = j;
}

static void
judge_group(struct group *g, const struct credentials *c, bool count)
{
	ask(g);
	miss(g, c);
	if (count)
		count_posts(g);
	free(g->all);
}

/* What is known of every message; and of one with a stamp. */
static struct facts
facts_of(const struct service *s, const struct arrival *a)
{
	return (struct facts){ .sender = a->sender, .size = a->size, .header = a->header,
		               .header_length = a->header_length, .state = s->site->state,
		               .most_hops = s->site->limits.hops };
}

static void
add_session(struct facts *f, const struct stamp *s)
{
	f->session = true;
	f->sender = s->sender;
	f->client = s->client;
	f->login = s->login;
	f->trusted = s->trusted;
	f->encrypted = s->encrypted;
	f->announced = s->announced;
	f->recipients = (size_t)s->recipients;
}

static struct verdict
taken_before(const struct stamped *said)
{
	struct verdict v = { .decision = said->decision };

	if (said->tags != NULL)
		(void)snprintf(v.tags, sizeof(v.tags), "%s", said->tags);
	return verdict_because(v, "%s", said->reason == NULL ? "" : said->reason);
}

/*
 * A list that the stamp does not name, since an alias leads there, is asked with the stamp's facts; not
 * where stamps are known by the digest, which whoever got the message can make again. A list within
 * one that has taken the message is.
 */
void
judge(const struct service *s, const struct arrival *a, const struct credentials *c, struct deadline by,
      struct judgement *all, size_t count)
{
	struct group knowing = { .service = s, .facts = facts_of(s, a), .by = by }, blind = knowing;
	const struct doorway doorway = { c->stamp.port, c->stamp.port_name };
	bool valid = c->state == STAMP_VALID, by_digest = s->site->stamp.match == STAMP_BY_DIGEST;

	if (valid)
		add_session(&knowing.facts, &c->stamp);
	for (size_t i = 0; i < count; i++) {
		struct judgement *j = &all[i];
		const struct stamped *said = stamp_find(&c->stamp, j->target->list->address, j->target->role);
		bool known = valid && (said != NULL || !by_digest || a->taken != 0);

		target_dispatch(j->target, known ? &knowing.facts : &blind.facts, &doorway);
		j->subject = admit_subject(j->target);
		j->stamped = said != NULL && said->decision != DECISION_DEFER;
		decide(j, verdict_pass(), false, NULL);
		if (j->stamped && (said->decision == DECISION_TAG || said->decision == DECISION_HOLD))
			decide(j, taken_before(said), false, said->by == NULL ? "stamp" : said->by);
		if (j->stamped && said->decision == DECISION_REJECT)
			decide(j, verdict_reject(said->reply, "the milter refused it"), said->quiet,
			       said->by == NULL ? "stamp" : said->by);
		if (!j->stamped)
			add_to(known ? &knowing : &blind, j);
	}
	judge_group(&knowing, c, a->taken == 0);
	judge_group(&blind, c, a->taken == 0);
}

void
judge_count(const struct service *s, const struct arrival *a, const struct credentials *c,
            struct judgement *j)
{
	struct group g = { .service = s, .facts = facts_of(s, a) };

	if (c->state == STAMP_VALID)
		add_session(&g.facts, &c->stamp);
	add_to(&g, j);
	count_posts(&g);
	free(g.all);
}
