/*
 * The socketmap's wire: what questions are found does not depend on how the bytes come, none is
 * longer than it may be, and an answer is what the other side reads.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/address.h"
#include "milter/query.h"

/* Reads as a connection does, with room for two questions; what is found is written down. */
static void
read_all(struct slice all, size_t piece, struct bytes *out)
{
	char in[2 * QUERY_ROOM];
	struct slice content = { NULL, 0 };
	size_t have = 0, used = 0;
	enum query_result result = QUERY_PART;

	while (all.length > 0 && result == QUERY_PART) {
		size_t n = all.length < piece ? all.length : piece;
		struct slice come;

		MUST(have < QUERY_ROOM);
		if (n > sizeof(in) - have)
			n = sizeof(in) - have;
		memcpy(in + have, all.at, n);
		all.at += n;
		all.length -= n;
		come = (struct slice){ in, have + n };
		while ((result = query_read(come, &content, &used)) == QUERY_WHOLE) {
			MUST(lies_within(content, come) && content.length <= QUERY_LONGEST);
			MUST(used <= come.length && used >= content.length + 3);
			bytes_add(out, content.at, content.length);
			bytes_add_char(out, '\n');
			come.at += used;
			come.length -= used;
		}
		have = come.length;
		memmove(in, come.at, have);
	}
	bytes_format(out, " %d", (int)result);
}

static void
split(struct slice content)
{
	struct slice map, key;
	struct complaint why = { "" };
	struct address a, again;

	if (!query_split(content, &map, &key))
		return;
	MUST(map.length > 0 && map.length + 1 + key.length == content.length);
	MUST(lies_within(map, content) && memchr(map.at, ' ', map.length) == NULL);
	if (address_parse_inner(&a, key.at, key.length, &why) < 0) {
		MUST(a.canonical == NULL && why.text[0] != '\0');
		return;
	}
	MUST(address_parse(&again, a.canonical, strlen(a.canonical), &why) == 0);
	MUST(strcmp(again.canonical, a.canonical) == 0);
	address_free(&again);
	address_free(&a);
}

static void
answer(enum query_status status, struct slice value)
{
	static const char *const words[] = { "OK ", "NOTFOUND ", "TEMP ", "PERM " };
	char *text = mem_copy(value.at, value.length), *want = mem_format("%s%s", words[status], text);
	struct bytes out = { 0 };
	struct slice content;
	size_t used;

	query_answer(&out, status, text);
	MUST(query_read(slice_of(&out), &content, &used) == QUERY_WHOLE && used == out.length);
	MUST(same_bytes(content, (struct slice){ want, strlen(want) }));
	bytes_free(&out);
	free(want);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	size_t piece = 1 + eat(&f);
	struct slice all = { (const char *)f.at, f.left };
	struct bytes want = { 0 }, got = { 0 };

	read_all(all, 2 * QUERY_ROOM, &want);
	read_all(all, piece, &got);
	MUST(same_bytes(slice_of(&got), slice_of(&want)));
	split(all);
	answer(piece % 4, (struct slice){ all.at, all.length < 500 ? all.length : 500 });
	bytes_free(&want);
	bytes_free(&got);
	return 0;
}
