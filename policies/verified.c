/* Signatures, their keys, and what comes of them. */
#include "policies/verified.h"

#include "base/resolver.h"
#include "mail/dmarc.h"
#include "mail/signatures.h"

#include <stdio.h>
#include <string.h>

/* Asks for the keys of all signatures together, and gives them those that there are. */
static void
fetch_keys(struct verified *v, struct signatures *s, struct resolver *r, struct deadline by)
{
	struct lookups *l = lookups_open(r);
	size_t count = signatures_count(s);

	for (size_t i = 0; i < count; i++)
		(void)lookups_add(l, RECORD_TXT, signatures_key_name(s, i));
	(void)lookups_wait(l, deadline_earlier(by, resolver_patience(r)));
	for (size_t i = 0; i < count; i++) {
		const struct dns_answer *a = lookups_answer(l, i);

		/* Where there are several, which of them counts is not defined (RFC 6376 section 3.6.2.2). */
		if (a->found == RESOLVED)
			signatures_give_key(s, i, a->records[0].text);
		else if (a->found == RESOLVED_UNSURE)
			text_list_add_once(&v->unsure, signatures_domain(s, i));
		if (a->found == RESOLVED_UNSURE)
			(void)snprintf(v->why, sizeof(v->why), "%s: %s", signatures_key_name(s, i), a->why);
	}
	lookups_close(&l);
}

int
verified_read(struct verified *v, const struct facts *f, struct deadline by, struct complaint *why)
{
	struct signatures *s;

	*v = (struct verified){ 0 };
	if (!f->filed || f->file < 0)
		return complain(why, "the message is not in a file");
	if (f->resolver == NULL)
		return complain(why, "the DNS cannot be asked");
	s = signatures_read(f->file, why);
	if (s == NULL)
		return -1;
	if (signatures_count(s) > 0) {
		fetch_keys(v, s, f->resolver, by);
		signatures_verify(s);
	}
	for (size_t i = 0; i < signatures_count(s); i++)
		if (signatures_hold(s, i))
			text_list_add_once(&v->holds, signatures_domain(s, i));
	(void)snprintf(v->none, sizeof(v->none),
	               signatures_count(s) == 0 ? "it has no signature" : "no signature holds");
	signatures_close(&s);
	return 0;
}

void
verified_free(struct verified *v)
{
	text_list_free(&v->holds);
	text_list_free(&v->unsure);
}

bool
verified_aligned(const struct text_list *domains, const char *author, bool strict)
{
	for (size_t i = 0; i < domains->count; i++)
		if (dmarc_aligned(domains->items[i], author, strict))
			return true;
	return false;
}
