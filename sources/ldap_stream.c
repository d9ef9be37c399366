/*
 * Taking entries apart while they come (RFC 4511 section 4.5.2, X.690). Nothing is read beyond the end
 * of a message: what comes behind it may be meant for TLS, or for libldap.
 */
#include "sources/ldap_stream.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_BOOLEAN = 0x01, TAG_SEQUENCE = 0x30, TAG_SET = 0x31,
	TAG_ENTRY = 0x64, TAG_CONTROLS = 0xa0
};

enum {
	LONGEST_HEADER = 6,               /* a tag, and a length of four bytes */
	LONGEST_ID = 6,
	HEAD = LONGEST_HEADER + LONGEST_ID + 1,  /* enough to tell what a message is */
	PIECE = 65536,                    /* bytes to read at a time */
	LARGEST = 1 << 28                 /* message that libldap gets as a whole */
};

struct layer {
	struct stream *stream;
	Sockbuf_IO_Desc *below;
	unsigned char head[HEAD];
	size_t have;                      /* of the head */
	size_t pass;                      /* bytes of the message that libldap reads itself */
	struct bytes out;                 /* for libldap: the head, or an entry that was taken apart */
	size_t given;

	/* While a message is taken apart. */
	unsigned char *buffer;
	size_t room, at, end;             /* what is to be looked at: buffer[at..end) */
	size_t left;                      /* bytes of the message that were not read */
	size_t position;                  /* bytes of it that were looked at */
	void *whom;
};

/* ---- the bytes of one message ---- */

/* Makes room for more, which the length that a message claims is no reason for. */
static void
make_room(struct layer *l)
{
	if (l->at > 0) {
		memmove(l->buffer, l->buffer + l->at, l->end - l->at);
		l->end -= l->at;
		l->at = 0;
	} else {
		l->room *= 2;
		l->buffer = mem_resize(l->buffer, l->room);
	}
}

/* Makes so many bytes of the message be in the buffer. */
static bool
need(struct layer *l, size_t count)
{
	if (count > l->end - l->at + l->left)
		return false;
	while (l->end - l->at < count) {
		size_t most;
		ber_slen_t n;

		if (l->end == l->room)
			make_room(l);
		most = l->room - l->end;
		n = LBER_SBIOD_READ_NEXT(l->below, l->buffer + l->end, most < l->left ? most : l->left);
		if (n <= 0)
			return false;
		l->end += (size_t)n;
		l->left -= (size_t)n;
	}
	return true;
}

static const unsigned char *
eat(struct layer *l, size_t count)
{
	l->at += count;
	l->position += count;
	return l->buffer + l->at - count;
}

/* The length that stands at p; false where it takes more than four bytes, or is of no kind we know. */
static bool
read_length(const unsigned char *p, size_t *length)
{
	size_t bytes = *p & 0x7f;

	*length = *p;
	if ((*p & 0x80) == 0)
		return true;
	if (bytes == 0 || bytes > 4)
		return false;
	for (*length = 0; bytes > 0; bytes--)
		*length = *length << 8 | *++p;
	return true;
}

/* The header of an element that must end within `end`: its tag, and where it ends. */
static bool
enter(struct layer *l, size_t end, unsigned *tag, size_t *inner)
{
	const unsigned char *p;
	size_t more, length;

	if (end - l->position < 2 || !need(l, 2))
		return false;
	more = l->buffer[l->at + 1] & 0x80 ? l->buffer[l->at + 1] & 0x7f : 0;
	if (more > 4 || end - l->position < 2 + more || !need(l, 2 + more))
		return false;
	p = eat(l, 2 + more);
	*tag = *p;
	if (!read_length(p + 1, &length) || length > end - l->position)
		return false;
	*inner = l->position + length;
	return true;
}

static bool
enter_as(struct layer *l, size_t end, unsigned tag, size_t *inner)
{
	unsigned found;

	return enter(l, end, &found, inner) && found == tag;
}

/* The rest of an element, as one stretch. */
static bool
rest(struct layer *l, size_t inner, struct view *content)
{
	size_t length = inner - l->position;

	if (!need(l, length))
		return false;
	content->at = eat(l, length);
	content->end = content->at + length;
	return true;
}

static bool
whole(struct layer *l, size_t end, unsigned tag, struct view *content)
{
	size_t inner;

	return enter_as(l, end, tag, &inner) && rest(l, inner, content);
}

static void
add_element(struct bytes *out, unsigned tag, const void *content, size_t length)
{
	bytes_add_char(out, (char)tag);
	if (length >= 0x80)
		bytes_add_char(out, (char)0x84);
	for (int shift = length >= 0x80 ? 24 : 0; shift >= 0; shift -= 8)
		bytes_add_char(out, (char)(length >> shift & 0xff));
	bytes_add(out, content, length);
}

static void
add_view(struct bytes *out, unsigned tag, struct view v)
{
	add_element(out, tag, v.at, (size_t)(v.end - v.at));
}

