/* Lists and their roles. */
#include "mail/list.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/mem.h"
#include "mail/address.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word, *suffix;
	bool exists;
} roles[ROLE_COUNT] = {
	[ROLE_POST] = { "post", "", true },
	[ROLE_OWNER] = { "owner", "-owner", true },
	[ROLE_REQUEST] = { "request", "-request", false },
	[ROLE_BOUNCES] = { "bounces", "-bounces", true },
	[ROLE_SUBSCRIBE] = { "subscribe", "-subscribe", false },
	[ROLE_UNSUBSCRIBE] = { "unsubscribe", "-unsubscribe", false },
	[ROLE_CONFIRM] = { "confirm", "-confirm", false },
};

const char *
role_word(enum role role)
{
	return roles[role].word;
}

enum role
role_of_word(const char *word)
{
	enum role r = ROLE_POST;

	while (r < ROLE_COUNT && strcmp(roles[r].word, word) != 0)
		r++;
	return r;
}

bool
role_exists(enum role role)
{
	return roles[role].exists;
}

/* The reference count lies before the struct that everybody sees. */
struct counted {
	struct list list;
	atomic_int references;
};

struct list *
list_new(char *address, char *name, char *key, char *errors)
{
	struct counted *c = mem_new(sizeof(*c));

	c->list = (struct list){ .address = address, .name = name, .key = key, .errors = errors };
	atomic_init(&c->references, 1);
	return &c->list;
}

struct list *
list_hold(struct list *list)
{
	(void)atomic_fetch_add(&((struct counted *)list)->references, 1);
	return list;
}

void
list_drop(struct list **list)
{
	struct counted *c = (struct counted *)*list;

	*list = NULL;
	if (c == NULL || atomic_fetch_sub(&c->references, 1) > 1)
		return;
	free(c->list.address);
	free(c->list.name);
	free(c->list.key);
	free(c->list.errors);
	free(c->list.state_reason);
	free(c->list.refusal);
	text_list_free(&c->list.settings);
	posters_free(&c->list.posters);
	free(c);
}

/* The role whose suffix ends this local part with something before it; ROLE_POST for none. */
static enum role
role_of_local(const char *local, size_t length)
{
	for (enum role r = ROLE_OWNER; r < ROLE_COUNT; r++) {
		size_t suffix = strlen(roles[r].suffix);

		if (length > suffix && memcmp(local + length - suffix, roles[r].suffix, suffix) == 0)
			return r;
	}
	return ROLE_POST;
}

/* An address of the inside of a local part, which may or may not need its quotes any more. */
static char *
address_of(const char *local, size_t length, bool quoted, const char *domain)
{
	struct bytes text = { 0 };
	struct complaint unused;
	struct address a;

	if (quoted)
		bytes_add_char(&text, '"');
	bytes_add(&text, local, length);
	bytes_add_text(&text, quoted ? "\"@" : "@");
	bytes_add_text(&text, domain);
	if (quoted && address_parse(&a, text.data, text.length, &unused) == 0) {
		bytes_clear(&text);
		bytes_add_text(&text, a.canonical);
		address_free(&a);
	}
	return bytes_take(&text);
}

static size_t
add(struct candidate *out, const char *local, size_t length, bool quoted, const char *domain)
{
	enum role role = role_of_local(local, length);
	size_t n = 0;

	out[n++] = (struct candidate){ address_of(local, length, quoted, domain), ROLE_POST };
	if (role != ROLE_POST) {
		length -= strlen(roles[role].suffix);
		out[n++] = (struct candidate){ address_of(local, length, quoted, domain), role };
	}
	return n;
}

/* Where the suffix for bounces begins that a '+' stands behind, with something before it; NULL: nowhere. */
static const char *
find_bounces(const char *local, size_t length)
{
	const char *suffix = roles[ROLE_BOUNCES].suffix, *found = NULL, *plus = local;
	size_t behind = strlen(suffix);

	while (found == NULL && (plus = memchr(plus, '+', length - (size_t)(plus - local))) != NULL) {
		if (plus > local + behind && memcmp(plus - behind, suffix, behind) == 0)
			found = plus - behind;
		plus++;
	}
	return found;
}

