/*
 * Answers to the dereference control, and the entries that bring them in pieces: arbitrary bytes are
 * read within their bounds, and what is well-formed is read as it was written, and as libldap reads it.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "sources/ldap_stream.h"

#include <errno.h>
#include <ldap.h>

static const char *const names[] = { "mail", "member", "alt" };
enum { NAMES = 3 };

static struct slice
slice_of_view(struct view v)
{
	return (struct slice){ (const char *)v.at, (size_t)(v.end - v.at) };
}

/* ---- any bytes ---- */

static void
read_anything(struct slice all)
{
	struct view values, value;
	struct deref d;
	size_t steps = 0;

	if (!deref_read((struct view){ (const unsigned char *)all.at,
		                       (const unsigned char *)all.at + all.length }, &d))
		return;
	MUST(lies_within(slice_of_view(d.dn), all));
	for (size_t i = 0; i < NAMES; i++) {
		if (!deref_attribute(d.attributes, names[i], &values))
			continue;
		MUST(values.at != values.end);
		while (deref_value(&values, &value)) {
			MUST(++steps <= all.length * NAMES);
			MUST(lies_within(slice_of_view(value), all));
		}
	}
}

/* ---- bytes that are well-formed ---- */

/* A length in one of the ways that BER has. */
static void
add_length(struct bytes *out, size_t length, unsigned way)
{
	unsigned bytes = way % 5;

	while (bytes < 4 && length >> (8 * bytes) != 0 && (bytes > 0 || length > 127))
		bytes++;
	if (bytes > 0)
		bytes_add_char(out, (char)(0x80 | bytes));
	for (unsigned i = bytes; i-- > 0;)
		bytes_add_char(out, (char)(length >> (8 * i)));
	if (bytes == 0)
		bytes_add_char(out, (char)length);
}

static void
add_element(struct bytes *out, int tag, struct slice content, unsigned way)
{
	bytes_add_char(out, (char)tag);
	add_length(out, content.length, way);
	bytes_add(out, content.at, content.length);
}

static void
add_wrapped(struct bytes *out, int tag, struct bytes *content, unsigned way)
{
	add_element(out, tag, slice_of(content), way);
	bytes_clear(content);
}

