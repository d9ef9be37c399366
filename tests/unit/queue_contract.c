/* What every back end of the queues must do. */
#include "tests/unit/queue_contract.h"

#include "tests/unit/unit.h"

#include "base/mem.h"
#include "queues/spool.h"

static const char hello[] = "From: ann@x.org\r\nSubject: hello\r\n\r\nHello.\r\n";

struct envelope
envelope_for(const char *list, const char *role)
{
	struct envelope e = { .list = mem_text(list), .role = mem_text(role),
		              .recipient = mem_text(list), .sender = mem_text("ann@x.org"),
		              .arrived = clock_wall(), .size = sizeof(hello) - 1,
		              .inject_sender = mem_text("staff-bounces@l.x"),
		              .inject_add = mem_text("List-Id: <staff.l.x>\r\n") };

	text_list_add(&e.inject_remove, "List-Id", 7);
	return e;
}

struct queues *
queue_spool_open(void *path)
{
	const struct spool_config c = { .path = path, .rescan = 50 };
	struct complaint why;
	struct queues *q = spool_open(&c, &why);

	if (q == NULL)
		fail_msg("%s", why.text);
	return q;
}

enum stored
store_one(struct queues *q, enum queue_id queue, const char *message, const char *list,
          char id[DIGEST_NAME + 1])
{
	struct envelope e = envelope_for(list, "post");
	struct commitment c = { .queue = queue, .envelope = &e };
	struct complaint why;
	enum stored result;
	struct draft *d = q->ops->draft(q, &result, &why);

	if (d == NULL)
		fail_msg("draft: %s", why.text);
	e.size = (int64_t)strlen(message);
	assert_int_equal(q->ops->write(d, message, strlen(message), &why), STORED);
	q->ops->entry_name(d, list, "post", id);
	q->ops->commit(d, &c, 1, &why);
	q->ops->discard(&d);
	assert_null(d);
	envelope_free(&e);
	return c.result;
}

void
store_two(struct queues *q, const char *message, const char *list, const char *other)
{
	struct envelope a = envelope_for(list, "post"), b = envelope_for(other, "post");
	struct commitment c[] = { { .queue = QUEUE_PENDING, .envelope = &a },
		                  { .queue = QUEUE_PENDING, .envelope = &b } };
	struct complaint why;
	enum stored result;
	struct draft *d = q->ops->draft(q, &result, &why);

	a.size = b.size = (int64_t)strlen(message);
	assert_int_equal(q->ops->write(d, message, strlen(message), &why), STORED);
	q->ops->commit(d, c, 2, &why);
	q->ops->discard(&d);
	for (int i = 0; i < 2; i++)
		assert_int_equal(c[i].result, STORED);
	envelope_free(&a);
	envelope_free(&b);
}

static size_t
count(struct queues *q, enum queue_id queue);

static void
count_one(void *arg, const struct entry_summary *sum)
{
	assert_non_null(sum->envelope);
	assert_int_equal(strlen(sum->id), DIGEST_NAME);
	++*(size_t *)arg;
}

static size_t
count(struct queues *q, enum queue_id queue)
{
	struct queue_count quick;
	struct complaint why;
	size_t n = 0;

	assert_int_equal(q->ops->each(q, queue, count_one, &n, &why), 0);
	assert_int_equal(q->ops->count(q, queue, &quick, &why), 0);
	assert_int_equal(quick.entries, n);
	assert_int_equal(quick.oldest != 0, n > 0 && queue != QUEUE_DONE);
	return n;
}

static struct entry *
must_claim(struct queues *q, enum queue_id queue, const char *id)
{
	struct entry *e = q->ops->claim(q, queue);

	if (e == NULL)
		fail_msg("nothing to claim in %s", queue_word(queue));
	if (id != NULL)
		same_text("claimed", e->id, id);
	return e;
}

static void
nothing_remains_of_what_is_not_committed(struct queues *q)
{
	struct complaint why;
	enum stored result;
	struct draft *d = q->ops->draft(q, &result, &why);

	assert_non_null(d);
	assert_int_equal(q->ops->write(d, hello, 5, &why), STORED);
	q->ops->discard(&d);
	assert_int_equal(count(q, QUEUE_PENDING), 0);
	assert_null(q->ops->claim(q, QUEUE_PENDING));
}

