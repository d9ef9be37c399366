/* A post that is being injected: how it is rewritten and cut into batches. */
#include "tests/unit/queue_contract.h"
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "expander/fanout/learnt.h"
#include "expander/fanout/post.h"

static void
rewriting(void **state)
{
	static const struct {
		const char *message, *want;
	} cases[] = {
		{ "Subject: x\r\n\r\nbody\r\n", "List-Id: <a>\r\nSubject: x\r\n|\r\nbody\r\n" },
		{ "List-Id: <old>\r\nSubject: x\r\nlist-id:\r\n <older>\r\nTo: y\r\n\r\nList-Id: z\r\n",
		  "List-Id: <a>\r\nSubject: x\r\nTo: y\r\n|\r\nList-Id: z\r\n" },
		{ "Rollcall-Stamp: forged\r\n\r\n", "List-Id: <a>\r\n|\r\n" },
		{ "Subject: no body\r\n", "List-Id: <a>\r\nSubject: no body\r\n\r\n|" },
		{ "no field\r\nList-Id: body\r\n", "List-Id: <a>\r\n\r\n|no field\r\nList-Id: body\r\n" },
		{ "\r\nbody\r\n", "List-Id: <a>\r\n|\r\nbody\r\n" },
		{ "", "List-Id: <a>\r\n\r\n|" },
		{ "From ann Sat\r\nSubject: x\r\n\r\n", "List-Id: <a>\r\nSubject: x\r\n|\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct envelope e = { .inject_add = (char *)"List-Id: <a>\r\n" };
		struct bytes head = { 0 };
		size_t body;
		char *got;

		text_list_add(&e.inject_remove, "List-Id", 7);
		text_list_add(&e.inject_remove, "Rollcall-Stamp", 14);
		post_rewrite(&e, cases[i].message, strlen(cases[i].message), &head, &body);
		got = mem_format("%s|%s", head.data, cases[i].message + body);
		same_text(cases[i].message, got, cases[i].want);
		free(got);
		bytes_free(&head);
		text_list_free(&e.inject_remove);
	}
}

static void
around_the_body(void **state)
{
	static const struct {
		const char *message, *want;
	} cases[] = {
		{ "Subject: x\r\n\r\nbody\r\n", "A: b\r\nSubject: x\r\n\r\nhi\r\n|body\r\n" },
		{ "Subject: x\r\n\r\n", "A: b\r\nSubject: x\r\n\r\nhi\r\n|" },
		{ "Subject: x\r\n", "A: b\r\nSubject: x\r\n\r\nhi\r\n|" },
		{ "no field\r\n", "A: b\r\n\r\nhi\r\n|no field\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct envelope e = { .inject_add = (char *)"A: b\r\n",
			                    .inject_before_body = (char *)"hi\r\n" };
		struct bytes head = { 0 };
		size_t body;
		char *got;

		post_rewrite(&e, cases[i].message, strlen(cases[i].message), &head, &body);
		got = mem_format("%s|%s", head.data, cases[i].message + body);
		same_text(cases[i].message, got, cases[i].want);
		free(got);
		bytes_free(&head);
	}
}

/* A post with so many recipients, in the in-memory queue. */
static struct post *
make_post(struct queues *q, size_t recipients, const struct record *records, size_t count)
{
	char id[DIGEST_NAME + 1], address[32];
	struct complaint why;
	struct entry *e;
	struct post *p;

	(void)store_one(q, QUEUE_PENDING, "Subject: x\r\n\r\n", "staff@l.x", id);
	e = q->ops->claim(q, QUEUE_PENDING);
	(void)q->ops->freeze_begin(e, &why);
	for (size_t i = 0; i < recipients; i++) {
		(void)snprintf(address, sizeof(address), "u%zu@x", i);
		(void)q->ops->freeze_add(e, address, address, &why);
	}
	(void)q->ops->freeze_finish(e, &why);
	(void)q->ops->move(&e, QUEUE_OUTBOUND, &why);
	for (size_t i = 0; i < count; i++)
		(void)q->ops->note(e, &records[i], true, &why);
	p = post_open(e, &why);
	assert_non_null(p);
	return p;
}

static void
check_cuts(size_t recipients, size_t most, size_t lanes, const size_t *want)
{
	struct queues *q = queue_memory_open(NULL);
	struct post *p = make_post(q, recipients, NULL, 0);
	char what[64];

	(void)snprintf(what, sizeof(what), "%zu recipients, %zu lanes", recipients, lanes);
	while (post_has_work(p)) {
		struct batch *b = post_cut(p, most, lanes, SIZE_MAX);

		same_number(what, (long long)b->count, (long long)*want++);
		assert_true(b->range);
		batch_free(&b);
	}
	same_number(what, 0, (long long)*want);
	post_close(&p);
	queues_close(&q);
}

static void
fair_shares(void **state)
{
	(void)state;
	check_cuts(10, 1000, 4, (const size_t[]){ 10, 0 });
	check_cuts(150, 1000, 4, (const size_t[]){ 75, 75, 0 });
	check_cuts(1000, 1000, 4, (const size_t[]){ 250, 250, 250, 250, 0 });
	check_cuts(5000, 1000, 4, (const size_t[]){ 625, 625, 625, 625, 625, 625, 625, 625, 0 });
	check_cuts(30, 7, 1, (const size_t[]){ 6, 6, 6, 6, 6, 0 });
	check_cuts(0, 1000, 4, (const size_t[]){ 0 });
}

static void
what_is_left_of_an_earlier_try(void **state)
{
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .batch = 1, .first = 0, .count = 3 },
		{ .kind = RECORD_LINE, .batch = 1, .line = 1, .code = 450, .text = "450 later" },
		{ .kind = RECORD_RESULT, .batch = 1, .code = 250 },
		{ .kind = RECORD_INTENT, .batch = 2, .first = 4, .count = 2 },
	};
	struct queues *q = queue_memory_open(NULL);
	struct post *p = make_post(q, 8, records, 4);
	static const uint32_t want[] = { 1, 3, 4, 5, 6, 7 };
	struct batch *b;

	(void)state;
	b = post_cut(p, 1000, 1, SIZE_MAX);         /* 1 later, 3 never tried, 4 and 5 in doubt, and the rest */
	assert_int_equal(b->count, 6);
	assert_int_equal(b->number, 3);
	assert_false(b->range);
	assert_memory_equal(b->lines, want, sizeof(want));
	assert_non_null(strstr(b->name, ".3"));
	assert_false(post_has_work(p));
	post_sent(p, 1);
	post_refused(p, 3, 550, "550 no");
	post_later(p, 4);
	post_again(p, 5);
	assert_true(post_has_work(p));
	batch_free(&b);
	b = post_cut(p, 1000, 1, SIZE_MAX);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->lines[0], 5);
	assert_int_equal(p->tally.refused, 1);
	assert_int_equal(p->tally.sent, 3);
	batch_free(&b);
	post_close(&p);
	queues_close(&q);
}

