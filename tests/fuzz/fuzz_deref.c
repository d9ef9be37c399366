/*
 * Answers to the dereference control: arbitrary bytes are read within their bounds, and what is
 * well-formed is read as it was written, and as libldap reads it.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "sources/ldap_deref.h"

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
	struct view refs, values, value;
	bool broken = false;
	struct deref d;
	size_t steps = 0;

	if (!deref_open(all.at, all.length, &refs))
		return;
	while (deref_next(&refs, &d, &broken)) {
		MUST(++steps <= all.length);
		MUST(lies_within(slice_of_view(d.dn), all));
		for (size_t i = 0; i < NAMES; i++) {
			if (!deref_attribute(d.attributes, names[i], &values))
				continue;
			MUST(values.at != values.end);
			while (deref_value(&values, &value)) {
				MUST(++steps <= all.length * (NAMES + 1));
				MUST(lies_within(slice_of_view(value), all));
			}
		}
	}
	MUST(broken || refs.at == refs.end);
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

static void
read_what_is_written(LDAP *ld, struct food f)
{
	struct bytes refs = { 0 }, all = { 0 };
	LDAPDerefRes *want = NULL;
	LDAPControl control = { .ldctl_oid = (char *)LDAP_CONTROL_X_DEREF };
	struct view view;
	struct deref d;
	bool broken = false;

	while (f.left > 0)
		write_reference(&f, &refs);
	add_element(&all, 0x30, slice_of(&refs), 0);
	control.ldctl_value = (struct berval){ all.length, all.data };
	MUST(ldap_parse_derefresponse_control(ld, &control, &want) == LDAP_SUCCESS);
	MUST(deref_open(all.data, all.length, &view));
	for (const LDAPDerefRes *r = want; r != NULL; r = r->next) {
		MUST(deref_next(&view, &d, &broken));
		compare_reference(&d, r);
	}
	MUST(!deref_next(&view, &d, &broken) && !broken);
	for (size_t n = 0; n < all.length; n += 1 + all.length / 16)
		MUST(!deref_open(all.data, n, &view));
	ldap_derefresponse_free(want);
	bytes_free(&refs);
	bytes_free(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LDAP *ld;

	if (ld == NULL)
		MUST(ldap_initialize(&ld, NULL) == LDAP_SUCCESS);
	read_anything((struct slice){ (const char *)data, size });
	if (size > 0)
		read_what_is_written(ld, (struct food){ data, size });
	return 0;
}
