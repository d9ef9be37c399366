/*
 * rollcallctl stop: a fan-out ends here. No further batch begins; what the MTA still has in its queue is
 * taken back; who has it already is printed. A crash at any moment leaves the post held, and a second stop
 * goes on.
 */
#include "base/mem.h"
#include "base/set.h"
#include "console/ctl.h"
#include "console/listing.h"
#include "console/recall.h"
#include "console/transactions.h"
#include "expander/settings.h"
#include "mail/address.h"
#include "mail/receipt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 120000 };               /* ms that batches under way are waited for */

/* What it has come to for a recipient. */
enum fate { FATE_HAS, FATE_PERHAPS, FATE_RECALLED, FATE_UNSENT, FATE_REFUSED, FATE_COUNT };

static const char *const fate_keys[FATE_COUNT] = {
	"sent", "perhaps", "recalled", "unsent", "refused",
};
static const char *const fate_words[FATE_COUNT] = {
	"have it, or the MTA has handed it on",
	"may have it: the MTA took it, and its queue was not searched",
	"were taken back from the MTA's queue", "had not been sent to", "were refused by the MTA",
};

struct stopping {
	const struct ctl *ctl;
	const struct text_list *program;
	char id[DIGEST_NAME + 1];
	struct queues *queues;
	struct entry *entry;
	struct distribution list;
	struct tally tally;
	struct transactions done;
	struct set *left;                 /* "id canonical": is in the MTA's queue */
	size_t *strange;                  /* of each transaction: addresses in it that it never had */
	size_t last;                      /* the transaction that was read of last */
	bool nonsense;                    /* the program has printed what is none of our batches */
	bool *asked;                      /* of each transaction: its queue was searched */
};

static bool
parse_line(const struct stopping *st, size_t line, struct address *a)
{
	struct complaint unused;
	size_t length;
	const char *text = distribution_address(&st->list, line, &length);

	return address_parse(a, text, length, &unused) == 0;
}

/* ---- what is in the MTA's queue ---- */

/* The transaction of this queue id; false where there is none. What comes together is of one. */
static bool
find_transaction(struct stopping *st, const char *id)
{
	const struct transactions *t = &st->done;

	for (size_t i = 0; i < t->count; i++) {
		size_t which = (st->last + i) % t->count;

		if (t->all[which].id != NULL && strcmp(t->all[which].id, id) == 0) {
			st->last = which;
			return true;
		}
	}
	return false;
}

static void
see_left(void *arg, const char *id, const char *address)
{
	struct stopping *st = arg;
	struct complaint unused;
	struct receipt receipt;
	struct address a;
	char *key;

	if (!find_transaction(st, id) || address_parse(&a, address, strlen(address), &unused) < 0) {
		st->nonsense = true;
		return;
	}
	key = mem_format("%s %s", id, a.canonical);
	if (set_add(st->left, key, strlen(key)) && !receipt_parse(a.canonical, &receipt))
		st->strange[st->last]++;
	free(key);
	address_free(&a);
}

static void
see_nothing(void *arg, const char *id, const char *address)
{
	(void)arg;
	(void)id;
	(void)address;
}

static bool
is_same_mta(const struct transaction *a, const struct transaction *b)
{
	return a->mta == NULL || b->mta == NULL ? a->mta == b->mta : strcmp(a->mta, b->mta) == 0;
}

/* Runs the program for each MTA, with the ids of what it took. */
static int
ask_all(struct stopping *st, const char *word, void (*see)(void *, const char *, const char *),
        struct complaint *why)
{
	const struct transactions *t = &st->done;
	bool *told = mem_array(t->count, sizeof(*told));
	int rc = 0;

	for (size_t i = 0; i < t->count && rc == 0; i++) {
		struct text_list ids = { 0 };

		for (size_t k = i; k < t->count; k++) {
			const struct transaction *x = &t->all[k];

			if (told[k] || !x->taken || x->id == NULL || !recall_is_id(x->id) ||
			    !is_same_mta(x, &t->all[i]))
				continue;
			told[k] = st->asked[k] = true;
			text_list_add(&ids, x->id, strlen(x->id));
		}
		rc = recall_run(st->program, word, t->all[i].mta, &ids, see, st, why);
		text_list_free(&ids);
	}
	free(told);
	return rc;
}