/* A post to these addresses. */
static struct post *
post_to(struct queues *q, const char *const *addresses)
{
	char id[DIGEST_NAME + 1];
	struct complaint why;
	struct entry *e;
	struct post *p;

	(void)store_one(q, QUEUE_PENDING, "Subject: x\r\n\r\n", "staff@l.x", id);
	e = q->ops->claim(q, QUEUE_PENDING);
	(void)q->ops->freeze_begin(e, &why);
	for (; *addresses != NULL; addresses++)
		(void)q->ops->freeze_add(e, *addresses, *addresses, &why);
	(void)q->ops->freeze_finish(e, &why);
	(void)q->ops->move(&e, QUEUE_OUTBOUND, &why);
	p = post_open(e, &why);
	assert_non_null(p);
	return p;
}

static void
check_batch(struct post *p, size_t most, const uint32_t *want, size_t count, bool range)
{
	struct batch *b = post_cut(p, most, 1, SIZE_MAX);

	same_number("recipients", (long long)b->count, (long long)count);
	assert_memory_equal(b->lines, want, count * sizeof(*want));
	assert_int_equal(b->range, range);
	batch_free(&b);
}

/* Who needs SMTPUTF8 goes apart from the others. */
static void
letters_that_need_smtputf8(void **state)
{
	static const char *const to[] = { "a@x", "j\xc3\xb6rg@x", "b@x", "c@x", "\xc3\xa4@x", "d@x", NULL };
	static const uint32_t ascii[] = { 0, 2, 3, 5 }, letters[] = { 1, 4 }, one[] = { 4 };
	struct queues *q = queue_memory_open(NULL);
	struct post *p = post_to(q, to);

	(void)state;
	check_batch(p, 100, ascii, 4, false);
	check_batch(p, 100, letters, 2, false);
	assert_false(post_has_work(p));
	post_again(p, 4);
	check_batch(p, 100, one, 1, true);
	post_again(p, 0);
	post_again(p, 2);
	check_batch(p, 100, ascii, 2, false);
	assert_false(post_has_work(p));
	post_close(&p);
	queues_close(&q);
}