static void
add_bytes(struct bytes *out, unsigned tag, struct bytes *content)
{
	add_element(out, tag, bytes_text(content), content->length);
	bytes_free(content);
}

/* ---- what an entry is made of ---- */

static bool
hand_on(struct layer *l, enum piece piece, struct view v)
{
	const struct taker *t = l->stream->taker;

	if (t->take(t->arg, l->whom, piece, v))
		return true;
	l->stream->fault = "";            /* whoever took it has said why */
	return false;
}

/* One attribute; adds what libldap gets of it. */
static bool
take_attribute(struct layer *l, size_t end, struct bytes *out)
{
	struct bytes attribute = { 0 }, values = { 0 };
	size_t inner, set = 0;
	struct view type, value;
	bool ours, ok = enter_as(l, end, TAG_SEQUENCE, &inner) && whole(l, inner, TAG_OCTETS, &type);

	if (!ok)
		return false;
	ours = text_same_n((const char *)type.at, (size_t)(type.end - type.at), l->stream->taker->attribute);
	add_view(&attribute, TAG_OCTETS, type);
	ok = enter_as(l, inner, TAG_SET, &set) && set == inner;
	while (ok && l->position < set) {
		ok = whole(l, set, TAG_OCTETS, &value);
		if (ok && (!ours || values.length == 0))
			add_view(&values, TAG_OCTETS, value);
		ok = ok && (!ours || hand_on(l, PIECE_VALUE, value));
	}
	add_bytes(&attribute, TAG_SET, &values);
	add_bytes(out, TAG_SEQUENCE, &attribute);
	return ok;
}

static bool
take_references(struct layer *l, size_t end)
{
	size_t inner;
	struct view reference = { 0 };
	bool ok = enter_as(l, end, TAG_SEQUENCE, &inner) && inner == end;

	while (ok && l->position < inner)
		ok = whole(l, inner, TAG_SEQUENCE, &reference) && hand_on(l, PIECE_REFERENCE, reference);
	return ok;
}

/* One control; of others than ours nobody wants to hear. */
static bool
take_control(struct layer *l, size_t end)
{
	static const char oid[] = LDAP_CONTROL_X_DEREF;
	struct view type, unused;
	size_t inner, value;
	unsigned tag;
	bool ours;

	if (!enter_as(l, end, TAG_SEQUENCE, &inner) || !whole(l, inner, TAG_OCTETS, &type))
		return false;
	ours = (size_t)(type.end - type.at) == sizeof(oid) - 1 && memcmp(type.at, oid, sizeof(oid) - 1) == 0;
	while (l->position < inner) {
		if (!enter(l, inner, &tag, &value) || (tag != TAG_BOOLEAN && tag != TAG_OCTETS))
			return false;
		if (!(tag == TAG_OCTETS && ours ? take_references(l, value) : rest(l, value, &unused)))
			return false;
	}
	return true;
}

/* A message from its id on. What libldap gets is in `out` afterwards. */
static bool
take_entry(struct layer *l, size_t end)
{
	struct bytes message = { 0 }, entry = { 0 }, attributes = { 0 };
	size_t inner = 0, list = 0;
	struct view v;
	bool ok = whole(l, end, TAG_INTEGER, &v);

	if (ok) {
		add_view(&message, TAG_INTEGER, v);
		ok = enter_as(l, end, TAG_ENTRY, &inner) && whole(l, inner, TAG_OCTETS, &v);
	}
	if (ok) {
		add_view(&entry, TAG_OCTETS, v);
		ok = enter_as(l, inner, TAG_SEQUENCE, &list) && list == inner;
	}
	while (ok && l->position < list)
		ok = take_attribute(l, list, &attributes);
	if (ok && l->position < end) {
		ok = enter_as(l, end, TAG_CONTROLS, &list) && list == end;
		while (ok && l->position < end)
			ok = take_control(l, end);
	}
	add_bytes(&entry, TAG_SEQUENCE, &attributes);
	add_bytes(&message, TAG_ENTRY, &entry);
	if (ok)
		add_element(&l->out, TAG_SEQUENCE, bytes_text(&message), message.length);
	bytes_free(&message);
	return ok;
}

/* ---- between libldap and the connection ---- */

static int
broken(struct layer *l, const char *fault)
{
	if (l->stream->fault == NULL)
		l->stream->fault = fault;
	errno = ECONNABORTED;
	return -1;
}

/* How many bytes of the next message to have read before more is known than now. */
static size_t
head_wanted(const struct layer *l, size_t *header, size_t *length)
{
	if (l->have < 2)
		return 2;
	*header = 2 + (l->head[1] & 0x80 ? l->head[1] & 0x7f : 0);
	if (l->head[0] != TAG_SEQUENCE || *header > LONGEST_HEADER)
		return 0;
	if (l->have < *header)
		return *header;
	if (!read_length(l->head + 1, length))
		return 0;
	return *header + (*length < HEAD - LONGEST_HEADER ? *length : HEAD - LONGEST_HEADER);
}

