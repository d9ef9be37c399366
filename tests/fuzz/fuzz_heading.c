/*
 * What is put before a post with every setting on, and around its body, whatever its header is: whole
 * fields that a JSON file can hold, none of which the message has a say in but by its own.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "expander/fanout/post.h"
#include "expander/treat.h"
#include "mail/header.h"

/* Each line is a field or a fold of one, and ends in CRLF. */
static void
check_fields(const char *text)
{
	size_t length = strlen(text), at = 0;
	struct field f;

	while (header_next(text, length, &at, &f)) {
		MUST(f.length > 2 && memcmp(f.start + f.length - 2, "\r\n", 2) == 0);
		for (size_t i = 0; i < f.length; i++)
			MUST((f.start[i] == '\r') == (i + 1 < f.length && f.start[i + 1] == '\n'));
	}
	MUST(at == length);
}

/* Line ends come whole from the wire: intake refuses what has others. */
static bool
has_bare_newline(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] == '\r') != (i + 1 < length && text[i + 1] == '\n'))
			return true;
	return length > 0 && text[0] == '\n';
}

static void
check_all(const char *message, size_t length, const struct list *list)
{
	struct site site = { .hostname = (char *)"mail.example.com" };
	struct target t = { .list = (struct list *)list, .role = ROLE_POST };
	struct envelope e = { .list = mem_text(list->address), .role = mem_text("post"),
		              .recipient = mem_text(list->address), .sender = mem_text("ann@example.com") };
	struct envelope again;
	struct bytes head = { 0 }, text = { 0 };
	struct complaint why;
	struct style all = { 0 };
	size_t body;

	style_complete(&all, "posts", NULL);
	MUST(style_merge(t.style, list, NULL, &all, &why) == 0);
	heading_compose(&e, &site, &t, "abc", "mx", message, header_length(message, length));
	check_fields(e.inject_add);
	(void)treat_survives(&e, message, header_length(message, length), "example.org", false);
	if (length % 2 == 1)
		treat_wrap(&e, NULL, message, header_length(message, length));
	envelope_print(&e, &text);
	MUST(envelope_parse(text.data, text.length, &again, &why) == 0);
	MUST(strcmp(again.inject_add, e.inject_add) == 0);
	post_rewrite(&e, message, length, &head, &body);
	MUST(body <= length && head.length >= strlen(e.inject_add));
	envelope_free(&again);
	envelope_free(&e);
	bytes_free(&head);
	bytes_free(&text);
	setting_free(style_settings, &all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const settings[] = { "from: rewrite",      "reply-to: list poster",
		                                "subject-tag: [\xc3\xa4]", "footer: K\xc3\xb6ln",
		                                "header: To {local}", "parents: all.partner.example" };
	struct list *list = list_new(mem_text("staff@lists.example.com"), mem_text("All"), mem_text("k"), NULL);
	char *message = mem_copy(data, size);

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		text_list_add(&list->settings, settings[i], strlen(settings[i]));
	if (!has_bare_newline(message, size))
		check_all(message, size, list);
	free(message);
	list_drop(&list);
	return 0;
}
