/*
 * The content of DATA: the scanner against a plain reading of RFC 5321 section 4.1.1.4 and 4.5.2,
 * with the input in one piece and in many.
 */
#include "tests/fuzz/fuzz.h"

#include "expander/intake/content.h"

/* What a wire comes to. */
struct reading {
	struct bytes message;
	size_t used;
	bool bare_newline, eight_bit, ended;
};

static bool
stands(struct slice wire, size_t at, const char *text)
{
	size_t length = strlen(text);

	return wire.length - at >= length && memcmp(wire.at + at, text, length) == 0;
}

/* The whole wire at once; what may turn out to be something else is not message yet. */
static void
read_plainly(struct slice wire, struct reading *r)
{
	bool line_begins = true;
	size_t i = 0;

	while (i < wire.length && !r->ended) {
		if (line_begins && stands(wire, i, ".\r\n")) {
			r->ended = true;
			i += 3;
			break;
		}
		if (line_begins && wire.at[i] == '.' && ++i == wire.length)
			break;
		line_begins = stands(wire, i, "\r\n");
		if (wire.at[i] == '\r' && i + 1 == wire.length) {
			i++;
			break;
		}
		r->bare_newline |= !line_begins && (wire.at[i] == '\r' || wire.at[i] == '\n');
		bytes_add(&r->message, wire.at + i, line_begins ? 2 : 1);
		i += line_begins ? 2 : 1;
	}
	r->used = i;
	for (i = 0; i < r->used; i++)
		r->eight_bit |= (unsigned char)wire.at[i] >= 0x80;
}

/* In pieces of so many bytes; with 0, of lengths that the bytes themselves give. */
static void
read_in_pieces(struct slice wire, size_t piece, struct reading *r)
{
	struct content c = { 0 };

	while (r->used < wire.length && !c.ended) {
		size_t n = piece == 0 ? 1U + (unsigned char)wire.at[r->used] % 13 : piece, took;

		if (n > wire.length - r->used)
			n = wire.length - r->used;
		took = content_scan(&c, wire.at + r->used, n, collect, &r->message);
		MUST(took == n || (c.ended && took < n));
		r->used += took;
	}
	r->bare_newline = c.bare_newline;
	r->eight_bit = c.eight_bit;
	r->ended = c.ended;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice wire = { (const char *)data, size };
	const size_t pieces[] = { size + 1, 1, 2, 3, 7, 0 };
	struct reading want = { 0 };

	read_plainly(wire, &want);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct reading got = { 0 };

		read_in_pieces(wire, pieces[i], &got);
		MUST(got.used == want.used && got.ended == want.ended);
		MUST(got.bare_newline == want.bare_newline && got.eight_bit == want.eight_bit);
		MUST(same_bytes(slice_of(&got.message), slice_of(&want.message)));
		bytes_free(&got.message);
	}
	bytes_free(&want.message);
	return 0;
}
