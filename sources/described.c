/* What programs say of lists. */
#include "sources/described.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

/* The value of a line "word: value", or NULL. */
static char *
value_of(const char *line, size_t length, const char *word)
{
	size_t n = strlen(word);

	if (length < n + 2 || memcmp(line, word, n) != 0 || memcmp(line + n, ": ", 2) != 0)
		return NULL;
	return mem_copy(line + n + 2, length - n - 2);
}

/* The first to say something counts. Takes over the value. */
static int
keep_first(char **field, char *value)
{
	if (*field == NULL)
		*field = value;
	else
		free(value);
	return 0;
}

static int
keep_address(char **field, const char *word, char *value, bool only, struct complaint *why)
{
	struct address a;

	if (address_parse(&a, value, strlen(value), why) < 0) {
		(void)complain_within(why, "%s", word);
		free(value);
		return -1;
	}
	free(value);
	value = mem_text(a.canonical);
	address_free(&a);
	if (only && *field != NULL && strcmp(*field, value) != 0) {
		(void)complain(why, "this is the list %s, and another program says it is %s", value, *field);
		free(value);
		return -1;
	}
	return keep_first(field, value);
}

/* Neither of the words that are known. */
static int
refuse(const char *line, size_t length, const char *known, struct complaint *why)
{
	char *odd = mem_copy(line, length);
	struct bytes printable = { 0 };

	bytes_add_printable(&printable, odd, "");
	(void)complain(why, "\"%.100s\" is none of %s", bytes_text(&printable), known);
	bytes_free(&printable);
	free(odd);
	return -1;
}

/* What both questions are answered by: 1 taken, 0 it is something else, -1. */
static int
take_common(struct description *d, const char *line, size_t length, struct complaint *why)
{
	char *value;

	if ((value = value_of(line, length, "name")) != NULL)
		return keep_first(&d->name, value) + 1;
	if ((value = value_of(line, length, "errors")) != NULL)
		return keep_address(&d->errors, "errors", value, false, why) < 0 ? -1 : 1;
	return 0;
}

int
description_take(struct description *d, const char *line, size_t length, struct complaint *why)
{
	char *value = value_of(line, length, "address");
	int rc;

	if (value != NULL)
		return keep_address(&d->address, "address", value, true, why);
	rc = take_common(d, line, length, why);
	return rc == 0 ? refuse(line, length, "\"address: …\", \"name: …\", \"errors: …\"", why)
	               : rc < 0 ? -1 : 0;
}

struct list *
description_list(const struct description *d, const char *asked)
{
	const char *address = d->address == NULL ? asked : d->address;

	return list_new(mem_text(address), mem_text(d->name), mem_text(address), mem_text(d->errors));
}

void
description_free(struct description *d)
{
	free(d->address);
	free(d->name);
	free(d->errors);
	text_list_free(&d->also);
}

/* ---- of all lists ---- */

void
descriptions_open(struct descriptions *all)
{
	*all = (struct descriptions){ .by_address = map_open() };
}

/* What follows is about this list, of which others may have spoken. */
static int
begin_list(struct descriptions *all, char *value, struct complaint *why)
{
	struct description *d = mem_new(sizeof(*d)), *known;

	if (keep_address(&d->address, "address", value, false, why) < 0) {
		free(d);
		return -1;
	}
	known = map_peek(all->by_address, d->address, strlen(d->address));
	if (known == NULL) {
		(void)map_put(all->by_address, d->address, strlen(d->address), d);
		known = d;
	} else {
		description_free(d);
		free(d);
	}
	all->current = known;
	return 0;
}

static int
take_also(struct description *d, char *value, struct complaint *why)
{
	char *address = NULL;

	if (keep_address(&address, "also", value, false, why) < 0)
		return -1;
	if (strcmp(address, d->address) != 0)
		text_list_add_once(&d->also, address);
	free(address);
	return 0;
}

int
descriptions_take(struct descriptions *all, const char *line, size_t length, struct complaint *why)
{
	char *value;
	int rc = 0;

	if (all->ended)
		return complain(why, "there is something behind \"end\"");
	if ((value = value_of(line, length, "address")) != NULL)
		return begin_list(all, value, why);
	all->ended = length == 3 && memcmp(line, "end", 3) == 0;
	if (all->ended)
		return 0;
	if (all->current != NULL && (value = value_of(line, length, "also")) != NULL)
		return take_also(all->current, value, why);
	if (all->current != NULL)
		rc = take_common(all->current, line, length, why);
	if (rc == 0)
		return refuse(line, length,
		              "\"address: …\", or behind it \"also\", \"name\", \"errors\"", why);
	return rc < 0 ? -1 : 0;
}

int
descriptions_end(void *arg, struct complaint *why)
{
	struct descriptions *all = arg;
	bool ended = all->ended;

	all->ended = false;
	all->current = NULL;
	return ended ? 0 : complain(why, "it does not say which lists there are: there is no \"end\"");
}

/* The addresses of a list in the domain. */
struct naming {
	const char *domain;
	list_fn *fn;
	void *arg;
	bool more;
};

static void
name_list(void *arg, void *value)
{
	const struct description *d = value;
	struct naming *n = arg;
	struct text_list also = { 0 };
	struct list *l;

	for (size_t i = 0; i < d->also.count; i++)
		if (strcmp(address_domain(d->also.items[i]), n->domain) == 0)
			text_list_add(&also, d->also.items[i], strlen(d->also.items[i]));
	if (n->more && (also.count > 0 || strcmp(address_domain(d->address), n->domain) == 0)) {
		l = description_list(d, d->address);
		n->more = n->fn(n->arg, l, &also);
		list_drop(&l);
	}
	text_list_free(&also);
}

bool
descriptions_each(const struct descriptions *all, const char *domain, list_fn *fn, void *arg)
{
	struct naming n = { domain, fn, arg, true };

	map_each(all->by_address, name_list, &n);
	return n.more;
}

void
descriptions_close(struct descriptions *all)
{
	struct description *d;

	while ((d = map_remove_oldest(all->by_address)) != NULL) {
		description_free(d);
		free(d);
	}
	map_close(&all->by_address);
}