/* Whether a recipient is one of those that are left in its transaction's queue file. */
static bool
is_left(struct stopping *st, size_t line)
{
	const struct transaction *t = &st->done.all[st->done.last[line] - 1];
	struct address a;
	bool left;
	char *key;

	if (t->id == NULL || !parse_line(st, line, &a))
		return false;
	key = mem_format("%s %s", t->id, a.canonical);
	left = set_has(st->left, key, strlen(key));
	free(key);
	address_free(&a);
	return left;
}

/* Writes down who is not going to get it, durably, before it is thrown away. */
static int
note_recalled(struct stopping *st, size_t which, struct complaint *why)
{
	struct record r = { .kind = RECORD_RECALL, .at = clock_wall(), .batch = st->done.all[which].batch };
	uint32_t *lines = mem_array(st->list.count, sizeof(*lines));
	int rc = 0;

	for (size_t i = 0; i < st->list.count; i++) {
		if (st->done.last[i] != which + 1 || !is_left(st, i))
			continue;
		st->strange[which]--;
		if (st->tally.lines[i] == LINE_SENT)
			lines[r.count++] = (uint32_t)i;
	}
	r.lines = lines;
	if (r.count > 0)
		rc = st->entry->queues->ops->note(st->entry, &r, false, why);
	for (size_t i = 0; i < r.count && rc == 0; i++)
		tally_set(&st->tally, lines[i], LINE_RECALLED);
	free(lines);
	return rc;
}

static int
recall(struct stopping *st, struct complaint *why)
{
	const struct queue_ops *ops = st->entry->queues->ops;

	if (st->program->count == 0)
		return 0;
	if (ask_all(st, "list", see_left, why) < 0)
		return -1;
	if (st->nonsense)
		return complain(why, "outbound.recall prints what is no recipient of a batch of this post");
	for (size_t i = 0; i < st->done.count; i++)
		if (st->asked[i] && note_recalled(st, i, why) < 0)
			return -1;
	return ops->sync(st->entry, why) < 0 ? -1 : ask_all(st, "remove", see_nothing, why);
}

/* ---- what is told ---- */

static enum fate
fate_of(const struct stopping *st, size_t line)
{
	uint32_t in = st->done.last[line];

	switch (st->tally.lines[line]) {
	case LINE_WAITING:
		return FATE_UNSENT;
	case LINE_REFUSED:
		return FATE_REFUSED;
	case LINE_RECALLED:
		return FATE_RECALLED;
	case LINE_SENT:
		return in > 0 && st->asked[in - 1] && st->strange[in - 1] == 0 ? FATE_HAS : FATE_PERHAPS;
	default:
		return FATE_PERHAPS;
	}
}

static void
print(const struct stopping *st)
{
	struct js *j = js_object(), *fates[FATE_COUNT];

	for (enum fate f = 0; f < FATE_COUNT; f++)
		fates[f] = js_array();
	for (size_t i = 0; i < st->list.count; i++) {
		size_t length;
		const char *text = distribution_address(&st->list, i, &length);
		char *address = mem_copy(text, length);

		js_append(fates[fate_of(st, i)], js_string(address));
		free(address);
	}
	js_set_text(j, "id", st->id);
	js_set_text(j, "list", st->entry->envelope.list);
	if (!st->ctl->json)
		ctl_say("%s, for %s, is stopped: ", st->id, st->entry->envelope.list);
	for (enum fate f = 0; f < FATE_COUNT; f++) {
		size_t count = js_count(fates[f]);

		if (!st->ctl->json && (count > 0 || f == FATE_HAS))
			(void)printf("%zu %s\n", count, fate_words[f]);
		for (size_t i = 0; !st->ctl->json && f <= FATE_PERHAPS && i < count; i++) {
			ctl_say("    %s", js_string_at(fates[f], i));
			(void)fputc('\n', stdout);
		}
		js_set(j, fate_keys[f], fates[f]);
	}
	if (st->ctl->json)
		ctl_print(&j);
	js_drop(&j);
}