/* Reads the head of the next message: 1 it is there, 0 or -1 as read() says. */
static int
read_head(struct layer *l, size_t *header, size_t *length)
{
	size_t want;

	while ((want = head_wanted(l, header, length)) > l->have) {
		ber_slen_t n = LBER_SBIOD_READ_NEXT(l->below, l->head + l->have, want - l->have);

		if (n <= 0)
			return (int)n;
		l->have += (size_t)n;
	}
	return want == 0 ? broken(l, "what it says is no LDAP") : 1;
}

/* For whom a message is to be taken apart, going by its head; NULL: it passes. */
static void *
wanted(const struct layer *l, size_t header)
{
	const struct taker *t = l->stream->taker;
	const unsigned char *id = l->head + header;
	size_t length;
	int number = 0;

	if (t == NULL || l->have < header + 3 || id[0] != TAG_INTEGER)
		return NULL;
	length = id[1];
	if (length == 0 || length > 4 || l->have < header + 2 + length + 1 ||
	    id[2 + length] != TAG_ENTRY)
		return NULL;
	for (size_t i = 0; i < length; i++)
		number = (int)((unsigned)number << 8 | id[2 + i]);
	return t->wants(t->arg, number);
}

/* Takes a message apart, of which the head was read. */
static bool
take_apart(struct layer *l, size_t header, size_t length)
{
	bool ok;

	l->room = PIECE;
	l->buffer = mem_resize(NULL, l->room);
	l->at = 0;
	l->end = l->have - header;
	memcpy(l->buffer, l->head + header, l->end);
	l->left = length - l->end;
	l->position = 0;
	ok = take_entry(l, length);
	free(l->buffer);
	l->buffer = NULL;
	return ok;
}

/* Makes ready what libldap reads next: 1, or 0 or -1 as read() says. */
static int
next_message(struct layer *l)
{
	size_t header = 0, length = 0;
	int rc = read_head(l, &header, &length);

	if (rc <= 0)
		return rc;
	bytes_clear(&l->out);
	l->given = 0;
	l->whom = wanted(l, header);
	if (l->whom == NULL && length > LARGEST)
		return broken(l, "a message is too long");
	if (l->whom == NULL) {
		bytes_add(&l->out, l->head, l->have);
		l->pass = header + length > l->have ? header + length - l->have : 0;
	} else if (!take_apart(l, header, length)) {
		return broken(l, l->left == 0 ? "an entry makes no sense" : "an entry was cut off");
	}
	l->have = 0;
	return 1;
}

static ber_slen_t
layer_read(Sockbuf_IO_Desc *d, void *to, ber_len_t length)
{
	struct layer *l = d->sbiod_pvt;
	size_t ready = l->out.length - l->given;
	ber_slen_t n;
	int rc;

	l->below = d;
	if (l->stream->fault != NULL)
		return broken(l, NULL);
	if (ready == 0 && l->pass == 0) {
		rc = next_message(l);
		if (rc <= 0)
			return rc;
		ready = l->out.length;
	}
	if (ready > 0) {
		n = (ber_slen_t)(ready < length ? ready : length);
		memcpy(to, l->out.data + l->given, (size_t)n);
		l->given += (size_t)n;
		return n;
	}
	n = LBER_SBIOD_READ_NEXT(d, to, length < l->pass ? length : l->pass);
	if (n > 0)
		l->pass -= (size_t)n;
	return n;
}

static ber_slen_t
layer_write(Sockbuf_IO_Desc *d, void *from, ber_len_t length)
{
	return LBER_SBIOD_WRITE_NEXT(d, from, length);
}

static int
layer_ctrl(Sockbuf_IO_Desc *d, int option, void *arg)
{
	const struct layer *l = d->sbiod_pvt;

	if (option == LBER_SB_OPT_DATA_READY && l->out.length > l->given)
		return 1;
	return LBER_SBIOD_CTRL_NEXT(d, option, arg);
}

static int
layer_setup(Sockbuf_IO_Desc *d, void *arg)
{
	struct layer *l = mem_new(sizeof(*l));

	l->stream = arg;
	d->sbiod_pvt = l;
	return 0;
}

static int
layer_remove(Sockbuf_IO_Desc *d)
{
	struct layer *l = d->sbiod_pvt;

	bytes_free(&l->out);
	free(l);
	return 0;
}

static int
layer_close(Sockbuf_IO_Desc *d)
{
	(void)d;
	return 0;
}

bool
stream_open(struct stream *s, Sockbuf *sb)
{
	static Sockbuf_IO layer = { layer_setup, layer_remove, layer_ctrl,
		                    layer_read,  layer_write,  layer_close };

	*s = (struct stream){ 0 };
	return ber_sockbuf_add_io(sb, &layer, LBER_SBIOD_LEVEL_APPLICATION, s) == 0;
}
