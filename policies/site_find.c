/* The site: which address is what. */
#include "policies/site.h"

#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

const struct destination *
site_destination(const struct site *s, const char *canonical)
{
	const char *domain = address_domain(canonical);

	for (size_t i = 0; i < s->destination_count; i++)
		if (strcmp(s->destinations[i].domain, domain) == 0)
			return &s->destinations[i];
	return NULL;
}

/* What is left of a text without comments, and without all that cannot be in a domain. */
static void
add_bare(struct bytes *out, const char *text)
{
	size_t depth = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)text_lower(*text);

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && (c >= 0x80 || c == '.' || c == '-' || c == '_' ||
		                        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
			bytes_add_char(out, (char)c);
	}
}

bool
site_is_named(const struct site *s, const char *text)
{
	struct bytes bare = { 0 };
	bool named = false;

	add_bare(&bare, text);
	for (size_t i = 0; i < s->destination_count && !named; i++) {
		char *unicode = domain_unicode(s->destinations[i].domain);

		named = strstr(bytes_text(&bare), s->destinations[i].domain) != NULL ||
		        (unicode != NULL && strstr(bytes_text(&bare), unicode) != NULL);
		free(unicode);
	}
	bytes_free(&bare);
	return named;
}

void
target_drop(struct target *t)
{
	list_drop(&t->list);
	free(t->recipient);
	*t = (struct target){ 0 };
}

void
target_dispatch(struct target *t, const struct facts *f, const struct doorway *d)
{
	t->rule = rules_find(t->destination->rules, t->destination->rule_count, f, d);
}

struct chain *
target_chain(const struct target *t)
{
	return t->rule == NULL ? t->destination->chain : t->rule->chain;
}

const char *
target_senders(const struct target *t)
{
	return t->rule == NULL ? NULL : t->rule->who->name;
}

const struct modifiers *
target_modifiers(const struct target *t)
{
	const struct destination *d = t->destination;

	if (t->role != ROLE_POST)
		return NULL;
	for (size_t i = 0; i < d->list_count; i++)
		if (d->lists[i].modifiers != NULL && strcmp(d->lists[i].address, t->list->address) == 0)
			return d->lists[i].modifiers;
	return t->rule != NULL && t->rule->modifiers != NULL ? t->rule->modifiers : d->modifiers;
}

/* Asks one of the two questions about everything that the address could mean. */
static enum found
ask(const struct destination *d, const char *canonical, const struct deadline *by, bool stale,
    struct target *t, struct complaint *why)
{
	struct candidate candidates[CANDIDATES];
	const char *addresses[CANDIDATES];
	size_t count = list_candidates(canonical, d->delimiter, candidates), which = 0;
	enum found found;

	*t = (struct target){ .destination = d, .stale = stale };
	for (size_t i = 0; i < count; i++)
		addresses[i] = candidates[i].address;
	if (by != NULL)
		found = source_find_list(d->source, addresses, count, *by, &t->list, &which, why);
	else
		found = source_peek_list(d->source, addresses, count, stale, &t->list, &which);
	if (found == FOUND_YES) {
		t->role = candidates[which].role;
		t->recipient = mem_text(canonical);
	}
	candidates_free(candidates, count);
	if (found == FOUND_YES && t->role == ROLE_POST &&
	    destination_style(d, t->list, t->style, why) < 0) {
		target_drop(t);
		return FOUND_UNSURE;
	}
	/* Where others live as well, a role that takes nothing leaves its address to them. */
	if (found == FOUND_YES && d->shared && !role_exists(t->role)) {
		target_drop(t);
		found = FOUND_NO;
	}
	return found;
}

enum found
site_find(const struct destination *d, const char *canonical, struct deadline by, struct target *t,
          struct complaint *why)
{
	return ask(d, canonical, &by, false, t, why);
}

enum found
site_peek(const struct destination *d, const char *canonical, bool stale, struct target *t)
{
	struct complaint unused;

	return ask(d, canonical, NULL, stale, t, &unused);
}
