/* A post that is being injected. */
#include "expander/fanout/post.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/header.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALLEST_SHARE = 100,             /* recipients of a batch: fewer are not worth another lane */
	NEAR = 8                          /* a part of a batch by which it may be shorter or longer */
};

void
post_rewrite(const struct envelope *e, const char *message, size_t length, struct bytes *head,
             size_t *body_at)
{
	struct field f;
	size_t at = 0;

	bytes_add_text(head, e->inject_add);
	while (header_next(message, length, &at, &f))
		if (!text_list_same(&e->inject_remove, f.name, f.name_length))
			bytes_add(head, f.start, f.length);
	*body_at = at;
	/*
	 * A message without an empty line behind its header gets one, lest its body become header.
	 */
	if (at == length || message[at] != '\r') {
		bytes_add_text(head, "\r\n");
	} else if (e->inject_before_body != NULL) {
		bytes_add_text(head, "\r\n");
		*body_at = at + 2;
	}
	if (e->inject_before_body != NULL)
		bytes_add_text(head, e->inject_before_body);
}

/* Reads all that the entry says of itself. */
static int
read_post(struct post *p, struct complaint *why)
{
	const struct queue_ops *ops = p->entry->queues->ops;
	const char *message;
	size_t length, body;
	int rc = p->entry->damage != NULL ? complain(why, "%s", p->entry->damage)
	                                  : ops->recipients(p->entry, &p->list, why);

	if (rc == 0)
		(void)complain(why, "the distribution list is not whole");
	if (rc != 1 || ops->progress(p->entry, p->list.count, &p->tally, why) < 0 ||
	    ops->message(p->entry, &message, &length, why) < 0)
		return -1;
	post_rewrite(&p->entry->envelope, message, length, &p->head, &body);
	p->personal = envelope_is_personal(&p->entry->envelope);
	p->message = message;
	p->message_length = length;
	p->body = message + body;
	p->body_length = length - body;
	p->tail = p->entry->envelope.inject_after_body;
	p->tail_length = p->tail == NULL ? 0 : strlen(p->tail);
	p->later = mem_array(p->list.count, sizeof(*p->later));
	return 0;
}

/* The number of a line of an open batch that nobody knows of; from *i on, which is moved behind it. */
static bool
next_doubt(const struct post *p, const struct open_batch *b, size_t *i, uint32_t *line)
{
	for (; *i < b->count; ++*i) {
		size_t at = open_batch_line(b, *i);

		if (at < p->tally.count && p->tally.lines[at] == LINE_DOUBT) {
			*line = (uint32_t)at;
			++*i;
			return true;
		}
	}
	return false;
}

/* Forgets open batches that no receipt can tell of; marks the lines of the others. */
static void
keep_provable(struct post *p, bool *provable)
{
	struct open_batch *b = p->tally.open, *next;

	for (; b != NULL; b = next) {
		size_t i = 0, count = 0;
		uint32_t line;

		next = b->next;
		while (b->receipt != NULL && next_doubt(p, b, &i, &line)) {
			provable[line] = true;
			count++;
		}
		if (count == 0)
			tally_forget(&p->tally, b);
	}
}

/*
 * Intents without a result: whether the MTA has these batches their receipts may tell. Of those without
 * one nobody can say, and a duplicate is better than a loss.
 */
static void
settle_doubt(struct post *p)
{
	bool *provable = mem_array(p->tally.count, sizeof(*provable));
	size_t again = 0;

	keep_provable(p, provable);
	for (size_t i = 0; i < p->tally.count; i++) {
		if (p->tally.lines[i] != LINE_DOUBT || provable[i])
			continue;
		tally_set(&p->tally, i, LINE_WAITING);
		again++;
	}
	if (again > 0)
		log_say(LEVEL_WARN, "inject", "%s: %zu recipients are in doubt since a crash: sending again",
		        p->entry->id, again);
	if (p->tally.open != NULL)
		log_say(LEVEL_WARN, "inject", "%s: %zu recipients are in doubt since a crash: waiting for "
		        "the receipts of their batches", p->entry->id, p->tally.doubt);
	/* From now on: since when it is in doubt only a clock could say that may have jumped. */
	p->doubt_since = clock_ticks();
	free(provable);
}

struct post *
post_open(struct entry *entry, struct complaint *why)
{
	struct post *p = mem_new(sizeof(*p));

	p->entry = entry;
	if (read_post(p, why) < 0) {
		p->entry = NULL;
		post_close(&p);
		return NULL;
	}
	if (p->tally.doubt > 0)
		settle_doubt(p);
	return p;
}

void
post_close(struct post **post)
{
	struct post *p = *post;

	*post = NULL;
	if (p == NULL)
		return;
	if (p->entry != NULL)
		p->entry->queues->ops->release(&p->entry, 0);
	distribution_close(&p->list);
	tally_free(&p->tally);
	bytes_free(&p->head);
	free(p->later);
	free(p->alone);
	free(p);
}

bool
post_has_work(const struct post *p)
{
	return !p->halted && p->tally.waiting > p->later_count;
}

bool
post_needs_utf8(const struct post *p, uint32_t line)
{
	size_t length;
	const char *a = distribution_address(&p->list, line, &length);

	return !text_is_ascii(a, length);
}

/*
 * What goes into one batch: where one recipient needs SMTPUTF8, the MTA would ask it of the hosts of all
 * the others as well.
 */
static enum mates
mates_of(const struct post *p, size_t line)
{
	if (p->alone != NULL && p->alone[line])
		return ALONE;
	return post_needs_utf8(p, (uint32_t)line) ? WITH_UTF8 : WITH_OTHERS;
}