static void
the_same_is_stored_once(struct queues *q)
{
	char id[DIGEST_NAME + 1], again[DIGEST_NAME + 1], other[DIGEST_NAME + 1];

	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", id), STORED);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "staff@l.x", again), STORED_BEFORE);
	same_text("name", again, id);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "other@l.x", other), STORED);
	assert_string_not_equal(other, id);
	assert_int_equal(count(q, QUEUE_PENDING), 2);
}

static void
named_by_a_key(struct queues *q)
{
	static const char *const bytes[] = { hello, "Subject: other bytes\r\n\r\n" };
	struct complaint why;
	enum stored result;

	for (int i = 0; i < 2; i++) {
		struct envelope e = envelope_for("keyed@l.x", "bounces");
		struct commitment c = { .queue = QUEUE_BOUNCE, .envelope = &e };
		struct draft *d = q->ops->draft(q, &result, &why);
		struct entry *entry;

		assert_int_equal(q->ops->write(d, bytes[i], strlen(bytes[i]), &why), STORED);
		q->ops->name_by(d, "report of something");
		q->ops->commit(d, &c, 1, &why);
		assert_int_equal(c.result, i == 0 ? STORED : STORED_BEFORE);
		q->ops->discard(&d);
		envelope_free(&e);
		entry = q->ops->claim(q, QUEUE_BOUNCE);
		assert_true((entry != NULL) == (i == 0));
		if (entry != NULL)
			assert_int_equal(q->ops->move(&entry, QUEUE_DONE, &why), 0);
	}
}

static void
one_message_for_several(struct queues *q)
{
	struct envelope a = envelope_for("a@l.x", "post"), b = envelope_for("b@l.x", "bounces");
	struct envelope again = envelope_for("staff@l.x", "post");
	struct commitment c[] = { { .queue = QUEUE_PENDING, .envelope = &a },
		                  { .queue = QUEUE_PENDING, .envelope = &again },
		                  { .queue = QUEUE_BOUNCE, .envelope = &b } };
	struct complaint why;
	enum stored result;
	struct draft *d = q->ops->draft(q, &result, &why);
	struct entry *e;
	const char *data;
	size_t length;

	assert_int_equal(q->ops->write(d, hello, sizeof(hello) - 1, &why), STORED);
	q->ops->commit(d, c, 3, &why);
	q->ops->discard(&d);
	assert_int_equal(c[0].result, STORED);
	assert_int_equal(c[1].result, STORED_BEFORE);
	assert_int_equal(c[2].result, STORED);
	e = must_claim(q, QUEUE_BOUNCE, NULL);
	same_text("role", e->envelope.role, "bounces");
	assert_int_equal(q->ops->message(e, &data, &length, &why), 0);
	assert_int_equal(length, sizeof(hello) - 1);
	assert_memory_equal(data, hello, length);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	assert_null(e);
	envelope_free(&a);
	envelope_free(&b);
	envelope_free(&again);
}

static void
a_claim_excludes_others(struct queues *q)
{
	struct entry *all[3], *none;

	for (int i = 0; i < 3; i++)
		all[i] = must_claim(q, QUEUE_PENDING, NULL);
	none = q->ops->claim(q, QUEUE_PENDING);
	assert_null(none);
	for (int i = 0; i < 3; i++)
		q->ops->release(&all[i], 0);
	all[0] = must_claim(q, QUEUE_PENDING, NULL);
	q->ops->release(&all[0], 0);
}

static void
what_is_put_off_is_not_due(struct queues *q)
{
	const struct schedule s = { 60000, 60000, 86400000 };
	struct entry *e;
	char id[DIGEST_NAME + 1];

	for (int i = 0; i < 3; i++) {
		e = must_claim(q, QUEUE_PENDING, NULL);
		memcpy(id, e->id, sizeof(id));
		assert_int_equal(e->tries, 0);
		queue_defer(&e, &s, "not now");
		assert_null(e);
	}
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(q->ops->hurry(q, "nosuchentry"), 0);
	assert_int_equal(q->ops->hurry(q, id), 1);
	e = must_claim(q, QUEUE_PENDING, id);
	assert_int_equal(e->tries, 1);
	q->ops->release(&e, 0);
	clock_shift(61000);
	for (int i = 0; i < 3; i++) {
		e = must_claim(q, QUEUE_PENDING, NULL);
		q->ops->release(&e, clock_wall() + 3600000);
	}
	assert_null(q->ops->claim(q, QUEUE_PENDING));
	assert_int_equal(q->ops->hurry(q, NULL), 3);
	clock_shift(-61000);
}

