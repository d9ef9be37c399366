/* Mailbox addresses and their canonical form. */
#include "mail/address.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"

#include <idn2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

bool
address_needs_utf8(const char *text)
{
	return !text_is_ascii(text, strlen(text));
}

const char *
address_to_send(const char *canonical, const char *spelling)
{
	return address_needs_utf8(spelling) && !address_needs_utf8(canonical) ? canonical : spelling;
}

/* RFC 5322 atext, the dot, and whatever is not ASCII (RFC 6531). */
static bool
is_atom(char c)
{
	unsigned char u = (unsigned char)c;

	switch (c) {
	case '(': case ')': case '<': case '>': case '[': case ']':
	case ':': case ';': case '@': case '\\': case ',': case '"':
		return false;
	default:
		return u > 0x20 && u != 0x7f;
	}
}

static bool
all_atoms(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_atom(text[i]))
			return false;
	return length > 0;
}

/*
 * The end of the local part: the index of its '@', or -1. A quoted one is unquoted into `content`,
 * another is copied.
 */
static ptrdiff_t
read_local(const char *text, size_t length, struct bytes *content)
{
	size_t i = 0;

	if (length == 0 || *text != '"') {
		while (i < length && is_atom(text[i]))
			i++;
		bytes_add(content, text, i);
		return i > 0 && i < length && text[i] == '@' ? (ptrdiff_t)i : -1;
	}
	for (i = 1; i < length && text[i] != '"'; i++) {
		if (text[i] == '\\')
			i++;
		if (i >= length || (unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return -1;
		bytes_add_char(content, text[i]);
	}
	return i + 1 < length && text[i + 1] == '@' ? (ptrdiff_t)i + 1 : -1;
}

/*
 * Folds the case; letters beyond ASCII also get their composed form, so that both ways to write ö
 * are one.
 */
static void
fold_local(struct bytes *content)
{
	uint8_t *folded;
	size_t length = 0;

	if (text_is_ascii(content->data, content->length)) {
		for (size_t i = 0; i < content->length; i++)
			content->data[i] = text_lower(content->data[i]);
		return;
	}
	/*
	 * Lower case, not case folding: that would write "ss" for a sharp s, and the canonical form
	 * of a list's address is what members get to see.
	 */
	folded = u8_tolower((const uint8_t *)content->data, content->length, NULL, UNINORM_NFC, NULL,
	                    &length);
	if (folded == NULL)
		abort();                  /* the text is valid UTF-8: out of memory */
	bytes_clear(content);
	bytes_add(content, folded, length);
	free(folded);
}

static void
add_quoted(struct bytes *out, const struct bytes *content)
{
	if (all_atoms(bytes_text(content), content->length)) {
		bytes_add(out, content->data, content->length);
		return;
	}
	bytes_add_char(out, '"');
	for (size_t i = 0; i < content->length; i++) {
		if (content->data[i] == '"' || content->data[i] == '\\')
			bytes_add_char(out, '\\');
		bytes_add_char(out, content->data[i]);
	}
	bytes_add_char(out, '"');
}

/* Letters, digits, hyphens and underscores in labels of 1 to 63, none of them empty. */
static bool
plain_domain(const char *text, size_t length)
{
	size_t label = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text_lower(text[i]);

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_') ||
		           ++label > 63) {
			return false;
		}
	}
	return label > 0;
}

/* An address literal, [192.0.2.1] or [IPv6:...]: kept as it is but for case. */
static bool
literal_domain(const char *text, size_t length)
{
	if (length < 3 || text[0] != '[' || text[length - 1] != ']')
		return false;
	for (size_t i = 1; i < length - 1; i++)
		if (strchr("0123456789abcdefipv:.-", text_lower(text[i])) == NULL || text[i] == '\0')
			return false;
	return true;
}