/* A batch ends where a domain does, if that is near, and is never larger than may be. */
static void
domains_stay_together(void **state)
{
	static const struct {
		const char *domains;       /* of 24 recipients, a letter each */
		size_t most, want[5];
	} cases[] = {
		{ "aaaaaaaabbbbbbbbcccccccc", 8, { 8, 8, 8 } },
		{ "aaaaaaabbbbbbbbbcccccccc", 8, { 7, 8, 8, 1 } },
		{ "aaaaaaaaabbbbbbbcccccccc", 8, { 8, 8, 8 } },
		{ "aaaaaabbbbbbbbbbbbbbbbbb", 8, { 8, 8, 8 } },
		{ "aaaaaaaaaaaaaaaaaaaaaaaa", 8, { 8, 8, 8 } },
		{ "aabbccddeeffgghhiijjkkll", 7, { 6, 6, 6, 6 } },
		{ "aabbccddeeffgghhiijjkkll", 24, { 24 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[24][8];
		const char *to[25] = { NULL };
		struct queues *q = queue_memory_open(NULL);
		struct post *p;
		size_t k = 0;

		for (size_t n = 0; n < 24; n++) {
			(void)snprintf(text[n], sizeof(text[n]), "u%zu@%c", n, cases[i].domains[n]);
			to[n] = text[n];
		}
		p = post_to(q, to);
		while (post_has_work(p)) {
			struct batch *b = post_cut(p, cases[i].most, 1, SIZE_MAX);

			same_number(cases[i].domains, (long long)b->count, (long long)cases[i].want[k++]);
			batch_free(&b);
		}
		assert_true(k == 5 || cases[i].want[k] == 0);
		post_close(&p);
		queues_close(&q);
	}
}

/* Batches in doubt: those with a receipt wait for it, the others go again at once. */
static void
what_a_crash_left_in_doubt(void **state)
{
	static const uint32_t some[] = { 5, 6, 7 };
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .batch = 1, .first = 0, .count = 2 },
		{ .kind = RECORD_INTENT, .batch = 2, .first = 2, .count = 2, .receipt = "two" },
		{ .kind = RECORD_INTENT, .batch = 3, .lines = some, .count = 3, .receipt = "three" },
		{ .kind = RECORD_LINE, .batch = 3, .line = 6, .code = 450, .text = "450 later" },
		{ .kind = RECORD_LINE, .batch = 3, .line = 7, .code = 550, .text = "550 no" },
		{ .kind = RECORD_INTENT, .batch = 4, .first = 4, .count = 1, .receipt = "four" },
		{ .kind = RECORD_LINE, .batch = 4, .line = 4, .code = 450, .text = "450 later" },
	};
	struct queues *q = queue_memory_open(NULL);
	struct post *p = make_post(q, 9, records, 7);

	(void)state;
	/* Line 4 was refused, and nobody else was in its batch: no receipt can tell more. */
	assert_int_equal(p->tally.open->batch, 3);
	assert_int_equal(p->tally.open->next->batch, 2);
	assert_null(p->tally.open->next->next);
	assert_int_equal(p->tally.doubt, 3);
	/* Its time begins now, whatever the clock said then. */
	assert_true(clock_ticks() - p->doubt_since < 60000);
	assert_int_equal(p->tally.waiting, 5);           /* 0, 1, 4, 6, 8 */
	post_settle(p, p->tally.open, true);
	assert_int_equal(p->tally.lines[5], LINE_SENT);
	assert_int_equal(p->tally.lines[6], LINE_WAITING);
	assert_int_equal(p->tally.lines[7], LINE_REFUSED);
	post_settle(p, p->tally.open, false);
	assert_null(p->tally.open);
	assert_int_equal(p->tally.doubt, 0);
	assert_int_equal(p->tally.sent, 1);
	assert_int_equal(p->tally.waiting - p->later_count, 7);
	post_close(&p);
	queues_close(&q);
}