/* Freezes two addresses and moves the entry on. */
static struct entry *
freeze_two(struct queues *q, struct entry *e)
{
	struct distribution d;
	struct complaint why;

	assert_int_equal(q->ops->recipients(e, &d, &why), 0);
	/* A half that is thrown away. */
	assert_int_equal(q->ops->freeze_begin(e, &why), 0);
	assert_int_equal(q->ops->freeze_add(e, "wrong@x.org", "wrong@x.org", &why), 0);
	assert_int_equal(q->ops->recipients(e, &d, &why), 0);
	assert_int_equal(q->ops->freeze_begin(e, &why), 0);
	assert_int_equal(q->ops->freeze_add(e, "ann@x.org", "ann@x.org", &why), 0);
	assert_int_equal(q->ops->freeze_add(e, "bob@x.org", "Bob@x.org", &why), 0);
	assert_int_equal(q->ops->freeze_finish(e, &why), 0);
	assert_int_equal(q->ops->move(&e, QUEUE_OUTBOUND, &why), 0);
	assert_non_null(e);
	assert_int_equal(e->queue, QUEUE_OUTBOUND);
	assert_null(q->ops->claim(q, QUEUE_OUTBOUND));       /* the claim has gone with it */
	return e;
}

static void
check_frozen(struct queues *q, struct entry *e)
{
	struct distribution d;
	struct complaint why;
	const char *address;
	size_t length;

	assert_int_equal(q->ops->recipients(e, &d, &why), 1);
	assert_int_equal(d.count, 2);
	address = distribution_address(&d, 1, &length);
	assert_int_equal(length, 9);
	assert_memory_equal(address, "Bob@x.org", 9);
	distribution_close(&d);
}

/* Of an entry that is being sent, or was. */
static void
check_members(struct queues *q, const char *id, const char *list)
{
	static const struct {
		const char *beginning, *list;
		size_t line;
		const char *want;
	} cases[] = {
		{ "", NULL, 0, "ann@x.org" }, { "", NULL, 1, "bob@x.org" }, { "", NULL, 2, NULL },
		{ "", "nobody@l.x", 0, NULL }, { "1", NULL, 0, NULL },
	};
	char beginning[16];
	struct complaint why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *member = NULL;

		(void)snprintf(beginning, sizeof(beginning), "%.8s%s", id, cases[i].beginning);
		same_number(beginning, q->ops->member(q, beginning, cases[i].list == NULL ? list : cases[i].list,
		                                      cases[i].line, &member, &why), cases[i].want != NULL);
		same_text(beginning, member, cases[i].want);
		free(member);
	}
}

static void
progress_is_summed_up(struct queues *q, struct entry *e)
{
	const struct record intent = { .kind = RECORD_INTENT, .at = 5, .batch = 1, .count = 2 };
	const struct record line = { .kind = RECORD_LINE, .batch = 1, .line = 1, .code = 550,
		                     .text = "550 no" };
	const struct record result = { .kind = RECORD_RESULT, .at = 6, .batch = 1, .code = 250,
		                       .id = "4X" };
	struct complaint why;
	struct tally t;

	assert_int_equal(q->ops->note(e, &intent, true, &why), 0);
	assert_int_equal(q->ops->progress(e, 2, &t, &why), 0);
	assert_int_equal(t.doubt, 2);
	tally_free(&t);
	assert_int_equal(q->ops->note(e, &line, false, &why), 0);
	assert_int_equal(q->ops->note(e, &result, false, &why), 0);
	assert_int_equal(q->ops->sync(e, &why), 0);
	assert_int_equal(q->ops->progress(e, 2, &t, &why), 0);
	assert_int_equal(t.sent, 1);
	assert_int_equal(t.refused, 1);
	assert_int_equal(t.batches, 1);
	same_text("refusal", t.refusals[0].text, "550 no");
	tally_free(&t);
}

