/* A batch on its way to the MTA. */
#include "expander/fanout/sending.h"

#include "base/mem.h"
#include "expander/fanout/personal.h"
#include "expander/fanout/settle.h"
#include "mail/address.h"
#include "mail/verp.h"
#include "policies/suspects.h"

#include <stdlib.h>
#include <string.h>

static char *
sender_of(const struct post *p, struct keys *keys, uint32_t line)
{
	const struct envelope *e = &p->entry->envelope;

	return verp_address(keys, e->inject_sender, e->list, p->entry->id, line);
}

bool
sending_fits(const struct post *p, struct keys *keys)
{
	char *longest = sender_of(p, keys, (uint32_t)p->list.count);
	bool fits = longest != NULL;

	free(longest);
	return fits;
}

void
sending_part(struct post *p, const struct service *s)
{
	const struct envelope *e = &p->entry->envelope;
	struct set *suspects = e->inject_suspects ? suspects_of(s->site->state, e->list) : NULL;

	if (suspects != NULL)
		p->alone = mem_array(p->list.count, sizeof(*p->alone));
	for (size_t i = 0; suspects != NULL && i < p->list.count; i++) {
		size_t length;
		const char *address = distribution_canonical(&p->list, i, &length);
		char *member = mem_copy(address, length);

		p->alone[i] = suspects_has(suspects, e->list, member);
		free(member);
	}
	set_close(&suspects);
}

static void
personalize(struct sending *g, struct keys *keys)
{
	const struct post *p = g->batch->post;
	const struct envelope *e = &p->entry->envelope;
	const struct personal personal = { e, e->list, p->entry->id, keys };
	size_t length;
	const char *address = distribution_address(&p->list, g->batch->lines[0], &length);
	char *member = mem_copy(address, length);

	personal_rewrite(&personal, member, p->message, p->message_length, &g->head, &g->body_at, &g->tail);
	free(member);
}

struct sending
sending_begin(struct batch *b, const struct service *s)
{
	struct receipt r = { .batch = b->number };
	struct sending g = { .batch = b };
	bool alone = b->post->alone != NULL && b->post->alone[b->lines[0]];

	if (b->receipt[0] != '\0') {
		memcpy(r.entry, b->post->entry->id, sizeof(r.entry));
		memcpy(r.token, b->receipt, sizeof(r.token));
		g.receipt = receipt_address(&r, s->receipts);
	}
	/* Ours is worth more: of a single recipient it costs nothing. */
	if ((b->post->own || alone) && b->count == 1)
		g.sender = sender_of(b->post, s->keys, b->lines[0]);
	if (b->post->personal)
		personalize(&g, s->keys);
	g.xverp = (b->post->entry->envelope.inject_verp || alone) && g.sender == NULL && s->outbound.xverp;
	return g;
}

void
sending_end(struct sending *g)
{
	free(g->receipt);
	free(g->sender);
	bytes_free(&g->head);
	mem_drop(&g->tail);
	g->receipt = g->sender = NULL;
}

static bool
note_intent(void *arg, struct complaint *why)
{
	const struct sending *g = arg;
	const struct batch *b = g->batch;
	const struct record r = { .kind = RECORD_INTENT, .at = clock_wall(), .batch = b->number,
		                  .first = b->lines[0], .count = b->count,
		                  .lines = b->range ? NULL : b->lines,
		                  .receipt = g->receipt == NULL ? NULL : b->receipt,
		                  .mta = b->mta };

	/* A small post is to be there soon: its sync goes on beside the MTA's work. Others share one. */
	return b->post->entry->queues->ops->note(b->post->entry, &r, b->post->quick, why) == 0;
}

/* The intent, and who was refused: a receipt says that the batch was queued, and not for whom. */
static bool
make_durable(void *arg, const struct outcome *o, struct complaint *why)
{
	const struct sending *g = arg;
	struct entry *e = g->batch->post->entry;

	return (!o->receipt || settle_note_refusals(g->batch, o, why)) && e->queues->ops->sync(e, why) == 0;
}

struct transaction
sending_transaction(struct sending *g)
{
	const struct batch *b = g->batch;
	const struct post *p = b->post;

	const bool personal = p->personal;

	return (struct transaction){
		.sender = g->sender == NULL ? p->entry->envelope.inject_sender : g->sender,
		.xverp = g->xverp,
		.envid = b->name,
		.list = &p->list,
		.lines = b->lines,
		.count = b->count,
		.head = personal ? g->head.data : p->head.data,
		.head_length = personal ? g->head.length : p->head.length,
		.body = personal ? p->message + g->body_at : p->body,
		.body_length = personal ? p->message_length - g->body_at : p->body_length,
		.tail = personal ? g->tail : p->tail,
		.tail_length = personal ? strlen(g->tail == NULL ? "" : g->tail) : p->tail_length,
		.eight_bit = p->entry->envelope.eight_bit,
		.receipt = g->receipt,
		.begin = note_intent,
		.before_message = make_durable,
		.arg = g,
	};
}

bool
sending_needs_utf8(const struct sending *g, bool has, struct outcome *o)
{
	const struct batch *b = g->batch;
	const struct envelope *e = &b->post->entry->envelope;
	bool whole = e->utf8 || address_needs_utf8(e->inject_sender), any = whole;

	for (size_t i = 0; i < b->count; i++) {
		if (!whole && !post_needs_utf8(b->post, b->lines[i]))
			continue;
		any = true;
		if (!has && o->codes[i] == 0) {
			o->codes[i] = 553;
			o->texts[i] = mem_text("553 5.6.7 the MTA has no SMTPUTF8");
		}
	}
	return any && has;
}
