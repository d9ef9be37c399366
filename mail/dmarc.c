/* DMARC without the DNS. */
#include "mail/dmarc.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/tags.h"

#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

static const char *const wishes[] = { [DMARC_NONE] = "none", [DMARC_QUARANTINE] = "quarantine",
	                              [DMARC_REJECT] = "reject" };
enum { WISHES = sizeof(wishes) / sizeof(*wishes) };

const char *
dmarc_word(enum dmarc_wish wish)
{
	return wishes[wish];
}

/* What is no wish leaves it as it is. */
static void
read_wish(struct slice value, enum dmarc_wish *wish)
{
	for (size_t i = 0; i < WISHES; i++)
		if (slice_is(value, wishes[i]))
			*wish = (enum dmarc_wish)i;
}

bool
dmarc_parse(const char *text, size_t length, struct dmarc *d)
{
	struct slice rest = { text, length }, name, value;
	bool below = false;

	*d = (struct dmarc){ 0 };
	/* The version comes first, and its case counts (section 6.3). */
	if (!tag_next(&rest, &name, &value) || !slice_is(name, "v") || value.length != 6 ||
	    memcmp(value.at, "DMARC1", 6) != 0)
		return false;
	while (tag_next(&rest, &name, &value)) {
		if (slice_is(name, "p")) {
			read_wish(value, &d->domain);
		} else if (slice_is(name, "sp")) {
			read_wish(value, &d->subdomains);
			below = true;
		} else if (slice_is(name, "adkim")) {
			d->strict = slice_is(value, "s");
		}
	}
	if (!below)
		d->subdomains = d->domain;
	return true;
}

const char *
dmarc_organisation(const char *domain)
{
	const char *found = psl_registrable_domain(psl_builtin(), domain);

	return found == NULL ? domain : found;
}

bool
dmarc_aligned(const char *domain, const char *from, bool strict)
{
	return strcmp(domain, from) == 0 ||
	       (!strict && strcmp(dmarc_organisation(domain), dmarc_organisation(from)) == 0);
}

/* The canonical domain of the one mailbox. */
static char *
domain_of(const struct field *f, struct complaint *why)
{
	struct bytes value = { 0 };
	struct complaint unused;
	struct address a;
	char *address = field_text(f, &value) ? mime_sole_address(bytes_text(&value)) : NULL;
	char *domain = NULL;

	if (address == NULL || address_parse(&a, address, strlen(address), &unused) < 0) {
		(void)complain(why, "From is not one mailbox");
	} else {
		domain = mem_text(address_domain(a.canonical));
		address_free(&a);
	}
	free(address);
	bytes_free(&value);
	return domain;
}

char *
dmarc_author(const char *header, size_t length, struct complaint *why)
{
	struct field from;
	size_t count = header_count(header, length, "From", &from);

	if (count != 1) {
		(void)complain(why, "there are %zu From fields", count);
		return NULL;
	}
	return domain_of(&from, why);
}
