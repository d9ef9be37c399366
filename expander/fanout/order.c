/* The order of a distribution list. */
#include "expander/fanout/order.h"

#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

/* A domain of members. */
struct group {
	const char *domain;
	bool sent_to;                     /* somebody in it is */
	char *exchanger;                  /* the best of its mail exchangers; NULL: not known, or not asked */
	size_t rank;
};

struct ordering {
	struct set *domains;              /* each with its NUL; numbers are those of groups */
	struct group *groups;
};

/* Whose labels come first, from the last one on: example.com, mail.example.com, example.net. */
static int
compare_names(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);

	while (na > 0 && nb > 0) {
		size_t la = na, lb = nb, shorter;
		int rc;

		while (la > 0 && a[la - 1] != '.')
			la--;
		while (lb > 0 && b[lb - 1] != '.')
			lb--;
		shorter = na - la < nb - lb ? na - la : nb - lb;
		rc = memcmp(a + la, b + lb, shorter);
		if (rc == 0)
			rc = (na - la > nb - lb) - (na - la < nb - lb);
		if (rc != 0)
			return rc;
		na = la > 0 ? la - 1 : 0;
		nb = lb > 0 ? lb - 1 : 0;
	}
	return (na > 0) - (nb > 0);
}

static const char *
key_of(const struct group *g)
{
	return g->exchanger != NULL ? g->exchanger : g->domain;
}

static int
compare_groups(const void *a, const void *b)
{
	const struct group *const *ga = a, *const *gb = b;
	int rc = compare_names(key_of(*ga), key_of(*gb));

	return rc != 0 ? rc : compare_names((*ga)->domain, (*gb)->domain);
}

/* The exchanger that mail to a domain goes to, as far as an answer tells; of equal ones the least. */
static char *
best_exchanger(const struct dns_answer *a)
{
	const struct dns_record *best = NULL;

	for (size_t i = 0; i < a->count; i++) {
		const struct dns_record *one = &a->records[i];

		if (best == NULL || one->preference < best->preference ||
		    (one->preference == best->preference && strcmp(one->text, best->text) < 0))
			best = one;
	}
	/* A null MX (RFC 7505) is no exchanger. */
	return best == NULL || *best->text == '\0' ? NULL : mem_text(best->text);
}

static void
find_exchangers(struct ordering *o, const struct preparing *p)
{
	struct lookups *l = lookups_open(p->site->resolver);
	size_t count = set_count(o->domains), next = 0;

	for (size_t i = 0; i < count; i++)
		if (o->groups[i].sent_to)
			(void)lookups_add(l, RECORD_MX, o->groups[i].domain);
	(void)lookups_wait(l, deadline_earlier(p->by, resolver_patience_together(p->site->resolver)));
	for (size_t i = 0; i < count; i++)
		if (o->groups[i].sent_to)
			o->groups[i].exchanger = best_exchanger(lookups_answer(l, next++));
	lookups_close(&l);
}

/* The place of each domain among all. */
static void
rank_groups(struct ordering *o)
{
	size_t count = set_count(o->domains);
	struct group **sorted = mem_array(count, sizeof(struct group *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &o->groups[i];
	qsort(sorted, count, sizeof(*sorted), compare_groups);
	for (size_t i = 0; i < count; i++)
		sorted[i]->rank = i;
	free(sorted);
}

/* Puts members into the places of their domains, in the order in which they are. */
static void
deal(struct roster *r, const struct ordering *o, const uint32_t *domain_of)
{
	size_t count = set_count(o->domains);
	size_t *next = mem_array(count + 1, sizeof(*next));
	uint32_t *order = mem_array(r->count, sizeof(*order));

	for (size_t i = 0; i < r->count; i++)
		next[o->groups[domain_of[i]].rank + 1]++;
	for (size_t i = 1; i <= count; i++)
		next[i] += next[i - 1];
	for (size_t i = 0; i < r->count; i++)
		order[next[o->groups[domain_of[i]].rank]++] = r->order[i];
	free(r->order);
	r->order = order;
	r->order_room = r->count;
	free(next);
}

void
order_roster(struct roster *r, const char *how, const struct preparing *p)
{
	struct ordering o = { 0 };
	uint32_t *domain_of;

	if (how == NULL || r->count == 0)
		return;
	o.domains = set_open();
	domain_of = mem_array(r->count, sizeof(*domain_of));
	for (size_t i = 0; i < r->count; i++) {
		const char *domain = address_domain(roster_canonical(r, r->order[i]));
		size_t at;

		(void)set_place(o.domains, domain, strlen(domain) + 1, &at);
		domain_of[i] = (uint32_t)at;
	}
	o.groups = mem_array(set_count(o.domains), sizeof(*o.groups));
	for (size_t i = 0; i < set_count(o.domains); i++) {
		size_t unused;

		o.groups[i].domain = set_at(o.domains, i, &unused);
	}
	for (size_t i = 0; i < r->count; i++)
		o.groups[domain_of[i]].sent_to |= r->people[r->order[i]].out == OUT_NOT;
	if (strcmp(how, "mx") == 0)
		find_exchangers(&o, p);
	rank_groups(&o);
	deal(r, &o, domain_of);
	for (size_t i = 0; i < set_count(o.domains); i++)
		free(o.groups[i].exchanger);
	free(o.groups);
	free(domain_of);
	set_close(&o.domains);
}