static bool
is_next(const struct post *p, size_t line, enum mates mates)
{
	return p->tally.lines[line] == LINE_WAITING && !p->later[line] && mates_of(p, line) == mates;
}

static size_t
find_first(struct post *p, enum mates mates)
{
	size_t *at = &p->cursor[mates];

	while (*at < p->tally.count && !is_next(p, *at, mates))
		++*at;
	return *at;
}

/* Those whose first is the first of all. */
static enum mates
next_mates(struct post *p)
{
	enum mates next = WITH_OTHERS;

	for (enum mates m = WITH_UTF8; m < MATES; m++)
		if (find_first(p, m) < find_first(p, next))
			next = m;
	return next;
}

/*
 * How many recipients make a batch: every lane has as many of them, all of the same size, and they are no
 * more than the limit asks for, since each costs the MTA a file, and both sides a sync.
 */
static size_t
fair_share(struct post *p, size_t most, size_t lanes)
{
	size_t left = p->tally.waiting - p->later_count, batches, enough, least = (left + most - 1) / most;

	if (p->share == 0 || p->share_most != most || p->share_lanes != lanes) {
		batches = (left + lanes * most - 1) / (lanes * most) * lanes;
		enough = (left + SMALLEST_SHARE - 1) / SMALLEST_SHARE;
		if (enough < batches)
			batches = enough > least ? enough : least;
		p->share = (left + batches - 1) / batches;
		p->share_most = most;
		p->share_lanes = lanes;
	}
	return p->share < most ? p->share : most;
}

/* Whether the MTA sends these two lines to different domains. */
static bool
is_border(const struct post *p, uint32_t a, uint32_t b)
{
	const char *at[2];
	size_t length[2];

	at[0] = distribution_address(&p->list, a, &length[0]);
	at[1] = distribution_address(&p->list, b, &length[1]);
	for (int i = 0; i < 2; i++) {
		const char *sign = memrchr(at[i], '@', length[i]);

		if (sign != NULL) {
			length[i] -= (size_t)(sign - at[i]);
			at[i] = sign;
		}
	}
	return length[0] != length[1] || strncasecmp(at[0], at[1], length[0]) != 0;
}

/*
 * Where to cut: behind the last recipient of a domain, if that is near. The MTA delivers what belongs
 * together at once.
 */
static size_t
cut_at(const struct post *p, const uint32_t *lines, size_t found, size_t want)
{
	if (found <= want)
		return found;
	for (size_t away = 0; away <= want / NEAR && away < want; away++) {
		if (want + away < found && is_border(p, lines[want + away - 1], lines[want + away]))
			return want + away;
		if (is_border(p, lines[want - away - 1], lines[want - away]))
			return want - away;
	}
	return want;
}

struct batch *
post_cut(struct post *p, size_t most, size_t lanes, size_t allowed)
{
	struct batch *b = mem_new(sizeof(*b));
	size_t want, room, found = 0;
	enum mates mates = next_mates(p);

	if (p->proof && most > 1)
		most--;
	if (p->most != 0 && most > p->most)
		most = p->most;
	if (allowed < most)
		most = allowed;
	want = mates == ALONE ? 1 : fair_share(p, most, lanes);
	/* One more line than fits, to see whether the border is there. */
	room = want + want / NEAR + 1 < most + 1 ? want + want / NEAR + 1 : most + 1;
	b->post = p;
	b->number = ++p->tally.batches;
	(void)snprintf(b->name, sizeof(b->name), "%s.%" PRId64, p->entry->id, b->number);
	if (p->proof)
		receipt_token(b->receipt);
	b->lines = mem_array(room, sizeof(*b->lines));
	for (size_t i = p->cursor[mates]; i < p->tally.count && found < room; i++)
		if (is_next(p, i, mates))
			b->lines[found++] = (uint32_t)i;
	b->count = cut_at(p, b->lines, found, want);
	for (size_t i = 0; i < b->count; i++)
		tally_set(&p->tally, b->lines[i], LINE_DOUBT);
	p->cursor[mates] = b->lines[b->count - 1] + 1;
	b->range = b->lines[b->count - 1] - b->lines[0] + 1 == b->count;
	p->busy++;
	return b;
}

void
post_limit(struct post *p, size_t most)
{
	if (p->most == 0 || most < p->most)
		p->most = most;
}

void
batch_free(struct batch **batch)
{
	if (*batch == NULL)
		return;
	free((*batch)->lines);
	free(*batch);
	*batch = NULL;
}

void
post_sent(struct post *p, uint32_t line)
{
	tally_set(&p->tally, line, LINE_SENT);
}

void
post_refused(struct post *p, uint32_t line, int code, const char *text)
{
	tally_refuse(&p->tally, line, code, text);
}

void
post_again(struct post *p, uint32_t line)
{
	size_t *cursor = &p->cursor[mates_of(p, line)];

	tally_set(&p->tally, line, LINE_WAITING);
	if (line < *cursor)
		*cursor = line;
}

void
post_later(struct post *p, uint32_t line)
{
	tally_set(&p->tally, line, LINE_WAITING);
	p->later[line] = true;
	p->later_count++;
}

void
post_doubt(struct post *p, const struct batch *b)
{
	const struct record r = { .batch = b->number, .count = b->count, .lines = b->lines,
		                  .receipt = b->receipt, .mta = b->mta };

	tally_open(&p->tally, &r);
	p->doubt_since = clock_ticks();
	p->doubt_later = true;
}

void
post_settle(struct post *p, const struct open_batch *b, bool queued)
{
	size_t i = 0;
	uint32_t line;

	while (next_doubt(p, b, &i, &line))
		if (queued)
			post_sent(p, line);
		else if (p->doubt_later)
			post_later(p, line);
		else
			post_again(p, line);
	tally_forget(&p->tally, b);
}