char *
domain_canonical(const char *text, size_t length, struct complaint *why)
{
	char *given = mem_copy(text, length), *ascii = NULL, *canonical = NULL;
	int rc = IDN2_OK;

	if (length <= 255 && (plain_domain(text, length) || literal_domain(text, length))) {
		canonical = mem_text(given);
	} else if (length <= 255 && !text_is_ascii(text, length) &&
	           u8_check((const uint8_t *)text, length) == NULL) {
		rc = idn2_to_ascii_8z(given, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
		if (rc == IDN2_OK && plain_domain(ascii, strlen(ascii)))
			canonical = mem_text(ascii);
		idn2_free(ascii);
	}
	for (char *p = canonical; p != NULL && *p != '\0'; p++)
		*p = text_lower(*p);
	if (canonical == NULL)
		(void)complain(why, "\"%s\" is no domain%s%s", given, rc == IDN2_OK ? "" : ": ",
		               rc == IDN2_OK ? "" : idn2_strerror(rc));
	free(given);
	return canonical;
}

bool
domain_within(const char *domain, const char *top)
{
	size_t length = strlen(domain), of_top = strlen(top);

	return length >= of_top && strcmp(domain + length - of_top, top) == 0 &&
	       (length == of_top || domain[length - of_top - 1] == '.');
}

int
domain_check(const char *text, struct complaint *why)
{
	char *domain = domain_canonical(text, strlen(text), why);

	free(domain);
	return domain == NULL ? -1 : 0;
}

char *
domain_unicode(const char *canonical)
{
	char *made = NULL, *back = NULL, *copy = NULL;
	struct complaint unused;

	if (strstr(canonical, "xn--") == NULL)
		return NULL;
	/* libidn2 decodes what is no A-label as well, into other domains. */
	if (idn2_to_unicode_8z8z(canonical, &made, 0) == IDN2_OK && strcmp(made, canonical) != 0)
		back = domain_canonical(made, strlen(made), &unused);
	if (back != NULL && strcmp(back, canonical) == 0)
		copy = mem_text(made);
	free(back);
	idn2_free(made);
	return copy;
}

/* The most of them: in ASCII, without quotes. Nothing is to be made of it but lower case. */
static bool
parse_plain(struct address *a, const char *text, size_t length)
{
	size_t at = 0;

	while (at < length && is_atom(text[at]) && (unsigned char)text[at] < 0x80)
		at++;
	if (at == 0 || at == length || text[at] != '@' || !plain_domain(text + at + 1, length - at - 1))
		return false;
	a->spelling = mem_copy(text, length);
	a->canonical = mem_copy(text, length);
	for (size_t i = 0; i < length; i++)
		a->canonical[i] = text_lower(text[i]);
	return true;
}

int
address_parse(struct address *a, const char *text, size_t length, struct complaint *why)
{
	struct bytes content = { 0 }, canonical = { 0 };
	ptrdiff_t at;
	char *domain;
	int rc = -1;

	*a = (struct address){ 0 };
	if (length > ADDRESS_LONGEST)
		return complain(why, "an address of %zu octets is too long", length);
	if (parse_plain(a, text, length))
		return 0;
	if (memchr(text, '\0', length) != NULL || u8_check((const uint8_t *)text, length) != NULL)
		return complain(why, "an address holds bytes that are no UTF-8");
	at = read_local(text, length, &content);
	if (at < 0) {
		(void)complain(why, "\"%.*s\" is no mailbox address", (int)length, text);
		goto out;
	}
	domain = domain_canonical(text + at + 1, length - (size_t)at - 1, why);
	if (domain == NULL)
		goto out;
	if (content.length > 0)
		fold_local(&content);
	add_quoted(&canonical, &content);
	bytes_format(&canonical, "@%s", domain);
	free(domain);
	if (canonical.length > ADDRESS_LONGEST) {
		(void)complain(why, "an address of %zu octets in its canonical form is too long",
		               canonical.length);
		goto out;
	}
	a->canonical = bytes_take(&canonical);
	a->spelling = mem_copy(text, length);
	rc = 0;
out:
	bytes_free(&content);
	bytes_free(&canonical);
	return rc;
}

int
address_of_local(struct address *a, const char *local, size_t length, const char *domain,
                 struct complaint *why)
{
	struct bytes quoted = { 0 };
	int rc;

	*a = (struct address){ 0 };
	if (length > ADDRESS_LONGEST)
		return complain(why, "a local part of %zu octets is too long", length);
	bytes_add_char(&quoted, '"');
	for (size_t i = 0; i < length; i++) {
		if (local[i] == '"' || local[i] == '\\')
			bytes_add_char(&quoted, '\\');
		bytes_add_char(&quoted, local[i]);
	}
	bytes_format(&quoted, "\"@%s", domain);
	rc = address_parse(a, quoted.data, quoted.length, why);
	bytes_free(&quoted);
	return rc;
}

int
address_parse_inner(struct address *a, const char *text, size_t length, struct complaint *why)
{
	const char *at = length > ADDRESS_LONGEST ? NULL : memrchr(text, '@', length);
	struct complaint unused;
	int rc = address_parse(a, text, length, why);
	char *domain;

	if (rc == 0 || at == NULL || at == text)
		return rc;
	domain = mem_copy(at + 1, length - (size_t)(at - text) - 1);
	rc = address_of_local(a, text, (size_t)(at - text), domain, &unused);
	free(domain);
	return rc;
}

char *
address_local(const char *canonical)
{
	struct bytes content = { 0 };

	(void)read_local(canonical, strlen(canonical), &content);
	if (content.length == 0)
		return mem_text("");
	return bytes_take(&content);
}

char *
address_canonical(const char *text, struct complaint *why)
{
	struct address a;
	char *canonical;

	if (address_parse(&a, text, strlen(text), why) < 0)
		return NULL;
	canonical = a.canonical;
	free(a.spelling);
	return canonical;
}

int
address_check(const char *text, struct complaint *why)
{
	struct address a;
	int rc = address_parse(&a, text, strlen(text), why);

	address_free(&a);
	return rc;
}

void
address_free(struct address *a)
{
	free(a->canonical);
	free(a->spelling);
	*a = (struct address){ 0 };
}

const char *
address_domain(const char *canonical)
{
	return strrchr(canonical, '@') + 1;
}

bool
domain_is_within(const char *domain, const char *above, size_t length)
{
	struct complaint unused;
	char *canonical = domain_canonical(above, length, &unused);
	bool within = canonical != NULL && domain_within(domain, canonical);

	free(canonical);
	return within;
}
