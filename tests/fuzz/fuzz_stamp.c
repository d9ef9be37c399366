/*
 * Stamps: what is read of one and written again reads the same, and lists are once there and in order;
 * a field's value is what one sealed text becomes, and no other.
 */
#include "tests/fuzz/fuzz.h"

#include "mail/stamp.h"

static void
must_be_same(const struct stamp *a, const struct stamp *b)
{
	MUST(same_texts(a->queue_id, b->queue_id) && same_texts(a->sender, b->sender));
	MUST(same_texts(a->client, b->client) && same_texts(a->login, b->login));
	MUST(same_texts(a->digest, b->digest) && a->time == b->time);
	MUST(a->trusted == b->trusted && a->encrypted == b->encrypted);
	MUST(a->announced == b->announced && a->recipients == b->recipients && a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct stamped *x = &a->lists[i], *y = &b->lists[i];

		MUST(same_texts(x->list, y->list) && x->role == y->role && x->decision == y->decision);
		MUST(x->reply == y->reply);
		if (x->decision != DECISION_PASS)
			MUST(same_texts(x->by, y->by) && same_texts(x->tags, y->tags) && x->quiet == y->quiet);
	}
}

static void
must_be_in_order(const struct stamp *s)
{
	for (size_t i = 0; i < s->count; i++) {
		MUST(stamp_find(s, s->lists[i].list, s->lists[i].role) == &s->lists[i]);
		MUST(i == 0 || !verdict_goes(s->lists[i].decision) || verdict_goes(s->lists[i - 1].decision));
		MUST((s->lists[i].decision <= DECISION_HOLD) == (s->lists[i].reply == REPLY_NONE));
	}
}

static void
read_text(const char *text, size_t length)
{
	struct complaint why = { "" };
	struct bytes written = { 0 };
	struct stamp s, again;

	if (stamp_parse(text, length, &s, &why) < 0) {
		MUST(why.text[0] != '\0' && s.lists == NULL && s.client == NULL);
		return;
	}
	must_be_in_order(&s);
	stamp_print(&s, &written);
	MUST(stamp_parse(written.data, written.length, &again, &why) == 0);
	must_be_same(&s, &again);
	stamp_free(&s);
	stamp_free(&again);
	bytes_free(&written);
}

/* Of the fields of a header that can be read, each is made again from what it says. */
static void
read_fields(const char *text, size_t length)
{
	struct field f, back;
	size_t at = 0;

	while (header_next(text, length, &at, &f)) {
		struct bytes sealed = { 0 }, line = { 0 }, again = { 0 };
		size_t start = 0;

		if (stamp_unfold(&f, &sealed)) {
			bytes_add_text(&line, STAMP_FIELD ": ");
			stamp_fold(&sealed, &line);
			bytes_add_text(&line, "\r\n");
			MUST(header_next(line.data, line.length, &start, &back) && start == line.length);
			MUST(stamp_unfold(&back, &again) && same_bytes(slice_of(&again), slice_of(&sealed)));
		} else {
			MUST(sealed.length == 0);
		}
		bytes_free(&sealed);
		bytes_free(&line);
		bytes_free(&again);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char digest[DIGEST_NAME + 1];

	read_text((const char *)data, size);
	read_fields((const char *)data, size);
	stamp_digest((const char *)data, size, digest);
	MUST(strlen(digest) == DIGEST_NAME);
	return 0;
}