/* One whose reply was lost goes the next time, if it was not queued; who was refused keeps that. */
static void
a_batch_in_doubt(void **state)
{
	struct queues *q = queue_memory_open(NULL);
	struct post *p = make_post(q, 6, NULL, 0);
	struct batch *b;

	(void)state;
	p->proof = true;
	b = post_cut(p, 4, 1, SIZE_MAX);
	assert_int_equal(b->count, 3);                   /* and the receipt */
	assert_int_equal(strlen(b->receipt), RECEIPT_TOKEN);
	post_refused(p, 1, 550, "550 no");
	post_doubt(p, b);
	batch_free(&b);
	assert_int_equal(p->tally.open->count, 3);
	assert_true(post_has_work(p));                   /* lines 3 to 5 */
	post_settle(p, p->tally.open, false);
	assert_int_equal(p->later_count, 2);
	assert_int_equal(p->tally.refused, 1);
	b = post_cut(p, 4, 1, SIZE_MAX);
	assert_int_equal(b->count, 3);
	assert_int_equal(b->lines[0], 3);
	batch_free(&b);
	post_close(&p);
	queues_close(&q);
}

static void
limits_that_are_learnt(void **state)
{
	struct learnt l = { 0 };

	(void)state;
	assert_int_equal(learnt_most(&l, 1000, 0), 1000);
	learnt_limit(&l, 60, 1000);
	assert_int_equal(learnt_most(&l, 1000, 1000), 60);
	assert_int_equal(learnt_most(&l, 50, 1000), 50);
	learnt_limit(&l, 40, 2000);
	assert_int_equal(learnt_most(&l, 1000, 2000), 40);
	assert_int_equal(learnt_most(&l, 1000, 601999), 40);
	assert_int_equal(learnt_most(&l, 1000, 602000), 1000);
	/* An absurd one is believed when it is said again. */
	learnt_limit(&l, 1, 3000);
	assert_int_equal(learnt_most(&l, 1000, 3000), 1000);
	learnt_fine(&l, 1);
	learnt_limit(&l, 2, 3000);
	assert_int_equal(learnt_most(&l, 1000, 3000), 2);
	l = (struct learnt){ 0 };
	learnt_limit(&l, 1, 3000);
	learnt_fine(&l, 3);
	learnt_limit(&l, 1, 3000);
	assert_int_equal(learnt_most(&l, 1000, 3000), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewriting),
		cmocka_unit_test(around_the_body),
		cmocka_unit_test(fair_shares),
		cmocka_unit_test(letters_that_need_smtputf8),
		cmocka_unit_test(domains_stay_together),
		cmocka_unit_test(what_is_left_of_an_earlier_try),
		cmocka_unit_test(what_a_crash_left_in_doubt),
		cmocka_unit_test(a_batch_in_doubt),
		cmocka_unit_test(limits_that_are_learnt),
	};

	return RUN(tests);
}