struct told {
	int64_t batch;
	char token[32];
	size_t count;
};

static void
hear(void *arg, int64_t batch, const char *token)
{
	struct told *t = arg;

	t->batch = batch;
	(void)snprintf(t->token, sizeof(t->token), "%s", token);
	t->count++;
}

/* Whoever holds the entry hears of it; who only knows its name makes no receipt. */
static void
receipts_are_told(struct queues *q, struct entry *e)
{
	const struct record intent = { .kind = RECORD_INTENT, .at = 5, .batch = 7, .count = 1,
		                       .receipt = "abcdefghijklmnop" };
	struct told told = { 0 };
	struct complaint why;

	assert_int_equal(q->ops->note(e, &intent, true, &why), 0);
	assert_int_equal(q->ops->receipts(e, hear, &told, &why), 0);
	assert_int_equal(told.count, 0);
	assert_int_equal(q->ops->receipt(q, "nosuchentrynosuchentrynosu", 7, intent.receipt, &why),
	                 RECEIPT_UNKNOWN);
	assert_int_equal(q->ops->receipt(q, e->id, 7, "abcdefghijklmnoq", &why), RECEIPT_UNKNOWN);
	assert_int_equal(q->ops->receipt(q, e->id, 8, intent.receipt, &why), RECEIPT_UNKNOWN);
	assert_int_equal(q->ops->receipts(e, hear, &told, &why), 0);
	assert_int_equal(told.count, 0);
	for (size_t i = 0; i < 2; i++) {
		told.count = 0;
		assert_int_equal(q->ops->receipt(q, e->id, 7, intent.receipt, &why), RECEIPT_NOTED);
		assert_int_equal(q->ops->receipts(e, hear, &told, &why), 0);
		assert_int_equal(told.count, 1);         /* only what is new */
		assert_int_equal(told.batch, 7);
		same_text("token", told.token, intent.receipt);
	}
}

static void
an_entry_goes_its_way(struct queues *q)
{
	struct entry *e = must_claim(q, QUEUE_PENDING, NULL);
	char id[DIGEST_NAME + 1], list[64];
	struct complaint why;

	memcpy(id, e->id, sizeof(id));
	(void)snprintf(list, sizeof(list), "%s", e->envelope.list);
	e = freeze_two(q, e);
	check_frozen(q, e);
	q->ops->release(&e, 0);
	e = must_claim(q, QUEUE_OUTBOUND, id);
	same_text("list", e->envelope.list, list);
	same_text("removed", e->envelope.inject_remove.items[0], "List-Id");
	check_frozen(q, e);
	progress_is_summed_up(q, e);
	receipts_are_told(q, e);
	check_members(q, id, list);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	check_members(q, id, list);
	assert_int_equal(q->ops->receipt(q, id, 7, "abcdefghijklmnop", &why), RECEIPT_LATE);
	assert_null(q->ops->claim(q, QUEUE_OUTBOUND));
	/* It is remembered: the same again is no news, wherever the first one is. */
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, list, id), STORED_BEFORE);
}

static void
see_decided(void *arg, const struct entry_summary *sum)
{
	const struct tally *t = sum->tally;

	assert_non_null(t);
	bytes_format(arg, "%s %s %s", queue_word(sum->queue), decided_word(t->decided),
	             t->decided_by == NULL ? "-" : t->decided_by);
}

/* What became of an entry, wherever it is. */
static void
found(struct queues *q, const char *id, const char *want)
{
	struct bytes got = { 0 };

	assert_int_equal(q->ops->look(q, id, see_decided, &got), *want != '\0');
	same_text("found", bytes_text(&got), want);
	bytes_free(&got);
}