/* ---- stopping ---- */

static int
read_entry(struct stopping *st, struct complaint *why)
{
	const struct queue_ops *ops = st->entry->queues->ops;

	if (st->entry->damage != NULL)
		return complain(why, "%s", st->entry->damage);
	if (ops->recipients(st->entry, &st->list, why) < 0 ||
	    ops->progress(st->entry, st->list.count, &st->tally, why) < 0 ||
	    transactions_read(&st->done, st->queues, st->id, st->list.count, why) < 0)
		return -1;
	st->asked = mem_array(st->done.count, sizeof(*st->asked));
	st->strange = mem_array(st->done.count, sizeof(*st->strange));
	st->left = set_open();
	return 0;
}

/* Writes down why it ended, for whoever asks later. */
static int
end_entry(struct stopping *st, struct complaint *why)
{
	const struct queue_ops *ops = st->entry->queues->ops;
	const struct record r = { .kind = RECORD_DEFER, .at = clock_wall(), .tries = st->entry->tries,
		                  .spent = -1, .text = "stopped by an operator" };

	return ops->note(st->entry, &r, true, why);
}

static int
stop_entry(struct stopping *st, const char *path)
{
	struct complaint why;
	size_t count;

	if (read_entry(st, &why) < 0 || recall(st, &why) < 0 || end_entry(st, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s is held, and nobody else gets it, but not all is done: %s",
		                st->id, why.text);
	print(st);
	if (st->entry->queue != QUEUE_DONE && st->entry->queues->ops->move(&st->entry, QUEUE_DONE, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s is held: %s", st->id, why.text);
	/* Held in the moment in which it was done: nobody is to wonder about it. */
	(void)spool_release_held(path, st->id, false, &count, &why);
	return CTL_YES;
}

static int
seize(struct stopping *st, const char *path, int64_t wait)
{
	const struct spool_config config = { .path = (char *)path, .read_only = true };
	struct complaint why;
	bool exists = false;

	if (spool_hold_entry(path, st->id, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	st->queues = spool_open(&config, &why);
	if (st->queues == NULL)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	st->entry = spool_seize(st->queues, st->id, deadline_in(wait), &exists, &why);
	if (st->entry != NULL)
		return stop_entry(st, path);
	if (!exists)
		return ctl_fail(CTL_NO, "%s: %s", st->id, why.text);
	return ctl_fail(CTL_UNSURE, "%s is held, and no further batch begins, but not all is done: %s; stop "
	                "it again", st->id, why.text);
}

static int
stop(const struct ctl *c, const struct site *s, const struct outbound_settings *outbound, int64_t wait)
{
	struct stopping st = { .ctl = c, .program = &outbound->recall };
	int status = listing_find(s, c->argv[0], false, st.id);
	char *path = site_spool(s);

	if (status == CTL_YES)
		status = seize(&st, path, wait);
	if (st.entry != NULL)
		st.entry->queues->ops->release(&st.entry, 0);
	distribution_close(&st.list);
	tally_free(&st.tally);
	transactions_free(&st.done);
	set_close(&st.left);
	free(st.asked);
	free(st.strange);
	queues_close(&st.queues);
	free(path);
	return status;
}

static int
run(const struct ctl *given)
{
	struct outbound_settings outbound = { 0 };
	struct ctl c = *given;
	const char *text = ctl_value(&c, "--wait");
	int64_t wait = PATIENCE;
	int status = CTL_CONFIG;
	struct site *s;

	if (c.argc != 1 || (text != NULL && setting_parse_time(text, &wait) < 0))
		return CTL_USAGE;
	s = ctl_site_outbound(&c, &outbound);
	if (s != NULL)
		status = stop(&c, s, &outbound, wait);
	site_drop(&s);
	setting_free(outbound_setting_rows, &outbound);
	return status;
}

const struct command command_stop = {
	"stop", "[--wait TIME] POST", "ends a post's sending, and takes back what the MTA still has", run,
};
