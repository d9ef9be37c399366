/*
 * Reading the dereference control's answer without copying it: libldap would make an allocation for
 * each name and each value, and the answer for a large group has hundreds of thousands.
 */
#include "sources/ldap_deref.h"

#include "base/text.h"

#include <string.h>

enum { TAG_SEQUENCE = 0x30, TAG_SET = 0x31, TAG_OCTETS = 0x04, TAG_ATTRIBUTES = 0xa0 };

/* The next element of a view: its tag and content. False at the end or where it does not fit. */
static inline bool
element(struct view *v, unsigned *tag, struct view *content)
{
	const unsigned char *p = v->at;
	size_t length;

	if (v->end - p < 2)
		return false;
	*tag = *p++;
	length = *p++;
	if (length & 0x80) {
		size_t bytes = length & 0x7f;

		if (bytes == 0 || bytes > 4 || (size_t)(v->end - p) < bytes)
			return false;
		for (length = 0; bytes > 0; bytes--)
			length = length << 8 | *p++;
	}
	if (length > (size_t)(v->end - p))
		return false;
	*content = (struct view){ p, p + length };
	v->at = p + length;
	return true;
}

static inline bool
expect(struct view *v, unsigned tag, struct view *content)
{
	unsigned found = 0;

	return element(v, &found, content) && found == tag;
}

bool
deref_read(struct view reference, struct deref *d)
{
	struct view unused;

	*d = (struct deref){ 0 };
	return expect(&reference, TAG_OCTETS, &unused) && expect(&reference, TAG_OCTETS, &d->dn) &&
	       (reference.at == reference.end || expect(&reference, TAG_ATTRIBUTES, &d->attributes));
}

bool
deref_attribute(struct view attributes, const char *name, struct view *values)
{
	size_t length = strlen(name);
	struct view one, type;

	while (attributes.at != attributes.end) {
		if (!expect(&attributes, TAG_SEQUENCE, &one) || !expect(&one, TAG_OCTETS, &type))
			return false;
		if ((size_t)(type.end - type.at) == length &&
		    (memcmp(type.at, name, length) == 0 || text_same_n((const char *)type.at, length, name)))
			return expect(&one, TAG_SET, values) && values->at != values->end;
	}
	return false;
}

bool
deref_value(struct view *values, struct view *value)
{
	return values->at != values->end && expect(values, TAG_OCTETS, value);
}