static void
somebody_decides(struct queues *q)
{
	const struct record accept = { .kind = RECORD_DECIDED, .decided = DECIDED_ACCEPT, .at = clock_wall(),
		                       .id = "ann", .text = "why not" };
	const struct record reject = { .kind = RECORD_DECIDED, .decided = DECIDED_REJECT, .at = clock_wall() };
	const struct record wait = { .kind = RECORD_DEFER, .at = clock_wall(), .until = clock_wall() + 1000000 };
	static const char nobody[] = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
	char id[DIGEST_NAME + 1], again[DIGEST_NAME + 1];
	struct entry *e = NULL, *second = NULL;
	struct complaint why;
	struct tally t;

	assert_int_equal(store_one(q, QUEUE_MODERATION, hello, "held@l.x", id), STORED);
	assert_int_equal(store_one(q, QUEUE_PENDING, hello, "held@l.x", again), STORED_BEFORE);
	assert_int_equal(count(q, QUEUE_MODERATION), 1);
	found(q, id, "moderation  -");
	found(q, nobody, "");
	found(q, "../../etc", "");
	assert_int_equal(q->ops->take(q, QUEUE_MODERATION, nobody, &e, &why), 0);
	assert_int_equal(q->ops->take(q, QUEUE_MODERATION, "../../etc", &e, &why), 0);
	assert_int_equal(q->ops->take(q, QUEUE_PENDING, id, &e, &why), 0);
	assert_int_equal(q->ops->take(q, QUEUE_MODERATION, id, &e, &why), 1);
	assert_int_equal(e->decided, DECIDED_NOT);
	assert_int_equal(q->ops->take(q, QUEUE_MODERATION, id, &second, &why), -1);
	assert_int_equal(q->ops->note(e, &wait, true, &why), 0);
	assert_int_equal(q->ops->note(e, &accept, true, &why), 0);
	assert_int_equal(q->ops->note(e, &reject, true, &why), 0);
	q->ops->release(&e, 0);
	e = must_claim(q, QUEUE_MODERATION, id);
	assert_int_equal(e->decided, DECIDED_ACCEPT);
	assert_int_equal(q->ops->progress(e, 0, &t, &why), 0);
	same_text("why", t.decided_why, "why not");
	assert_int_equal(t.until, 0);     /* it waited for that */
	tally_free(&t);
	found(q, id, "moderation accept ann");
	assert_int_equal(q->ops->move(&e, QUEUE_PENDING, &why), 0);
	found(q, id, "pending accept ann");
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	found(q, id, "done accept ann");
	assert_int_equal(store_one(q, QUEUE_MODERATION, hello, "held@l.x", id), STORED_BEFORE);
}

static void
first_come_first_served(struct queues *q)
{
	char ids[20][DIGEST_NAME + 1], list[32];
	struct entry *e;
	struct complaint why;

	for (size_t i = 0; i < 20; i++) {
		(void)snprintf(list, sizeof(list), "list%zu@l.x", i);
		assert_int_equal(store_one(q, QUEUE_OUTBOUND, hello, list, ids[i]), STORED);
	}
	for (size_t i = 0; i < 20; i++) {
		e = q->ops->claim(q, QUEUE_OUTBOUND);
		assert_non_null(e);
		same_text("the next", e->id, ids[i]);
		assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	}
}

static void
what_is_done_is_forgotten_in_time(struct queues *q)
{
	size_t done = count(q, QUEUE_DONE);

	assert_int_equal(q->ops->forget(q, clock_wall() - 60000), 0);
	assert_int_equal(count(q, QUEUE_DONE), done);
	assert_int_equal(q->ops->forget(q, clock_wall() + 60000), done);
	assert_int_equal(count(q, QUEUE_DONE), 0);
}

void
queue_contract(const struct back_end *b)
{
	struct queues *q = b->open(b->arg);
	struct complaint why;
	struct entry *e;

	nothing_remains_of_what_is_not_committed(q);
	the_same_is_stored_once(q);
	named_by_a_key(q);
	one_message_for_several(q);
	a_claim_excludes_others(q);
	what_is_put_off_is_not_due(q);
	an_entry_goes_its_way(q);
	an_entry_goes_its_way(q);
	somebody_decides(q);
	first_come_first_served(q);
	what_is_done_is_forgotten_in_time(q);
	/* Waiting ends at the deadline, and at a call. */
	e = must_claim(q, QUEUE_PENDING, NULL);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	q->ops->wait(q, QUEUE_PENDING, deadline_in(20));
	q->ops->wake(q, QUEUE_PENDING);
	queues_close(&q);
	assert_null(q);
}
