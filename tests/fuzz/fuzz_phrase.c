/* Display names: whatever a directory holds becomes one phrase, from which it can be read back. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/phrase.h"

#include <unistr.h>

static int
hex(char c)
{
	MUST((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* One encoded word of RFC 2047 at the beginning of the text; what it says is added. */
static size_t
decode_word(const char *text, struct bytes *out)
{
	static const char begin[] = "=?utf-8?Q?";
	const char *at = text + sizeof(begin) - 1;
	size_t before = out->length;

	MUST(strncmp(text, begin, sizeof(begin) - 1) == 0);
	for (; *at != '?'; at++) {
		MUST(*at > ' ' && *at < 0x7f);
		if (*at == '=') {
			bytes_add_char(out, (char)(hex(at[1]) << 4 | hex(at[2])));
			at += 2;
		} else {
			bytes_add_char(out, *at == '_' ? ' ' : *at);
		}
	}
	MUST(at[1] == '=' && at + 2 - text <= 75);
	/* Section 5 (3): each word holds whole characters. */
	MUST(u8_check((const uint8_t *)out->data + before, out->length - before) == NULL);
	return (size_t)(at + 2 - text);
}

static void
decode(const char *phrase, struct bytes *out)
{
	if (*phrase == '"') {
		for (phrase++; *phrase != '"'; phrase++) {
			if (*phrase == '\\')
				phrase++;
			MUST(*phrase >= ' ' && *phrase < 0x7f);
			bytes_add_char(out, *phrase);
		}
		MUST(phrase[1] == '\0');
		return;
	}
	while (*phrase != '\0') {
		phrase += decode_word(phrase, out);
		MUST(*phrase == '\0' || strncmp(phrase, "\r\n ", 3) == 0);
		phrase += *phrase == '\0' ? 0 : 3;
	}
}

/* Nothing in it has to be changed. */
static bool
is_plain(const char *text, size_t most)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return length > 0 && text[0] != ' ' && text[length - 1] != ' ' &&
	       u8_mbsnlen((const uint8_t *)text, length) <= most;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	size_t most = 1 + eat(&f);
	char *text = mem_copy(f.at, f.left);
	struct bytes phrase = { 0 }, back = { 0 }, again = { 0 };

	phrase_add(&phrase, text, most);
	if (u8_check((const uint8_t *)text, strlen(text)) != NULL)
		MUST(phrase.length == 0);
	if (phrase.length > 0) {
		decode(phrase.data, &back);
		MUST(is_plain(back.data, most));
		MUST(!is_plain(text, most) || strcmp(back.data, text) == 0);
		phrase_add(&again, back.data, most);
		MUST(same_bytes(slice_of(&again), slice_of(&phrase)));
	}
	bytes_free(&phrase);
	bytes_free(&back);
	bytes_free(&again);
	free(text);
	return 0;
}
