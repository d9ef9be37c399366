/* Rules about posters. */
#include "mail/poster.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

void
posters_add(struct poster_list *list, enum poster_effect effect, enum poster_kind kind, unsigned clause,
            const char *value, const char *origin)
{
	list->items = mem_resize(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] =
		(struct poster){ effect, kind, clause, mem_text(value), mem_text(origin) };
}

void
posters_free(struct poster_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].value);
		free(list->items[i].origin);
	}
	free(list->items);
	*list = (struct poster_list){ 0 };
}

void
posters_copy(struct poster_list *to, const struct poster_list *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct poster *p = &from->items[i];

		posters_add(to, p->effect, p->kind, p->clause, p->value, p->origin);
	}
}

bool
poster_asks_source(enum poster_kind kind)
{
	return kind >= POSTER_MEMBERS && kind < POSTER_UNREADABLE;
}

/* ---- configuration ---- */

static const char *const words[] = { "anyone",  "nobody",  "authenticated", "networks", "known",
	                             "members", "owners", "moderators",    NULL };
static const enum poster_kind kind_of_word[] = { POSTER_ANYONE,   POSTER_NOBODY, POSTER_LOGIN,
	                                         POSTER_NETWORKS, POSTER_KNOWN,  POSTER_MEMBERS,
	                                         POSTER_OWNERS,   POSTER_MODERATORS };

static const struct {
	const char *prefix;
	enum poster_kind kind;
} prefixes[] = { { "list:", POSTER_LIST },
	         { "dn:", POSTER_PERSON },
	         { "group:", POSTER_GROUP },
	         { "filter:", POSTER_FILTER },
	         { "login:", POSTER_ACCOUNT } };

static int
parse_address(struct poster_list *list, enum poster_effect effect, enum poster_kind kind, const char *text,
              const char *origin, struct complaint *why)
{
	char *canonical = address_canonical(text, why);

	if (canonical == NULL)
		return -1;
	posters_add(list, effect, kind, 0, canonical, origin);
	free(canonical);
	return 0;
}

static int
parse_domain(struct poster_list *list, enum poster_effect effect, const char *text, const char *origin,
             struct complaint *why)
{
	bool below = *text == '.';
	char *domain = domain_canonical(text + below, strlen(text + below), why);

	if (domain == NULL)
		return -1;
	posters_add(list, effect, below ? POSTER_SUBDOMAINS : POSTER_DOMAIN, 0, domain, origin);
	free(domain);
	return 0;
}

int
posters_parse(struct poster_list *list, enum poster_effect effect, const char *text, const char *origin,
              struct complaint *why)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (text_same(words[i], text)) {
			posters_add(list, effect, kind_of_word[i], 0, NULL, origin);
			return 0;
		}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		const char *prefix = prefixes[i].prefix, *rest = text + strlen(prefix);

		if (strncmp(text, prefix, strlen(prefix)) != 0)
			continue;
		if (*rest == '\0')
			return complain(why, "there is nothing behind \"%s\"", prefix);
		if (prefixes[i].kind == POSTER_LIST)
			return parse_address(list, effect, POSTER_LIST, rest, origin, why);
		posters_add(list, effect, prefixes[i].kind, 0, rest, origin);
		return 0;
	}
	if (strchr(text, '@') != NULL)
		return parse_address(list, effect, POSTER_ADDRESS, text, origin, why);
	if (strchr(text, '.') != NULL)
		return parse_domain(list, effect, text, origin, why);
	return complain(why,
	                "\"%s\" is none of anyone, known, authenticated, networks, members, owners, "
	                "moderators, nobody, an address, a domain, list:, dn:, group:, filter:, login:%s",
	                text, text_hint(text, words).text);
}

/* ---- addresses ---- */

/* Whether the pattern, in which '*' is anything, is the whole text; but for ASCII case. */
static bool
is_like(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (text_lower(*pattern) == text_lower(*text)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
poster_has_address(const struct poster *p, const char *canonical)
{
	switch (p->kind) {
	case POSTER_ADDRESS:
		return strcmp(p->value, canonical) == 0;
	case POSTER_DOMAIN:
		return strcmp(p->value, address_domain(canonical)) == 0;
	case POSTER_SUBDOMAINS:
		return domain_within(address_domain(canonical), p->value);
	case POSTER_GLOB:
		return is_like(p->value, address_domain(canonical));
	default:
		return false;
	}
}