static struct slice
text_slice(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

/* One reference: a DN and some attributes with some values, as the food has it. */
static void
write_reference(struct food *f, struct bytes *out)
{
	struct bytes set = { 0 }, pair = { 0 }, attributes = { 0 }, whole = { 0 };
	unsigned way = eat(f), some = eat(f);

	add_element(&whole, 0x04, text_slice("member"), way);
	add_element(&whole, 0x04, eat_some(f, eat(f)), way >> 1);
	for (size_t i = 0; i < NAMES; i++) {
		if ((some & 1U << i) == 0)
			continue;
		for (unsigned n = 1 + eat(f) % 3; n > 0; n--)
			add_element(&set, 0x04, eat_some(f, eat(f)), way >> 2);
		add_element(&pair, 0x04, text_slice(names[i]), way);
		add_wrapped(&pair, 0x31, &set, way >> 3);
		add_wrapped(&attributes, 0x30, &pair, way >> 1);
	}
	if (attributes.length > 0)
		add_wrapped(&whole, 0xa0, &attributes, way >> 2);
	add_wrapped(out, 0x30, &whole, way);
	bytes_free(&set);
	bytes_free(&pair);
	bytes_free(&attributes);
	bytes_free(&whole);
}

static const LDAPDerefVal *
find_attribute(const LDAPDerefRes *r, const char *name)
{
	const LDAPDerefVal *v = r->attrVals;

	while (v != NULL && strcmp(v->type, name) != 0)
		v = v->next;
	return v;
}

static void
compare_reference(const struct deref *d, const LDAPDerefRes *want)
{
	struct view values, value;

	MUST(same_bytes(slice_of_view(d->dn),
	                (struct slice){ want->derefVal.bv_val, want->derefVal.bv_len }));
	for (size_t i = 0; i < NAMES; i++) {
		const LDAPDerefVal *v = find_attribute(want, names[i]);
		const struct berval *b;

		MUST(deref_attribute(d->attributes, names[i], &values) == (v != NULL));
		if (v == NULL)
			continue;
		for (b = v->vals; b->bv_val != NULL; b++) {
			MUST(deref_value(&values, &value));
			MUST(same_bytes(slice_of_view(value), (struct slice){ b->bv_val, b->bv_len }));
		}
		MUST(!deref_value(&values, &value) && values.at == values.end);
	}
}

/* ---- entries in pieces ---- */

/* A connection that says these bytes, so many at a time. */
struct wire {
	struct slice left;
	size_t piece;
};

static int
wire_setup(Sockbuf_IO_Desc *d, void *arg)
{
	d->sbiod_pvt = arg;
	return 0;
}

static int
wire_ctrl(Sockbuf_IO_Desc *d, int option, void *arg)
{
	(void)d, (void)option, (void)arg;
	return 0;
}

static int
wire_end(Sockbuf_IO_Desc *d)
{
	(void)d;
	return 0;
}

static ber_slen_t
wire_read(Sockbuf_IO_Desc *d, void *to, ber_len_t length)
{
	struct wire *w = d->sbiod_pvt;
	size_t n = w->piece;

	n = n < length ? n : length;
	n = n < w->left.length ? n : w->left.length;
	memcpy(to, w->left.at, n);
	w->left.at += n;
	w->left.length -= n;
	return (ber_slen_t)n;
}

static ber_slen_t
wire_write(Sockbuf_IO_Desc *d, void *from, ber_len_t length)
{
	(void)d, (void)from;
	return (ber_slen_t)length;
}

struct taking {
	const LDAPDerefRes *next;         /* what is to come; checked where `check` says so */
	bool check;
	struct bytes values;
};

static void *
wants(void *arg, int id)
{
	(void)id;
	return arg;
}

static bool
take(void *arg, void *whom, enum piece piece, struct view v)
{
	struct taking *t = whom;
	struct deref d;

	MUST(arg == whom);
	if (piece == PIECE_VALUE)
		bytes_add(&t->values, v.at, (size_t)(v.end - v.at));
	if (piece != PIECE_REFERENCE)
		return true;
	if (!deref_read(v, &d))
		return false;
	if (t->check) {
		MUST(t->next != NULL);
		compare_reference(&d, t->next);
		t->next = t->next->next;
	}
	return true;
}

/* Reads one message as libldap does. */
static bool
hear(struct taking *t, struct slice all, size_t piece)
{
	static Sockbuf_IO io = { wire_setup, wire_end, wire_ctrl, wire_read, wire_write, wire_end };
	const struct taker taker = { "member", wants, take, t };
	struct wire w = { all, piece };
	struct stream stream;
	Sockbuf *sb = ber_sockbuf_alloc();
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	ber_len_t length;
	ber_tag_t tag;

	MUST(ber_sockbuf_add_io(sb, &io, LBER_SBIOD_LEVEL_PROVIDER, &w) == 0);
	MUST(stream_open(&stream, sb));
	stream.taker = &taker;
	do {                              /* it says so after a part of a message, too */
		errno = 0;
		tag = ber_get_next(sb, &length, ber);
	} while (tag == LBER_DEFAULT && errno == EWOULDBLOCK);
	MUST(stream.fault == NULL || tag == LBER_DEFAULT);
	ber_free(ber, 1);
	ber_sockbuf_free(sb);
	return tag != LBER_DEFAULT;
}

/* An entry with a value of each kind of length, and the control. */
static void
hear_what_is_written(const struct bytes *control, const LDAPDerefRes *want, unsigned way)
{
	struct bytes value = { 0 }, values = { 0 }, attributes = { 0 }, entry = { 0 }, message = { 0 };
	struct taking t = { .next = want, .check = true };

	for (unsigned n = way % 4; n > 0; n--)
		add_element(&values, 0x04, text_slice("cn=x"), way + n);
	add_element(&value, 0x04, text_slice("member"), way);
	add_wrapped(&value, 0x31, &values, way >> 1);
	add_wrapped(&attributes, 0x30, &value, way >> 2);
	add_element(&entry, 0x04, text_slice("cn=g"), way);
	add_wrapped(&entry, 0x30, &attributes, way >> 3);
	add_element(&message, 0x02, text_slice("\x01"), 0);
	add_wrapped(&message, 0x64, &entry, way);
	add_element(&value, 0x04, text_slice(LDAP_CONTROL_X_DEREF), way);
	add_element(&value, 0x04, slice_of(control), way >> 4);
	add_wrapped(&values, 0x30, &value, way >> 1);
	add_wrapped(&message, 0xa0, &values, way >> 2);
	add_wrapped(&entry, 0x30, &message, way >> 3);
	MUST(hear(&t, slice_of(&entry), 1 + way % 7));
	MUST(t.next == NULL && t.values.length == 4 * (way % 4));
	t.check = false;
	for (size_t n = 0; n < entry.length; n += 1 + entry.length / 16)
		MUST(!hear(&t, (struct slice){ entry.data, n }, 1 + way % 7));
	bytes_free(&value);
	bytes_free(&values);
	bytes_free(&attributes);
	bytes_free(&entry);
	bytes_free(&message);
	bytes_free(&t.values);
}

static void
read_what_is_written(LDAP *ld, struct food f)
{
	struct bytes refs = { 0 }, all = { 0 };
	LDAPDerefRes *want = NULL;
	LDAPControl control = { .ldctl_oid = (char *)LDAP_CONTROL_X_DEREF };
	unsigned way = eat(&f);

	while (f.left > 0)
		write_reference(&f, &refs);
	add_element(&all, 0x30, slice_of(&refs), way);
	control.ldctl_value = (struct berval){ all.length, all.data };
	MUST(ldap_parse_derefresponse_control(ld, &control, &want) == LDAP_SUCCESS);
	hear_what_is_written(&all, want, way);
	ldap_derefresponse_free(want);
	bytes_free(&refs);
	bytes_free(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LDAP *ld;
	struct slice all = { (const char *)data, size };
	struct taking t = { 0 };

	if (ld == NULL)
		MUST(ldap_initialize(&ld, NULL) == LDAP_SUCCESS);
	read_anything(all);
	(void)hear(&t, all, size > 0 ? 1 + data[size - 1] % 64 : 1);
	bytes_free(&t.values);
	if (size > 0)
		read_what_is_written(ld, (struct food){ data, size });
	return 0;
}