size_t
list_candidates(const char *canonical, char delimiter, struct candidate out[CANDIDATES])
{
	const char *domain = address_domain(canonical), *local = canonical, *mark, *bounces;
	size_t length = (size_t)(domain - canonical) - 1, n;
	bool quoted = *canonical == '"';

	if (quoted) {                     /* what is inside: neither suffix nor delimiter is escaped */
		local++;
		length -= 2;
	}
	n = add(out, local, length, quoted, domain);
	bounces = find_bounces(local, length);
	mark = delimiter == '\0' ? NULL : memchr(local, delimiter, length);
	/* Of a list whose name holds the delimiter, or where there is another. */
	if (bounces != NULL && mark != bounces + strlen(roles[ROLE_BOUNCES].suffix))
		out[n++] = (struct candidate){ address_of(local, (size_t)(bounces - local), quoted, domain),
			                       ROLE_BOUNCES };
	if (mark != NULL && mark > local)
		n += add(out + n, local, (size_t)(mark - local), quoted, domain);
	return n;
}

void
candidates_free(struct candidate *c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_drop(&c[i].address);
}

char *
list_role_address(const char *list_address, enum role role)
{
	const char *domain = address_domain(list_address);
	bool quoted = *list_address == '"';
	size_t length = (size_t)(domain - list_address) - (quoted ? 2 : 1);

	return mem_format("%.*s%s%s@%s", (int)length, list_address, roles[role].suffix,
	                  quoted ? "\"" : "", domain);
}

/* RFC 5322 atext, less '%', which escapes. */
static const char in_identifier[] = "!#$&'*+-/=?^_`{|}~.";
/* RFC 3986 unreserved, and what RFC 6068 section 2 lets stand in an address. */
static const char in_uri[] = "-._~!$'*+";

/* `plain` as in bytes_add_escaped(); NULL: nothing is escaped, and a quoted local part loses its quotes. */
static char *
fill(const char *pattern, const char *list_address, const char *plain)
{
	const char *domain = address_domain(list_address);
	size_t length = (size_t)(domain - list_address) - 1;
	struct bytes out = { 0 };
	bool quoted = *list_address == '"';

	while (*pattern != '\0') {
		if (strncmp(pattern, "{local}", 7) == 0) {
			if (plain != NULL)
				bytes_add_escaped(&out, list_address, length, plain);
			else if (quoted)
				bytes_add(&out, list_address + 1, length - 2);
			else
				bytes_add(&out, list_address, length);
			pattern += 7;
		} else if (strncmp(pattern, "{domain}", 8) == 0) {
			bytes_add_text(&out, domain);
			pattern += 8;
		} else {
			bytes_add_char(&out, *pattern++);
		}
	}
	return bytes_take(&out);
}

char *
list_identifier(const char *list_address)
{
	return list_fill_identifier("{local}.{domain}", list_address);
}

char *
list_mailto(const char *list_address)
{
	return list_fill_uri("mailto:{local}@{domain}", list_address);
}

char *
list_fill_uri(const char *pattern, const char *list_address)
{
	return fill(pattern, list_address, in_uri);
}

char *
list_fill_archived(const char *pattern, const char *list_address, const char *message_id)
{
	static const char id[] = "{message-id}", hash[] = "{hash}";
	char *uri = list_fill_uri(pattern, list_address), name[DIGEST_OLD_NAME + 1];
	struct bytes out = { 0 };

	/* What the list's address brought has no braces: they are escaped. */
	for (const char *at = uri; *at != '\0';) {
		if (strncmp(at, id, sizeof(id) - 1) == 0) {
			bytes_add_escaped(&out, message_id, strlen(message_id), in_uri);
			at += sizeof(id) - 1;
		} else if (strncmp(at, hash, sizeof(hash) - 1) == 0) {
			digest_old_name(message_id, strlen(message_id), name);
			bytes_add_text(&out, name);
			at += sizeof(hash) - 1;
		} else {
			bytes_add_char(&out, *at++);
		}
	}
	free(uri);
	return bytes_take(&out);
}

char *
list_fill_identifier(const char *pattern, const char *list_address)
{
	return fill(pattern, list_address, in_identifier);
}

char *
list_fill_text(const char *pattern, const char *list_address)
{
	return fill(pattern, list_address, NULL);
}

char *
list_fill_address(const char *pattern, const char *list_address)
{
	char *text = list_fill_text(pattern, list_address), *address = NULL;
	struct complaint unused;
	struct address a;

	if (address_parse_inner(&a, text, strlen(text), &unused) == 0) {
		address = mem_text(a.spelling);
		address_free(&a);
	}
	free(text);
	return address;
}
