/* Variable envelope return paths. */
#include "mail/verp.h"

#include "base/base32.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/list.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 5 };                        /* of a letter */

static const char purpose[] = "bounce";

/* What the mark is made of. Allocated. */
static char *
marked(const char *list, const char *post, uint32_t line)
{
	return mem_format("%.*s %lu %s", VERP_POST, post, (unsigned long)line, list);
}

/* Without leading zeros, so that a number has one spelling. */
static void
print_line(uint32_t line, char text[VERP_LINE + 1])
{
	size_t length = 1;

	while (length < VERP_LINE && line >> (length * BITS) != 0)
		length++;
	for (size_t i = 0; i < length; i++)
		text[i] = base32_letters[line >> ((length - 1 - i) * BITS) & 31];
	text[length] = '\0';
}

static bool
read_line(const char *text, size_t length, uint32_t *line)
{
	uint64_t n = 0;

	if (length == 0 || length > VERP_LINE || (length > 1 && *text == base32_letters[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		n = n << BITS | (uint64_t)(strchr(base32_letters, text[i]) - base32_letters);
	*line = (uint32_t)n;
	return n <= UINT32_MAX;
}

char *
verp_address(struct keys *keys, const char *bounces, const char *list, const char *entry, uint32_t line)
{
	const char *domain = address_domain(bounces);
	bool quoted = *bounces == '"';
	size_t length = (size_t)(domain - bounces) - (quoted ? 2 : 1);
	char *text = marked(list, entry, line), number[VERP_LINE + 1], mark[KEYS_TOKEN + 1], *address = NULL;

	print_line(line, number);
	keys_token(keys, purpose, text, strlen(text), mark);
	free(text);
	address = mem_format("%.*s+%.*s%s%s%s@%s", (int)length, bounces, VERP_POST, entry, number, mark,
	                     quoted ? "\"" : "", domain);
	if (strlen(address) - strlen(domain) - 1 > VERP_LONGEST)
		mem_drop(&address);
	return address;
}

/* What stands behind the list's address for bounces: ours, or something that only looks like it? */
static enum verp_form
read_token(struct keys *keys, const char *token, size_t length, const char *list, struct verp *v)
{
	enum verp_form form = VERP_NONE;
	char *text;

	if (length <= VERP_POST + KEYS_TOKEN || strspn(token, base32_letters) < length ||
	    !read_line(token + VERP_POST, length - VERP_POST - KEYS_TOKEN, &v->line))
		return VERP_NONE;
	memcpy(v->post, token, VERP_POST);
	text = marked(list, v->post, v->line);
	form = keys_token_is(keys, purpose, text, strlen(text), token + length - KEYS_TOKEN, KEYS_TOKEN)
	               ? VERP_TRUE : VERP_FALSE;
	free(text);
	return form;
}

/* Which address the MTA put there: its last '=' was an '@'. NULL: none. Allocated. */
static char *
read_hint(const char *text, size_t length)
{
	const char *sign = memrchr(text, '=', length);
	struct complaint unused;
	char *address, *canonical = NULL;
	struct address a;

	if (sign == NULL)
		return NULL;
	address = mem_copy(text, length);
	address[sign - text] = '@';
	if (address_parse(&a, address, length, &unused) == 0) {
		canonical = mem_text(a.canonical);
		address_free(&a);
	}
	free(address);
	return canonical;
}

void
verp_read(struct keys *keys, const char *canonical, const char *list, struct verp *v)
{
	char *bounces = list_role_address(list, ROLE_BOUNCES), *inside = address_local(bounces);
	char *local = address_local(canonical);
	size_t before = strlen(inside), length = strlen(local);

	*v = (struct verp){ 0 };
	if (length > before + 1 && strncmp(local, inside, before) == 0 && local[before] == '+') {
		const char *token = local + before + 1;

		length -= before + 1;
		v->form = read_token(keys, token, length, list, v);
		if (v->form == VERP_NONE)
			v->member = read_hint(token, length);
		if (v->member != NULL)
			v->form = VERP_HINT;
	}
	free(bounces);
	free(inside);
	free(local);
}

void
verp_free(struct verp *v)
{
	mem_drop(&v->member);
}
