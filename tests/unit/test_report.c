/* Reports on failures: one for each post, whatever dies between the report and the end of the post. */
#include "tests/unit/queue_contract.h"
#include "tests/unit/unit.h"

#include "expander/fanout/refused.h"
#include "expander/fanout/report.h"

#include <signal.h>
#include <sys/wait.h>

/* A post for two, one of whom was refused. */
static void
make_post(struct queues *q)
{
	const struct record records[] = {
		{ .kind = RECORD_INTENT, .at = clock_wall(), .batch = 1, .first = 0, .count = 2 },
		{ .kind = RECORD_LINE, .batch = 1, .line = 1, .code = 550, .text = "550 5.1.1 no" },
		{ .kind = RECORD_RESULT, .at = clock_wall(), .batch = 1, .code = 250 },
	};
	char id[DIGEST_NAME + 1];
	struct complaint why;
	struct entry *e;

	assert_int_equal(store_one(q, QUEUE_PENDING, "Subject: x\r\n\r\n", "staff@l.x", id), STORED);
	e = q->ops->claim(q, QUEUE_PENDING);
	assert_int_equal(q->ops->freeze_begin(e, &why), 0);
	assert_int_equal(q->ops->freeze_add(e, "ann@x", "ann@x", &why), 0);
	assert_int_equal(q->ops->freeze_add(e, "bob@x", "bob@x", &why), 0);
	assert_int_equal(q->ops->freeze_finish(e, &why), 0);
	assert_int_equal(q->ops->move(&e, QUEUE_OUTBOUND, &why), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(q->ops->note(e, &records[i], true, &why), 0);
	q->ops->release(&e, 0);
}

/* Reports the post, as the expander does at its end, which does not come. */
static void
report(struct queues *q)
{
	const struct site site = { .hostname = (char *)"mail.example.com" };
	struct entry *e = q->ops->claim(q, QUEUE_OUTBOUND);
	struct distribution d;
	struct complaint why;
	struct tally t;

	assert_non_null(e);
	assert_int_equal(q->ops->recipients(e, &d, &why), 1);
	assert_int_equal(q->ops->progress(e, d.count, &t, &why), 0);
	assert_int_equal(t.refused, 1);
	assert_int_equal(t.sent, 1);
	assert_int_equal(report_failures(e, &site, &d, &t, NULL, &why), 0);
	tally_free(&t);
	distribution_close(&d);
	q->ops->release(&e, 0);
}

static void
count_one(void *arg, const struct entry_summary *sum)
{
	(void)sum;
	++*(size_t *)arg;
}

static void
one_report_whatever_dies(void **state)
{
	char *dir = make_temp_dir();
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	size_t reports = 0;

	(void)state;
	make_post(q);
	queues_close(&q);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			clock_shift(i * 5000);
			q = queue_spool_open(dir);
			report(q);
			(void)kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	q = queue_spool_open(dir);
	assert_int_equal(q->ops->each(q, QUEUE_BOUNCE, count_one, &reports, &why), 0);
	assert_int_equal(reports, 1);
	/* Nor another one when the first is done. */
	for (int i = 0; i < 2; i++) {
		struct entry *e = q->ops->claim(q, QUEUE_BOUNCE);

		assert_true((e != NULL) == (i == 0));
		if (e != NULL)
			assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
		report(q);
	}
	queues_close(&q);
	remove_temp_dir(dir);
}

/* Tells of refused addresses, as the expander does before it freezes the others. */
static void
tell(struct queues *q, bool disclose)
{
	const struct site site = { .hostname = (char *)"mail.example.com" };
	struct walk_report r = { 0 };
	struct complaint why;
	struct entry *e;

	if ((e = q->ops->claim(q, QUEUE_PENDING)) == NULL)
		fail_msg("there is no post");
	e->envelope.disclose = disclose;
	for (int i = 0; i < 25; i++)
		source_refuse(&r, &(struct via){ .name = "staff@l.x" }, i == 0 ? "|/bin/sh\r\n" : "/var/mail/x", 10, "mailbox");
	assert_int_equal(r.refused, 25);
	same_text("kept", r.kept[0].value, "|/bin/sh\\x0d\\x0a");
	assert_int_equal(report_refused(e, &site, &r, &why), 0);
	q->ops->release(&e, 0);
}

static void
refused_addresses_are_told_once_a_day(void **state)
{
	char *dir = make_temp_dir(), id[DIGEST_NAME + 1];
	struct queues *q = queue_spool_open(dir);
	struct complaint why;
	const char *text;
	size_t reports = 0, length;
	struct entry *e;

	(void)state;
	/* Not at midnight. */
	clock_shift(86400000 - clock_wall() % 86400000 + 3600000);
	assert_int_equal(store_one(q, QUEUE_PENDING, "Subject: x\r\n\r\n", "staff@l.x", id), STORED);
	tell(q, true);
	clock_shift(20 * 3600000);
	tell(q, true);
	assert_int_equal(q->ops->each(q, QUEUE_BOUNCE, count_one, &reports, &why), 0);
	assert_int_equal(reports, 1);
	e = q->ops->claim(q, QUEUE_BOUNCE);
	assert_int_equal(q->ops->message(e, &text, &length, &why), 0);
	assert_non_null(strstr(text, "    |/bin/sh\\x0d\\x0a\r\n        in staff@l.x\r\n"));
	assert_non_null(strstr(text, "and 5 more."));
	same_text("whose", e->envelope.report_of, id);
	assert_int_equal(q->ops->move(&e, QUEUE_DONE, &why), 0);
	tell(q, true);
	clock_shift(4 * 3600000);
	tell(q, false);
	tell(q, false);
	reports = 0;
	assert_int_equal(q->ops->each(q, QUEUE_BOUNCE, count_one, &reports, &why), 0);
	assert_int_equal(reports, 1);
	e = q->ops->claim(q, QUEUE_BOUNCE);
	assert_int_equal(q->ops->message(e, &text, &length, &why), 0);
	assert_non_null(strstr(text, "25 members of the list staff@l.x get no posts"));
	assert_null(strstr(text, "/bin/sh"));
	assert_null(strstr(text, "/var/mail"));
	q->ops->release(&e, 0);
	queues_close(&q);
	remove_temp_dir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_report_whatever_dies),
		cmocka_unit_test(refused_addresses_are_told_once_a_day),
	};

	return RUN(tests);
}
