/* Envelopes: what is read of one and written again reads the same. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "queues/entry.h"

static void
must_be_same(const struct envelope *a, const struct envelope *b)
{
	MUST(same_texts(a->list, b->list) && same_texts(a->role, b->role));
	MUST(same_texts(a->recipient, b->recipient) && same_texts(a->sender, b->sender));
	MUST(same_texts(a->queue_id, b->queue_id) && same_texts(a->message_id, b->message_id));
	MUST(same_texts(a->report_of, b->report_of));
	MUST(same_texts(a->stamp, b->stamp) && same_texts(a->client, b->client));
	MUST(same_texts(a->identity, b->identity) && same_texts(a->proof, b->proof));
	MUST(same_texts(a->verdict, b->verdict));
	MUST(a->arrived == b->arrived && a->size == b->size);
	MUST(a->utf8 == b->utf8 && a->eight_bit == b->eight_bit);
	MUST(same_texts(a->inject_sender, b->inject_sender));
	MUST(same_texts(a->inject_add, b->inject_add));
	MUST(same_texts(a->tags, b->tags));
	MUST(same_texts(a->inject_above, b->inject_above) && same_texts(a->inject_below, b->inject_below));
	MUST(a->inject_verp == b->inject_verp);
	MUST(a->inject_remove.count == b->inject_remove.count);
	for (size_t i = 0; i < a->inject_remove.count; i++)
		MUST(same_texts(a->inject_remove.items[i], b->inject_remove.items[i]));
}

static void
write_again(const struct envelope *e)
{
	struct complaint why;
	struct envelope again;
	struct bytes text = { 0 };

	envelope_print(e, &text);
	MUST(envelope_parse(text.data, text.length, &again, &why) == 0);
	must_be_same(e, &again);
	envelope_free(&again);
	bytes_free(&text);
}

/* A field of the envelope, of any bytes but NUL and line ends. */
static char *
eat_text(struct food *f)
{
	struct slice s = eat_until(f, '\n');

	return mem_copy(s.at, strnlen(s.at, s.length));
}

/* From whatever a client may have sent: the file can be read whatever bytes it was made of. */
static void
write_anything(struct food f)
{
	struct envelope e = { .list = eat_text(&f), .role = eat_text(&f), .recipient = eat_text(&f),
		              .sender = eat_text(&f), .message_id = eat_text(&f),
		              .inject_sender = eat_text(&f), .inject_add = eat_text(&f) };
	struct envelope once, twice;
	struct bytes text = { 0 };
	struct complaint why;

	envelope_print(&e, &text);
	MUST(envelope_parse(text.data, text.length, &once, &why) == 0);
	bytes_clear(&text);
	envelope_print(&once, &text);
	MUST(envelope_parse(text.data, text.length, &twice, &why) == 0);
	must_be_same(&once, &twice);
	bytes_free(&text);
	envelope_free(&e);
	envelope_free(&once);
	envelope_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaint why = { "" };
	struct envelope e;

	if (envelope_parse((const char *)data, size, &e, &why) == 0) {
		MUST(e.list != NULL && e.sender != NULL && e.inject_add != NULL);
		write_again(&e);
		envelope_free(&e);
	} else {
		MUST(why.text[0] != '\0' && e.list == NULL && e.inject_remove.items == NULL);
	}
	if (size > 0)
		write_anything((struct food){ data, size });
	return 0;
}
