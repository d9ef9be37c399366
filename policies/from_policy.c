/* Records of DMARC, asked for. */
#include "policies/from_policy.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static size_t
ask(struct lookups *l, const char *domain)
{
	char *name = mem_format("_dmarc.%s", domain);
	size_t i = lookups_add(l, RECORD_TXT, name);

	free(name);
	return i;
}

/* The one record of an answer: where there are several, none holds. */
static enum found
read_answer(const struct dns_answer *a, const char *domain, struct dmarc *d, struct complaint *why)
{
	struct dmarc one;
	size_t count = 0;

	if (a->found == RESOLVED_UNSURE) {
		(void)complain(why, "_dmarc.%s: %s", domain, a->why);
		return FOUND_UNSURE;
	}
	for (size_t i = 0; i < a->count; i++)
		if (dmarc_parse(a->records[i].text, a->records[i].length, &one)) {
			*d = one;
			count++;
		}
	return count == 1 ? FOUND_YES : FOUND_NO;
}

enum found
from_policy_find(struct resolver *r, const char *domain, struct deadline by,
                 struct from_policy *p, struct complaint *why)
{
	const char *organisation = dmarc_organisation(domain);
	bool below = organisation != domain;
	struct lookups *l = lookups_open(r);
	size_t own = ask(l, domain), above = below ? ask(l, organisation) : own;
	struct dmarc d = { 0 };
	enum found found;

	(void)lookups_wait(l, deadline_earlier(by, resolver_patience(r)));
	found = read_answer(lookups_answer(l, own), domain, &d, why);
	p->wish = d.domain;
	if (found == FOUND_NO && below) {
		found = read_answer(lookups_answer(l, above), organisation, &d, why);
		p->wish = d.subdomains;
	}
	p->strict = d.strict;
	lookups_close(&l);
	return found;
}
