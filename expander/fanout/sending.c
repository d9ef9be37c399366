/* A batch on its way to the MTA. */
#include "expander/fanout/sending.h"

#include "base/mem.h"
#include "expander/fanout/settle.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

struct sending
sending_begin(struct batch *b, const char *domain)
{
	struct receipt r = { .batch = b->number };

	if (b->receipt[0] == '\0')
		return (struct sending){ .batch = b };
	memcpy(r.entry, b->post->entry->id, sizeof(r.entry));
	memcpy(r.token, b->receipt, sizeof(r.token));
	return (struct sending){ .batch = b, .receipt = receipt_address(&r, domain) };
}

void
sending_end(struct sending *g)
{
	free(g->receipt);
	g->receipt = NULL;
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

	return (struct transaction){
		.sender = p->entry->envelope.inject_sender,
		.envid = b->name,
		.list = &p->list,
		.lines = b->lines,
		.count = b->count,
		.head = p->head.data,
		.head_length = p->head.length,
		.body = p->body,
		.body_length = p->body_length,
		.tail = p->tail,
		.tail_length = p->tail_length,
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
