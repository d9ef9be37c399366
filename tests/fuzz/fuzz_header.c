/*
 * Headers: fields lie one behind the other, what is said of a message depends on its header only,
 * and the header that is sent holds nothing that was to be taken out.
 */
#include "tests/fuzz/fuzz.h"

#include "expander/fanout/post.h"
#include "mail/automatic.h"
#include "mail/header.h"
#include "mail/trace.h"

static const char list[] = "staff@lists.example.com";

static struct field
field_of(const struct bytes *text)
{
	struct field f;
	size_t at = 0;

	MUST(header_next(text->data, text->length, &at, &f) && at == text->length);
	return f;
}

/* A value comes on one line, trimmed, and to unfold it a second time changes nothing. */
static void
check_value(const struct field *given)
{
	struct bytes value = { 0 }, words = { 0 }, plain = { 0 }, again = { 0 };
	struct field f;

	field_unfold(given, &value);
	MUST(value.length <= given->value_length);
	MUST(strlen(bytes_text(&value)) == value.length);
	MUST(strpbrk(bytes_text(&value), "\r\n\t") == NULL);
	MUST(value.length == 0 || (value.data[0] != ' ' && value.data[value.length - 1] != ' '));
	bytes_format(&plain, "X: %s\r\n", bytes_text(&value));
	f = field_of(&plain);
	field_unfold(&f, &again);
	MUST(same_bytes(slice_of(&again), slice_of(&value)));

	/* Comments are where they are, however the field is folded. */
	field_words(given, &words);
	MUST(words.length <= value.length);
	MUST(words.length == 0 || (words.data[0] != ' ' && words.data[words.length - 1] != ' '));
	bytes_clear(&again);
	field_words(&f, &again);
	MUST(same_bytes(slice_of(&again), slice_of(&words)));
	bytes_free(&value);
	bytes_free(&words);
	bytes_free(&plain);
	bytes_free(&again);
}

/* Walks the fields; how long the header is. */
static size_t
check_fields(struct slice message, size_t *received)
{
	size_t at = 0, before = 0, count = 0;
	struct field f, found;

	while (header_next(message.at, message.length, &at, &f)) {
		struct bytes name = { 0 };

		MUST(f.start == message.at + before || count == 0);
		MUST(f.start + f.length == message.at + at && at > before && at <= message.length);
		MUST(f.name == f.start && f.name_length > 0);
		for (size_t i = 0; i < f.name_length; i++)
			MUST(f.name[i] > ' ' && f.name[i] < 0x7f && f.name[i] != ':');
		MUST(lies_within((struct slice){ f.value, f.value_length },
		                 (struct slice){ f.start, f.length }));
		bytes_add(&name, f.name, f.name_length);
		MUST(field_is(&f, name.data));
		MUST(header_find(message.at, message.length, name.data, &found));
		MUST(found.start <= f.start);
		check_value(&f);
		*received += field_is(&f, "Received");
		bytes_free(&name);
		before = at;
		count++;
	}
	return at;
}

/* What follows the header is no part of any answer. */
static void
check_answers(struct slice message, size_t header, size_t received)
{
	char id[16] = "x", id_again[16] = "x";
	bool found = trace_queue_id(message.at, message.length, id, sizeof(id));

	MUST(header_length(message.at, message.length) == header);
	MUST(header_length(message.at, header) == header);
	MUST(trace_hops(message.at, message.length) == received);
	MUST(automatic_reply(message.at, message.length) == automatic_reply(message.at, header));
	MUST(trace_passed(message.at, message.length, list) == trace_passed(message.at, header, list));
	MUST(found == trace_queue_id(message.at, header, id_again, sizeof(id_again)));
	MUST(!found || (strcmp(id, id_again) == 0 && *id != '\0'));
	for (const char *p = id; found && *p != '\0'; p++)
		MUST((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'));
}

/* The header as it is injected: our fields, those of the message less some, and an empty line. */
static void
check_rewritten(struct slice message, size_t header)
{
	static char *removed[] = { (char *)"List-Id", (char *)"Subject" };
	const struct envelope e = { .inject_add = (char *)"List-Post: <mailto:staff@lists.example.com>\r\n",
		                    .inject_remove = { removed, 2 } };
	struct bytes sent = { 0 };
	size_t body, ends;
	struct field f;

	post_rewrite(&e, message.at, message.length, &sent, &body);
	MUST(body == header);
	bytes_add(&sent, message.at + body, message.length - body);
	MUST(!header_find(sent.data, sent.length, "List-Id", &f));
	MUST(!header_find(sent.data, sent.length, "Subject", &f));
	MUST(trace_passed(sent.data, sent.length, list));
	ends = header_length(sent.data, sent.length);
	/* No line of the body has become a field, and none of the header body. */
	MUST(ends <= sent.length - (message.length - body));
	MUST(sent.length - ends <= message.length - body + 2);
	bytes_free(&sent);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice message = { (const char *)data, size };
	size_t received = 0, header = check_fields(message, &received);

	check_answers(message, header, received);
	check_rewritten(message, header);
	return 0;
}
